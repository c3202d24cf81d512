"""The step that trains the refinement of faces, on what the restoration that ships leaves of aged ones."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from daguerre import weights
from daguerre.errors import RecipeError
from daguerre.evaluation.metrics import psnr, ssim
from daguerre.networks.compact_face import CompactFace
from daguerre.progress import ProgressCallback
from daguerre.training.adversarial import Contest, Opponent
from daguerre.training.build import image_losses, start
from daguerre.training.data.aged_photos import AgedPictures
from daguerre.training.losses import Perceptual
from daguerre.training.recipe import Recipe
from daguerre.training.trainers.translation import sheet

__all__ = ["Faces"]

LOOKED_AT = {"relu2_2": 1.0, "relu3_4": 1.0, "relu4_4": 1.0}  # layers that tell how different faces look
TRIALS = 64  # faces held out that are judged
SHOWN = 12  # of them on a sample sheet
GAIN = 0.35  # how much contrast may be added, as setting the tones right does


class Faces:
    """Give faces back what blur, grain, low resolution and compression took and restoration could not return.

    `aging.pool` examples are made when first drawn, each from its own number, and drawn again and again.

    Losses: those between two images; `adversarial` and `feature_matching` with a multi-scale discriminator.
    """

    def __init__(self, recipe: Recipe, data: Path, fabric: Fabric, progress: ProgressCallback) -> None:
        from daguerre.training.data.faces import SIZES, RestoredFaces

        self.recipe, self.fabric = recipe, fabric
        self.losses = image_losses(recipe, Opponent.losses).to(fabric.device)
        network = start(recipe)
        if not isinstance(network, CompactFace):
            raise RecipeError(f"this step trains CompactFace, not {recipe.network.name}")
        self.pictures = AgedPictures(recipe, data, fabric, progress, least=SIZES[1])
        self.left_out = self.pictures.left_out
        self.labels: list[str] = []
        self.examples = RestoredFaces(recipe, fabric, network.side)
        self.made: dict[int, Tensor] = {}
        self.trials = self.make_trials()
        self.distance = Perceptual(weights.load(recipe.perceptual.weights).network, LOOKED_AT).to(fabric.device)
        self.contest = Contest(recipe, fabric, network)

    def make_trials(self) -> Tensor:
        """Faces held out, always the same: (TRIALS, 2, 3, side, side) uint8."""
        faces = [face for part in self.pictures.held_out for face in part]
        return torch.stack([self.examples.example(-1 - number, faces) for number in range(TRIALS)])

    def draw(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """A batch of faces and of what they should become, mirrored and with more contrast at random."""
        chosen = torch.randint(self.recipe.aging.pool, (self.recipe.batch,), generator=generator).tolist()
        faces = [face for part in self.pictures.parts for face in part]
        for number in chosen:
            if number not in self.made:
                self.made[number] = self.examples.example(number, faces)
        twins = torch.stack([self.made[number] for number in chosen]).float() / 255  # (B, 2, 3, side, side)
        mirror, gain, often = torch.rand(3, len(chosen), 1, 1, 1, 1, generator=generator)
        twins = torch.where(mirror < 0.5, twins.flip(-1), twins)
        middle = twins[:, :1].mean((3, 4), keepdim=True)
        twins = torch.where(often < 0.3, (middle + (twins - middle) * (1 + GAIN * gain)).clamp(0, 1), twins)
        image, wanted = twins.to(self.fabric.device).unbind(1)
        return tuple(part.contiguous(memory_format=torch.channels_last) for part in (image, wanted))  # type: ignore[return-value]

    def learn(self, step: int, generator: torch.Generator) -> dict[str, Tensor]:
        image, wanted = self.draw(generator)
        made = self.contest.network(image)
        with self.fabric.autocast():
            loss, parts = self.losses(made, wanted)
        return self.contest.improve(loss, parts, wanted, made, step)

    @torch.inference_mode()
    def refine(self, image: Tensor) -> Tensor:
        """What the averaged network makes of faces, float32 on the processor."""
        with self.fabric.autocast():
            made = self.contest.average.network(image.to(self.fabric.device))
        return made.float().clamp(0, 1).cpu()  # type: ignore[no-any-return]

    def refine_all(self, faces: Tensor) -> Tensor:
        return torch.cat([self.refine(part) for part in torch.split(faces, 16)])

    def tried(self) -> tuple[Tensor, Tensor, Tensor]:
        """The trials: as they come, refined, and wanted."""
        image, wanted = (self.trials.float() / 255).unbind(1)
        return image, self.refine_all(image), wanted

    @torch.inference_mode()
    def judge(self) -> dict[str, float]:
        """PSNR in RGB, SSIM and perceptual loss of faces held out, before and after; and what clean ones keep."""
        image, made, wanted = self.tried()
        scores, device = {}, self.fabric.device
        for name, faces in (("before", image), ("after", made)):
            scores[f"psnr_{name}"] = psnr(faces, wanted, channel="rgb").clamp(max=60).mean().item()
            scores[f"ssim_{name}"] = ssim(faces, wanted).mean().item()
            scores[f"distance_{name}"] = self.distance(faces.to(device), wanted.to(device)).item()
        clean = psnr(self.refine_all(wanted), wanted, channel="rgb")
        return scores | {"clean": clean.clamp(max=60).mean().item()}

    def show(self) -> Tensor:
        """Faces held out, two in a row: restored, refined, wanted."""
        rows = torch.stack(self.tried(), 1)[:SHOWN]  # (SHOWN, 3, 3, side, side)
        return sheet([list(torch.split(pair.flatten(0, 1), 1)) for pair in torch.split(rows, 2)])

    def state(self) -> dict[str, Any]:
        return self.contest.state()

    def result(self) -> tuple[nn.Module, Mapping[str, Tensor]]:
        return self.contest.average.network, self.contest.average.network.state_dict()
