"""Trains the autoencoders of restoration, of clean and of old photographs.

Wan et al. 2020, https://arxiv.org/abs/2004.09484, sec. 3.1.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from daguerre.errors import RecipeError
from daguerre.evaluation.metrics import psnr
from daguerre.networks.compact_vae import CompactEncoder
from daguerre.progress import ProgressCallback
from daguerre.training.adversarial import GENERATOR_LOSSES
from daguerre.training.build import image_losses, initial_network
from daguerre.training.data.aged_photos import AgedPictures
from daguerre.training.logger import image_grid
from daguerre.training.losses import KL
from daguerre.training.recipe import Recipe
from daguerre.training.trainers.base import AdversarialTrainer

__all__ = ["AutoencoderTrainer"]

VALIDATION_PICTURES = 24
GRID_ROWS = 8  # pictures on a sample grid


class Autoencoder(nn.Module):
    """An autoencoder whose parts are all called in one `forward`, as distributed training requires."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The reconstruction from a sampled latent map (B, 3, H, W), and the map's mean and log variance."""
        mean, log_variance = self.network.encode(image)  # type: ignore[operator]
        return self.network.decode(self.network.sample(mean, log_variance)), mean, log_variance  # type: ignore[operator]


class AutoencoderTrainer(AdversarialTrainer):
    """Reconstruct the input; with a discriminator, real old photographs and aged ones share one latent space.

    Losses: those between two images, `kl`, and `adversarial`, which makes aged photographs resemble real ones.
    """

    def __init__(self, recipe: Recipe, data: Path, fabric: Fabric, progress: ProgressCallback) -> None:
        super().__init__(recipe, fabric)
        self.optimize(Autoencoder(initial_network(recipe, nn.Module)))
        if self.discriminator and not recipe.aging.real:
            raise RecipeError("the discriminator compares with real old photographs; name their parts in aging.real")
        self.losses = image_losses(recipe, ("kl", *GENERATOR_LOSSES)).to(fabric.device)
        self.kl = KL()
        self.pictures = AgedPictures(recipe, data, fabric, progress)
        self.left_out = self.pictures.left_out
        trials = self.pictures.validation_set(VALIDATION_PICTURES)
        self.validation_set = [one.image if recipe.aging.untouched < 1 else one.clean for one in trials]

    def training_step(self, step: int, generator: torch.Generator) -> dict[str, Tensor]:
        aged = self.pictures.draw(step, generator).image
        images = torch.cat([aged, self.pictures.draw_real(generator)]) if self.pictures.real else aged
        decoded, mean, log_variance = self.model.network(images)
        with self.fabric.autocast():
            loss, parts = self.losses(decoded, images)
        parts["kl"] = self.kl(mean, log_variance)
        loss = loss + self.recipe.losses.get("kl", 0.0) * parts["kl"]
        of_aged, of_real = mean.chunk(2) if self.discriminator else (mean, mean)
        return self.adversarial_step(loss, parts, of_real, of_aged, step)

    @torch.inference_mode()
    def reconstruct(self, image: Tensor) -> Tensor:
        """The averaged autoencoder's reconstruction of an image, without noise, on the CPU."""
        with self.fabric.autocast():
            made: Tensor = self.ema.network.get_submodule("network")(image.to(self.fabric.device))
        return made.float().cpu()

    def validate(self) -> dict[str, float]:
        """Mean PSNR in RGB of reconstructed validation pictures, aged unless the recipe ages none."""
        scores = [psnr(self.reconstruct(image), image, channel="rgb") for image in self.validation_set]
        return {"psnr_rgb": torch.cat(scores).clamp(max=100).mean().item()}

    def sample_grid(self) -> Tensor:
        """Validation pictures, one a row: the input and its reconstruction."""
        return image_grid([[image, self.reconstruct(image)] for image in self.validation_set[:GRID_ROWS]])

    def export(self) -> tuple[nn.Module, Mapping[str, Tensor]]:
        network = self.ema.network.get_submodule("network")
        network = CompactEncoder.of(network) if self.recipe.keep == "encoder" else network
        return network, network.state_dict()
