"""Trains the network that removes grain, noise and compression artifacts."""

import math
from pathlib import Path
from typing import NamedTuple

import torch
from lightning.fabric import Fabric
from torch import Tensor

from daguerre.degradation.aging import texture
from daguerre.evaluation.metrics import psnr
from daguerre.images.filters import sharpened
from daguerre.networks.denoising_unet import TextureUNet
from daguerre.progress import ProgressCallback
from daguerre.training.build import check_losses, initial_network
from daguerre.training.data.aged_photos import AgedPictures
from daguerre.training.data.blur import SIGMA_ERROR, Blur
from daguerre.training.logger import image_grid
from daguerre.training.losses import log_mse
from daguerre.training.prefetch import Prefetcher
from daguerre.training.recipe import Recipe
from daguerre.training.trainers.base import Trainer

__all__ = ["DenoisingTrainer", "blur_and_deconvolve", "degrade_texture"]

AGED_SHARE = 0.5  # of the examples are aged without damage; in the others only the texture is degraded
DECONVOLVED_SHARE = 0.2  # of the others were blurred and deconvolved with that blur, known up to SIGMA_ERROR
DECIMATED_SHARE = 0.1  # of the crops are every other pixel of a larger one, which makes texture as harsh as noise
VALIDATION_PICTURES = 24
GRID_ROWS = 6  # pictures on a sample grid


class DenoisingTrainer(Trainer):
    """Denoise photographs: aged ones without damage, in their aged tones, and new ones with degraded texture.

    Blur stays, because it is measured and deconvolved after denoising; the artifacts of deconvolution are removed, too.

    Losses: `log_mse`, so that slight grain counts as much as a halftone; `l1`.
    """

    def __init__(self, recipe: Recipe, data: Path, fabric: Fabric, progress: ProgressCallback) -> None:
        super().__init__(recipe, fabric)
        check_losses(recipe.losses, {"log_mse", "l1"})
        network = initial_network(recipe, TextureUNet)
        self.pictures = AgedPictures(recipe, data, fabric, progress)
        self.left_out = self.pictures.left_out
        self.prefetch = Prefetcher(self.make_batch, recipe, fabric)
        self.validation_set = self.make_validation_set()
        self.optimize(network)

    def make_validation_set(self) -> dict[str, list[tuple[Tensor, Tensor]]]:
        """Inputs and targets (1, 3, h, w) of held-out pictures, by kind of degradation; always the same."""
        names = ("aged", "plain", "sharpened", "clean")
        pairs: dict[str, list[tuple[Tensor, Tensor]]] = {name: [] for name in names}
        for number, one in enumerate(self.pictures.validation_set(VALIDATION_PICTURES)):
            generator = torch.Generator().manual_seed(number)
            target = Blur.of(one).denoising_target(one.toned)
            pairs["aged"].append((torch.where(one.mask > 0, one.toned, one.image), target))
            pairs["plain"].append(degrade_texture(one.clean, generator))
            pairs["sharpened"].append((blur_and_deconvolve(one.clean, generator), one.clean))
            pairs["clean"].append((one.clean, one.clean))
        return pairs

    def make_batch(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Inputs and targets, (B, 3, crop, crop) each, on the CPU."""
        pairs = []
        for part in self.pictures.draw_parts(self.recipe.batch, generator):
            image = self.crop_clean(part, generator)
            kind, aged_or_not = torch.rand(2, generator=generator).tolist()
            if aged_or_not >= 1 - AGED_SHARE:
                aged = self.pictures.age(image, generator)
                pairs.append((aged.image, Blur.of(aged).denoising_target(aged.toned)))
            elif kind < self.recipe.aging.untouched:
                pairs.append((image, image))
            elif kind > 1 - DECONVOLVED_SHARE:
                pairs.append((blur_and_deconvolve(image, generator), image))
            else:
                pairs.append(degrade_texture(image, generator))
        degraded, targets = (torch.cat(images) for images in zip(*pairs, strict=True))
        return degraded, targets

    def crop_clean(self, part: int, generator: torch.Generator) -> Tensor:
        """A crop (1, 3, crop, crop) of a clean picture."""
        crop = self.recipe.crop
        if torch.rand((), generator=generator) < DECIMATED_SHARE:
            decimated = self.pictures.crop_clean(part, generator, side=2 * crop)[..., ::2, ::2]
            if min(decimated.shape[2:]) == crop:
                return decimated
        return self.pictures.crop_clean(part, generator)

    def training_step(self, step: int, generator: torch.Generator) -> dict[str, Tensor]:
        degraded, target = map(self.pictures.to_device, self.prefetch(step, generator))
        denoised = self.model.network(degraded)
        parts = {
            "log_mse": log_mse(denoised, target, torch.ones_like(target[:, :1])),
            "l1": (denoised - target).abs().mean(),
        }
        return self.optimizer_step(self.weighted_sum(parts), parts, step)

    def denoise(self, image: Tensor) -> Tensor:
        """The averaged network's output for an image, on the CPU, in [0, 1]."""
        return self.predict(image).clamp(0, 1)

    def validate(self) -> dict[str, float]:
        """Mean PSNR in RGB by kind of degradation, before and after, and of clean pictures after."""
        scores: dict[str, float] = {}
        for name, pairs in self.validation_set.items():
            before = [psnr(image, target, channel="rgb").clamp(max=60) for image, target in pairs]
            after = [psnr(self.denoise(image), target, channel="rgb").clamp(max=60) for image, target in pairs]
            scores |= {} if name == "clean" else {f"{name}_before": torch.cat(before).mean().item()}
            scores[name] = torch.cat(after).mean().item()
        return scores

    def sample_grid(self) -> Tensor:
        """Validation pictures, one per row: degraded, denoised, target."""
        pairs = [
            pair for name in ("aged", "plain", "sharpened") for pair in self.validation_set[name][: GRID_ROWS // 3]
        ]
        return image_grid([[image, self.denoise(image), target] for image, target in pairs])


class TextureNumbers(NamedTuple):
    """A number for each way to degrade texture: whether it happens, or how much."""

    blur: float
    low_resolution: float
    grain: float
    noise: float
    speckle: float
    salt_and_pepper: float
    jpeg: float
    clumps: float  # of the grain: whether colored, or their size


def degrade_texture(image: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A new photograph (1, 3, H, W) with its texture degraded in one or several ways, and its denoising target."""
    happens, amount = (TextureNumbers(*row) for row in torch.rand(2, 8, generator=generator).tolist())
    blur = Blur(
        sigma=0.3 + 2.2 * amount.blur**1.5 if happens.blur < 0.3 else 0.0,
        factor=1 + 1.5 * amount.low_resolution if happens.low_resolution < 0.2 else 1.0,
    )
    degraded = blur(image)
    if happens.grain < 0.45:
        strength, size, coloured = 0.01 + 0.08 * amount.grain, 0.3 + 1.1 * amount.clumps, happens.clumps < 0.5
        degraded = texture.grain(degraded, strength=strength, size=size, coloured=coloured, generator=generator)
    if happens.noise < 0.4:
        degraded = texture.noise(degraded, strength=0.005 + 0.06 * amount.noise**1.5, generator=generator)
    if happens.speckle < 0.15:
        degraded = texture.speckle(degraded, strength=0.03 + 0.15 * amount.speckle, generator=generator)
    if happens.salt_and_pepper < 0.08:
        share = 0.0005 + 0.005 * amount.salt_and_pepper
        degraded = texture.salt_and_pepper(degraded, amount=share, generator=generator)
    if happens.jpeg < 0.5:
        degraded = texture.compress(degraded, quality=round(95 - 70 * amount.jpeg))
    return degraded, blur.denoising_target(image)


def blur_and_deconvolve(image: Tensor, generator: torch.Generator) -> Tensor:
    """A new photograph (1, 3, H, W) after blurring, slight grain and compression, and deconvolution."""
    kind, grainy, compressed, amount, size, quality = torch.rand(6, generator=generator).tolist()
    blur = Blur(sigma=0.7 + 1.8 * amount) if kind < 0.75 else Blur(factor=1.5 + amount)
    degraded = blur(image)
    if grainy < 0.6:
        strength = 0.015 * torch.rand((), generator=generator).item()
        degraded = texture.grain(degraded, strength=strength, size=1.2 * size, generator=generator)
    if compressed < 0.6:
        degraded = texture.compress(degraded, quality=round(100 - 45 * quality))
    measured = blur.equivalent_sigma * math.exp(SIGMA_ERROR * torch.randn((), generator=generator).item())
    return sharpened(degraded, measured).clamp(0, 1)
