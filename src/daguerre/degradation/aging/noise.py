"""Building blocks of aging: colors, seeded random numbers, smooth noise, pixel coordinates.

Generators may be on any device; random numbers are moved to the picture, so that a generator on the CPU gives the same
damage on every device.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = [
    "Colour",
    "border_distance",
    "colour",
    "pixel_coordinates",
    "smooth_noise",
    "smoothstep",
    "uniform",
    "white_noise",
]

Colour = tuple[float, float, float]
"""Red, green and blue, sRGB in [0, 1]."""


def colour(values: Colour, like: Tensor) -> Tensor:
    """A color as (3, 1, 1), with the device and type of `like`."""
    return like.new_tensor(values)[:, None, None]


def uniform(like: Tensor, low: float, high: float, generator: torch.Generator, count: int = 1) -> Tensor:
    """Uniform random numbers (B, count, 1, 1) between `low` and `high`, for each picture of `like` (B, …)."""
    drawn = torch.rand(like.shape[0], count, 1, 1, generator=generator, device=generator.device)
    return low + (high - low) * drawn.to(like)


def white_noise(like: Tensor, channels: int, generator: torch.Generator) -> Tensor:
    """Normal noise (B, channels, H, W) of mean 0 and deviation 1, independent in every pixel of `like` (B, …, H, W)."""
    batch, height, width = like.shape[0], *like.shape[-2:]
    return torch.randn(batch, channels, height, width, generator=generator, device=generator.device).to(like)


def smooth_noise(like: Tensor, size: float, generator: torch.Generator, octaves: int = 1) -> Tensor:
    """Noise (B, 1, H, W) of mean 0 and deviation about 1, in hills about `size` pixels wide.

    Args:
        octaves: each after the first adds hills of half the width and height, while they are over a pixel wide.
    """
    batch, (height, width) = like.shape[0], like.shape[-2:]
    octaves = max(1, min(octaves, 1 + int(math.log2(max(size, 1)))))
    total = like.new_zeros(batch, 1, 2, 2)
    for octave in range(octaves):
        cells = [max(2, round(length / size * 2**octave) + 1) for length in (height, width)]
        grid = torch.randn(batch, 1, *cells, generator=generator, device=generator.device).to(like)
        total = F.interpolate(total, size=cells, mode="bilinear", align_corners=True) + grid / 2**octave
    # Interpolation between independent values reduces the deviation by a sixth.
    scale = 1.2 / math.sqrt(sum(0.25**octave for octave in range(octaves)))
    return scale * F.interpolate(total, size=(height, width), mode="bicubic", align_corners=True)


def pixel_coordinates(like: Tensor) -> tuple[Tensor, Tensor]:
    """Rows (1, 1, H, 1) and columns (1, 1, 1, W) of the pixels of `like` (B, …, H, W)."""
    height, width = like.shape[-2:]
    rows = torch.arange(height, device=like.device, dtype=like.dtype)
    columns = torch.arange(width, device=like.device, dtype=like.dtype)
    return rows[:, None][None, None], columns[None, None, None]


def border_distance(like: Tensor) -> Tensor:
    """Distance of each pixel of `like` (B, …, H, W) from the nearest border, in pixels (1, 1, H, W), from 0.5."""
    y, x = pixel_coordinates(like)
    height, width = like.shape[-2:]
    return torch.minimum(torch.minimum(y, height - 1 - y), torch.minimum(x, width - 1 - x)) + 0.5


def smoothstep(x: Tensor) -> Tensor:
    """0 below 0, 1 above 1, and a smooth rise between."""
    x = x.clamp(0, 1)
    return x * x * (3 - 2 * x)
