"""Trains upscaling networks, for fidelity alone or also against a discriminator."""

from pathlib import Path

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F

from daguerre.errors import RecipeError
from daguerre.evaluation.metrics import psnr, ssim
from daguerre.progress import ProgressCallback
from daguerre.training.adversarial import GENERATOR_LOSSES
from daguerre.training.build import image_losses, initial_network
from daguerre.training.data.sr_pairs import SuperResolutionPairs
from daguerre.training.logger import image_grid
from daguerre.training.recipe import Recipe
from daguerre.training.trainers.base import AdversarialTrainer
from daguerre.weights.registry import task_of

__all__ = ["SuperResolutionTrainer"]

GRID_ROWS = 4  # pictures on a sample grid


class SuperResolutionTrainer(AdversarialTrainer):
    """Upscale a small picture to match the true large one.

    With a [discriminator], alternating: generator, discriminator, generator, …; Ledig et al. 2017 (SRGAN),
    https://arxiv.org/abs/1609.04802; Wang et al. 2018 (ESRGAN), https://arxiv.org/abs/1809.00219, section 3.

    Losses: those between two images; `adversarial`, and `feature_matching` with a multi-scale discriminator.
    """

    def __init__(self, recipe: Recipe, data: Path, fabric: Fabric, progress: ProgressCallback) -> None:
        super().__init__(recipe, fabric)
        if task_of(recipe.network.name) != "upscale":
            raise RecipeError(f"this step trains networks that upscale, not {recipe.network.name}")
        network = initial_network(recipe, nn.Module)
        self.scale = int(getattr(network, "scale", 1))
        self.losses = image_losses(recipe, GENERATOR_LOSSES).to(fabric.device)
        self.optimize(network)
        self.pairs = SuperResolutionPairs(recipe, data, self.scale, fabric, progress)
        self.left_out = self.pairs.left_out

    def training_step(self, step: int, generator: torch.Generator) -> dict[str, Tensor]:
        low, *targets = self.pairs.draw(generator)
        fake, wanted, truth = self.cut([self.model.network(low), *targets], generator)
        against_truth = dict.fromkeys(self.recipe.teachers.truth if self.recipe.teachers else (), truth)
        with self.fabric.autocast():
            loss, parts = self.losses(fake, wanted, against_truth)
        return self.adversarial_step(loss, parts, against_truth.get("adversarial", wanted), fake, step)

    def cut(self, images: list[Tensor], generator: torch.Generator) -> list[Tensor]:
        """The same random crop of each image (B, 3, H, W), without what the recipe has surround it."""
        if not self.recipe.surround:
            return images
        top, left = torch.randint(self.recipe.surround + 1, (2,), generator=generator).tolist()
        side = self.recipe.crop
        return [image[..., top : top + side, left : left + side] for image in images]

    def validate(self) -> dict[str, float]:
        """Mean PSNR and SSIM on Y over the validation set, with `scale` pixels of the border cropped."""
        pairs = [(self.predict(low), high.cpu()) for low, high in self.pairs.validation_set]
        return {
            name: torch.cat([metric(made, high, border=self.scale) for made, high in pairs]).mean().item()
            for name, metric in (("psnr_y", psnr), ("ssim_y", ssim))
        }

    def sample_grid(self) -> Tensor:
        """Validation pictures, one per row: low resolution, without smoothing; upscaled; high resolution."""
        return image_grid(
            [
                [F.interpolate(low, scale_factor=self.scale).cpu(), self.predict(low), high.cpu()]
                for low, high in self.pairs.validation_set[:GRID_ROWS]
            ]
        )
