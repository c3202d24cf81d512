"""Trains the translation between the latent spaces of old and of clean photographs.

Wan et al. 2020, https://arxiv.org/abs/2004.09484, sec. 3.2.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F

from daguerre import weights
from daguerre.errors import RecipeError
from daguerre.evaluation.metrics import psnr
from daguerre.networks.compact_translation import CompactTranslation, LatentRestoration
from daguerre.networks.compact_vae import CompactEncoder, CompactVAE
from daguerre.progress import ProgressCallback
from daguerre.training.adversarial import GENERATOR_LOSSES
from daguerre.training.build import image_losses, initial_network
from daguerre.training.data.aged_photos import AgedBatch, AgedPictures
from daguerre.training.data.detected_masks import DetectedMasks
from daguerre.training.logger import image_grid
from daguerre.training.losses import log_mse
from daguerre.training.recipe import Recipe
from daguerre.training.trainers.base import AdversarialTrainer

__all__ = ["TranslationTrainer", "mix_masks"]

DENOISER = "texture"  # name of the weights that denoise first
VALIDATION_PICTURES = 24
GRID_ROWS = 8  # pictures on a sample grid
TRUE_MASKS = 0.4  # of the examples have the true mask of their damage, the others a detected one
MOST_DILATION = 3  # masks are dilated by fewer pixels than this, since neither people nor detectors are exact

Kind = TypeVar("Kind", bound=nn.Module)


class TrainableRestoration(nn.Module):
    """A restoration of which only the translation is trained."""

    def __init__(self, restoration: LatentRestoration) -> None:
        super().__init__()
        self.restoration = restoration
        restoration.old.requires_grad_(False)
        restoration.clean.requires_grad_(False)

    def forward(self, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The restored image (B, 3, H, W) and the translated latent map."""
        latent = self.restoration.old(image)
        translated = self.restoration.translation(latent, mask)
        return self.restoration.compose(image, mask, latent, translated), translated


class TranslationTrainer(AdversarialTrainer):
    """Translate the latent maps of aged photographs to those of clean ones; tones are left to another network.

    Losses: those between two images; `hole`, L1 under the mask only; `log_mse` outside it, since grain has a hundredth
    of the error of halftones; `latent`, L1 between latent maps; `adversarial` and `feature_matching` with a multi-scale
    discriminator of images.
    """

    def __init__(self, recipe: Recipe, data: Path, fabric: Fabric, progress: ProgressCallback) -> None:
        super().__init__(recipe, fabric)
        if recipe.autoencoders is None:
            raise RecipeError("a translation needs [autoencoders] with the weights `old` and `clean`")
        self.losses = image_losses(recipe, ("hole", "latent", "log_mse", *GENERATOR_LOSSES)).to(fabric.device)
        self.pictures = AgedPictures(recipe, data, fabric, progress)
        self.left_out = self.pictures.left_out
        old = load_autoencoder("old", recipe.autoencoders.old, CompactEncoder, CompactVAE)
        clean = load_autoencoder("clean", recipe.autoencoders.clean, CompactVAE)
        encoder, translation = CompactEncoder.of(old), initial_network(recipe, CompactTranslation)
        self.optimize(TrainableRestoration(LatentRestoration(encoder, clean, translation)))
        self.detect = DetectedMasks(fabric)
        self.denoiser = weights.load(DENOISER).network.eval().to(fabric.device)
        self.validation_set = self.pictures.validation_set(VALIDATION_PICTURES)

    @property
    def averaged(self) -> LatentRestoration:
        """The restoration with averaged weights."""
        restoration = self.ema.network.get_submodule("restoration")
        assert isinstance(restoration, LatentRestoration)
        return restoration

    def training_step(self, step: int, generator: torch.Generator) -> dict[str, Tensor]:
        batch = self.pictures.draw(step, generator)
        mask = mix_masks(batch.mask, self.detect(batch.image), generator)
        restored, translated = self.model.network(self.prepare(batch.image, mask), mask)
        loss, parts = self.compare(batch, restored, translated)
        return self.adversarial_step(loss, parts, batch.toned, restored, step)

    def compare(self, batch: AgedBatch, restored: Tensor, translated: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The losses without a discriminator: weighted sum, and each part."""
        with self.fabric.autocast():
            loss, parts = self.losses(restored, batch.toned)
        own: dict[str, Tensor] = {}
        if "hole" in self.recipe.losses:
            error = ((restored - batch.toned).abs() * batch.mask).sum()
            own["hole"] = error / (3 * batch.mask.sum()).clamp(min=1)
        if "log_mse" in self.recipe.losses:
            own["log_mse"] = log_mse(restored, batch.toned, (batch.mask == 0).float())
        if "latent" in self.recipe.losses:
            with torch.no_grad(), self.fabric.autocast():
                target, _ = self.averaged.clean.encode(batch.toned)
            own["latent"] = (translated - target).abs().mean()
        for name, part in own.items():
            loss = loss + self.recipe.losses[name] * part
        return loss, parts | own

    @torch.no_grad()
    def prepare(self, image: Tensor, mask: Tensor) -> Tensor:
        """Images as in use: denoised, with damage inpainted coarsely by the averaged network."""
        with self.fabric.autocast():
            filled: Tensor = self.averaged.fill(image, mask)
            denoised: Tensor = self.denoiser(filled)
        return denoised.float().clamp(0, 1)

    @torch.inference_mode()
    def restore(self, image: Tensor, mask: Tensor) -> Tensor:
        """The averaged network's output for an image, float32 on the CPU."""
        image, mask = image.to(self.fabric.device), mask.to(self.fabric.device)
        prepared = self.prepare(image, mask)
        with self.fabric.autocast():
            restored, _ = self.ema.network(prepared, mask)
        return restored.float().cpu()  # type: ignore[no-any-return]

    def validate(self) -> dict[str, float]:
        """Mean PSNR in RGB against the clean pictures in the aged tones, over the validation set.

        Returns:
            `before` restoring; `psnr_rgb` with the true mask; `psnr_found` with the detected one; `clean`, that of
            clean pictures after.
        """
        scores: dict[str, list[Tensor]] = {"before": [], "psnr_rgb": [], "psnr_found": [], "clean": []}
        for one in self.validation_set:
            results = {
                "before": one.image,
                "psnr_rgb": self.restore(one.image, one.mask),
                "psnr_found": self.restore(one.image, self.detect(one.image)),
            }
            for name, image in results.items():
                scores[name].append(psnr(image, one.toned, channel="rgb"))
            kept = self.restore(one.clean, torch.zeros_like(one.mask))
            scores["clean"].append(psnr(kept, one.clean, channel="rgb"))
        return {name: torch.cat(values).clamp(max=100).mean().item() for name, values in scores.items()}

    def sample_grid(self) -> Tensor:
        """Validation pictures, one per row: aged, restored, target."""
        trials = self.pictures.validation_set(GRID_ROWS)
        return image_grid([[one.image, self.restore(one.image, one.mask), one.toned] for one in trials])

    def export(self) -> tuple[nn.Module, Mapping[str, Tensor]]:
        return self.averaged.translation, self.averaged.translation.state_dict()


def load_autoencoder(role: str, name: str, *kinds: type[Kind]) -> Kind:
    """Load the network of some weights, which must be one of `kinds`.

    Raises:
        RecipeError: it is another kind.
    """
    network = weights.load(name).network
    if not isinstance(network, kinds):
        raise RecipeError(f"autoencoders.{role} is a {type(network).__name__}; it must be a {kinds[-1].__name__}")
    return network


def mix_masks(true: Tensor, detected: Tensor, generator: torch.Generator) -> Tensor:
    """Masks (B, 1, H, W) as in use, drawn for each image: true or detected, with random dilation."""
    masks = []
    for k, (which, dilation) in enumerate(torch.rand(len(true), 2, generator=generator).tolist()):
        mask, radius = (true if which < TRUE_MASKS else detected)[k : k + 1], int(dilation * MOST_DILATION)
        masks.append(F.max_pool2d(mask, 2 * radius + 1, 1, radius))
    return torch.cat(masks)
