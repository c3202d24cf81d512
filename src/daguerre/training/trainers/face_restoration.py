"""Trains face refinement on aged faces restored by the networks that ship."""

from pathlib import Path

import torch
from lightning.fabric import Fabric
from torch import Tensor

from daguerre import weights
from daguerre.evaluation.metrics import psnr, ssim
from daguerre.networks.compact_face import CompactFace
from daguerre.progress import ProgressCallback
from daguerre.training.adversarial import GENERATOR_LOSSES
from daguerre.training.build import image_losses, initial_network
from daguerre.training.data.aged_photos import AgedPictures
from daguerre.training.logger import image_grid
from daguerre.training.losses import Perceptual
from daguerre.training.recipe import Recipe
from daguerre.training.trainers.base import AdversarialTrainer

__all__ = ["FaceRestorationTrainer"]

METRIC_LAYERS = {"relu2_2": 1.0, "relu3_4": 1.0, "relu4_4": 1.0}  # of the perceptual distance in validation
VALIDATION_FACES = 64
GRID_FACES = 12  # faces on a sample grid
MORE_CONTRAST = 0.3  # of the examples get more contrast, as tone correction gives them,
MOST_GAIN = 0.35  # by at most this much


class FaceRestorationTrainer(AdversarialTrainer):
    """Recover detail of faces that blur, grain, low resolution and compression removed and restoration could not
    recover.

    `aging.pool` examples are made when first drawn, each from its own number, and reused.

    Losses: those between two images; `adversarial` and `feature_matching` with a multi-scale discriminator.
    """

    def __init__(self, recipe: Recipe, data: Path, fabric: Fabric, progress: ProgressCallback) -> None:
        from daguerre.training.data.faces import FACE_SIDES, RestoredFaces

        super().__init__(recipe, fabric)
        self.losses = image_losses(recipe, GENERATOR_LOSSES).to(fabric.device)
        network = initial_network(recipe, CompactFace)
        self.pictures = AgedPictures(recipe, data, fabric, progress, least=FACE_SIDES[1])
        self.left_out = self.pictures.left_out
        self.examples = RestoredFaces(recipe, fabric, network.side)
        self.pool: dict[int, Tensor] = {}
        self.validation_set = self.make_validation_set()
        self.distance = Perceptual(weights.load(recipe.perceptual.weights).network, METRIC_LAYERS).to(fabric.device)
        self.optimize(network)

    def make_validation_set(self) -> Tensor:
        """Held-out faces and their targets, always the same: (VALIDATION_FACES, 2, 3, side, side) uint8."""
        faces = [face for part in self.pictures.clean_held_out for face in part]
        return torch.stack([self.examples.example(-1 - number, faces) for number in range(VALIDATION_FACES)])

    def draw(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """A batch of faces and their targets, (B, 3, side, side) each, with random flips and contrast."""
        chosen = torch.randint(self.recipe.aging.pool, (self.recipe.batch,), generator=generator).tolist()
        faces = [face for part in self.pictures.clean for face in part]
        for number in chosen:
            if number not in self.pool:
                self.pool[number] = self.examples.example(number, faces)
        twins = torch.stack([self.pool[number] for number in chosen]).float() / 255  # (B, 2, 3, side, side)
        flip, gain, whether = torch.rand(3, len(chosen), 1, 1, 1, 1, generator=generator)
        twins = torch.where(flip < 0.5, twins.flip(-1), twins)
        mean = twins[:, :1].mean((3, 4), keepdim=True)
        contrasted = (mean + (twins - mean) * (1 + MOST_GAIN * gain)).clamp(0, 1)
        twins = torch.where(whether < MORE_CONTRAST, contrasted, twins)
        image, target = twins.to(self.fabric.device).unbind(1)
        return self.pictures.to_device(image), self.pictures.to_device(target)

    def training_step(self, step: int, generator: torch.Generator) -> dict[str, Tensor]:
        image, target = self.draw(generator)
        refined = self.model.network(image)
        with self.fabric.autocast():
            loss, parts = self.losses(refined, target)
        return self.adversarial_step(loss, parts, target, refined, step)

    def refine(self, faces: Tensor) -> Tensor:
        """The averaged network's output for faces, on the CPU, in [0, 1]."""
        return torch.cat([self.predict(part) for part in torch.split(faces, 16)]).clamp(0, 1)

    def refined_validation_set(self) -> tuple[Tensor, Tensor, Tensor]:
        """The validation set: the input, refined, and the target."""
        image, target = (self.validation_set.float() / 255).unbind(1)
        return image, self.refine(image), target

    @torch.inference_mode()
    def validate(self) -> dict[str, float]:
        """PSNR in RGB, SSIM and perceptual distance, before and after; and the PSNR of clean faces after."""
        image, refined, target = self.refined_validation_set()
        scores, device = {}, self.fabric.device
        for name, faces in (("before", image), ("after", refined)):
            scores[f"psnr_{name}"] = psnr(faces, target, channel="rgb").clamp(max=60).mean().item()
            scores[f"ssim_{name}"] = ssim(faces, target).mean().item()
            scores[f"distance_{name}"] = self.distance(faces.to(device), target.to(device)).item()
        clean = psnr(self.refine(target), target, channel="rgb")
        return scores | {"clean": clean.clamp(max=60).mean().item()}

    def sample_grid(self) -> Tensor:
        """Validation faces, two per row: restored, refined, target."""
        faces = torch.stack(self.refined_validation_set(), 1)[:GRID_FACES]  # (GRID_FACES, 3, 3, side, side)
        return image_grid([list(torch.split(pair.flatten(0, 1), 1)) for pair in torch.split(faces, 2)])
