"""Degradation of texture: blur, grain, noise, low resolution, halftones.

Every function maps images (B, 3, H, W) in [0, 1] to the same; a strength of 0 changes nothing.
"""

import math

import torch
from torch import Tensor

from daguerre.degradation.aging.noise import pixel_coordinates, white_noise
from daguerre.degradation.jpeg import jpeg
from daguerre.images.filters import gaussian
from daguerre.images.resample import resize_bicubic

__all__ = ["blur", "compress", "grain", "halftone", "low_resolution", "noise", "salt_and_pepper", "speckle"]


def blur(image: Tensor, *, sigma: float) -> Tensor:
    """Blur with a Gaussian, as a simple lens, a shaky copy or spread ink does; borders are mirrored.

    Separable and of any width, since aged pictures may be large; `daguerre.degradation.real_esrgan` has 21 x 21 kernels
    per picture.

    Args:
        sigma: standard deviation in pixels, from 0.
    """
    return gaussian(image, sigma) if sigma > 0 else image


def grain(
    image: Tensor, *, strength: float = 0.06, size: float = 1.0, coloured: bool = False, generator: torch.Generator
) -> Tensor:
    """Add film grain: clumps of silver, most visible in the middle tones, least in black and white.

    Args:
        strength: standard deviation in middle gray, in [0, 1].
        size: of the clumps: sigma of the Gaussian that correlates neighbors, in pixels; 0 for independent pixels.
        coloured: three layers with their own grain, as in color film.
    """
    clumps = white_noise(image, 3 if coloured else 1, generator)
    if size > 0:
        clumps = blur(clumps, sigma=size)
        clumps = clumps * (max(1.0, 2 * size * math.sqrt(math.pi)))  # a Gaussian leaves 1 / (2 σ √π) of white noise
    light = image if coloured else image.mean(1, keepdim=True)
    visible = 0.25 + 3 * light * (1 - light)  # 1 in the middle, a quarter at both ends
    return (image + strength * visible * clumps).clamp(0, 1)


def noise(image: Tensor, *, strength: float = 0.03, generator: torch.Generator) -> Tensor:
    """Add scanner noise: Gaussian, with deviation `strength` in [0, 1], independent in every pixel and channel."""
    return (image + strength * white_noise(image, 3, generator)).clamp(0, 1)


def speckle(image: Tensor, *, strength: float = 0.1, generator: torch.Generator) -> Tensor:
    """Multiply by noise of mean 1 and deviation `strength`, the same in all channels: a rough surface under a lamp."""
    return (image * (1 + strength * white_noise(image, 1, generator))).clamp(0, 1)


def salt_and_pepper(image: Tensor, *, amount: float = 0.01, generator: torch.Generator) -> Tensor:
    """Turn single pixels white or black.

    Args:
        amount: fraction of the pixels, in [0, 1]; half of them white, half black.
    """
    shape = (image.shape[0], 1, *image.shape[-2:])
    drawn = torch.rand(shape, generator=generator, device=generator.device).to(image)
    image = torch.where(drawn < amount / 2, torch.ones_like(image), image)
    return torch.where(drawn > 1 - amount / 2, torch.zeros_like(image), image)


def low_resolution(image: Tensor, *, factor: float) -> Tensor:
    """Downscale by `factor`, at least 1, and upscale again, both bicubic: a small copy, or a fax of a copy."""
    height, width = image.shape[-2:]
    low = resize_bicubic(image, max(1, round(height / factor)), max(1, round(width / factor)))
    return resize_bicubic(low, height, width).clamp(0, 1)


def compress(image: Tensor, *, quality: int) -> Tensor:
    """Compress as JPEG by `daguerre.degradation.jpeg`, at a `quality` from 1 to 100; gray stays gray."""
    return jpeg(image, image.new_full((len(image),), quality))


def halftone(
    image: Tensor, *, strength: float = 1.0, period: float = 4.0, angle: float = 45.0, contrast: float = 4.0
) -> Tensor:
    """Halftone screen: tones become dots of ink whose area is the tone, as in newspapers.

    Thresholds are ranked to be uniformly distributed, so the mean tone is kept.

    Args:
        strength: 1 for dots only; less blends with the original tones.
        period: distance of the dots in pixels, at least 2.
        angle: of the screen in degrees.
        contrast: hardness of the dots' edges; high values give only ink and paper.
    """
    y, x = pixel_coordinates(image)
    turn = math.radians(angle)
    along = (x * math.cos(turn) + y * math.sin(turn)) * (2 * math.pi / period)
    across = (y * math.cos(turn) - x * math.sin(turn)) * (2 * math.pi / period)
    screen = torch.cos(along) + torch.cos(across)  # (1, 1, H, W) in [-2, 2]
    phase = (torch.arange(64, device=image.device, dtype=image.dtype) + 0.5) * (2 * math.pi / 64)
    cell = (torch.cos(phase)[:, None] + torch.cos(phase)).flatten().sort().values
    ranks = torch.searchsorted(cell, torch.linspace(-2, 2, 513, device=image.device)) / cell.numel()
    rank = ranks[((screen + 2) * 128).round().long()]  # even in [0, 1]
    tone = blur(image, sigma=period / 4)  # a dot has one tone, whatever the detail under it
    return torch.lerp(image, (0.5 + (tone - rank) * contrast).clamp(0, 1), min(strength, 1.0))
