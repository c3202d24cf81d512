"""Real-ESRGAN's degradation of photographs: blur, resizing, noise and JPEG, twice over.

Images are (B, 3, H, W) in [0, 1]; every image of a batch gets its own random blur, noise and JPEG quality; all
arithmetic is done on the images' device.
Wang et al. 2021 (Real-ESRGAN), https://arxiv.org/abs/2107.10833, section 3; the numbers are those of the authors'
training (`options/train_realesrgan_x4plus.yml`).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from daguerre.degradation.jpeg import jpeg
from daguerre.options import check_range, check_span

__all__ = [
    "Degradation",
    "DegradationStage",
    "apply_kernels",
    "degrade",
    "gaussian_kernels",
    "gaussian_noise",
    "plateau_kernels",
    "poisson_noise",
    "resize",
    "sinc_kernels",
]

SIDE = 21  # of every blur kernel, in pixels; smaller ones are padded with zeros

Range = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class DegradationStage:
    """One round of degradation; values are drawn uniformly from ranges.

    Args:
        blur: probability of a blur.
        sinc: probability that the blur is a sinc filter, which causes ringing.
        sigma: standard deviation of the blur, in pixels.
        up, down: probabilities of upscaling and downscaling; otherwise the size stays.
        resize: smallest and largest scale factor.
        gaussian: probability that the noise is Gaussian; else it is Poisson.
        noise: standard deviation of Gaussian noise, in levels of 255.
        poisson: scale of Poisson noise; 1 is the noise of 255 photons in white.
        grey: probability that the noise is the same in all channels.
        quality: JPEG quality.
    """

    blur: float = 1.0
    sinc: float = 0.1
    sigma: Range = (0.2, 3.0)
    up: float = 0.2
    down: float = 0.7
    resize: Range = (0.15, 1.5)
    gaussian: float = 0.5
    noise: Range = (1.0, 30.0)
    poisson: Range = (0.05, 3.0)
    grey: float = 0.4
    quality: Range = (30.0, 95.0)

    def __post_init__(self) -> None:
        for name in ("blur", "sinc", "up", "down", "gaussian", "grey"):
            check_range(name, getattr(self, name), 0, 1)
        spans = {"sigma": (0.01, 20), "resize": (0.01, 10), "noise": (0, 255), "poisson": (0, 100), "quality": (1, 100)}
        for name, (low, high) in spans.items():
            check_span(name, getattr(self, name), low, high)


SECOND = DegradationStage(
    blur=0.8, sigma=(0.2, 1.5), up=0.3, down=0.4, resize=(0.3, 1.2), noise=(1.0, 25.0), poisson=(0.05, 2.5)
)


@dataclass(frozen=True, kw_only=True)
class Degradation:
    """Two stages, and the probability of a sinc filter at the end."""

    first: DegradationStage = DegradationStage()
    second: DegradationStage = SECOND
    final_sinc: float = 0.8

    def __post_init__(self) -> None:
        check_range("final_sinc", self.final_sinc, 0, 1)


def degrade(high: Tensor, scale: int, plan: Degradation, generator: torch.Generator) -> Tensor:
    """Make the low-resolution, degraded versions of a batch.

    Differs from the paper: there is no pool of earlier batches to mix with, so the intermediate sizes are the same for
    all images of a batch; the border is replicated.

    Args:
        high: (B, 3, H, W) in [0, 1]; H and W multiples of `scale`.
        scale: side of `high` over that of the result.
        generator: on the CPU.

    Returns:
        (B, 3, H / scale, W / scale) in [0, 1], in steps of 1/255.
    """
    height, width = high.shape[-2:]
    image = apply_kernels(high, random_kernels(high, plan.first, generator))
    image = random_resize(image, height, width, plan.first, generator)
    image = random_noise(image, plan.first, generator)
    image = jpeg(image, evenly(image, plan.first.quality, generator))

    height, width = height // scale, width // scale
    image = apply_kernels(image, random_kernels(image, plan.second, generator))
    image = random_resize(image, height, width, plan.second, generator)
    image = random_noise(image, plan.second, generator)
    quality = evenly(image, plan.second.quality, generator)
    ringing = happens(image, plan.final_sinc, generator)
    last = select(ringing, random_sinc(image, generator), identity(image))
    if torch.rand((), generator=generator) < 0.5:
        return jpeg(apply_kernels(resize(image, height, width, random_mode(generator)), last), quality)
    image = apply_kernels(resize(jpeg(image, quality), height, width, random_mode(generator)), last)
    return (image * 255).round().clamp(0, 255) / 255


# Blur.


def offsets(like: Tensor) -> tuple[Tensor, Tensor]:
    """Offsets of a kernel's places from its center, (1, SIDE, SIDE), downwards and to the right, in pixels."""
    line = torch.arange(SIDE, dtype=torch.float32, device=like.device) - SIDE // 2
    return line.view(1, -1, 1).expand(1, SIDE, SIDE), line.view(1, 1, -1).expand(1, SIDE, SIDE)


def mahalanobis(sigma: Tensor, other: Tensor, angle: Tensor) -> Tensor:
    """Squared Mahalanobis distance (B, SIDE, SIDE) from the center, for a rotated ellipse.

    Args:
        sigma, other: standard deviations (B,) along the ellipse's axes, in pixels.
        angle: of the first axis from the horizontal, (B,) in radians.
    """
    y, x = offsets(sigma)
    cos, sin, sigma, other = (value.view(-1, 1, 1) for value in (angle.cos(), angle.sin(), sigma, other))
    return ((x * cos + y * sin) / sigma) ** 2 + ((y * cos - x * sin) / other) ** 2


def gaussian_kernels(sigma: Tensor, other: Tensor, angle: Tensor, shape: Tensor) -> Tensor:
    """Kernels (B, SIDE, SIDE) proportional to exp(-d^shape / 2), with d the squared distance in standard deviations.

    A `shape` of 1 is a Gaussian; smaller values have longer tails, larger ones a flatter top. All arguments are (B,).
    """
    return normalize_kernels(torch.exp(-0.5 * mahalanobis(sigma, other, angle) ** shape.view(-1, 1, 1)))


def plateau_kernels(sigma: Tensor, other: Tensor, angle: Tensor, shape: Tensor) -> Tensor:
    """Kernels (B, SIDE, SIDE) proportional to 1 / (1 + d^shape), with d the squared distance in standard deviations."""
    return normalize_kernels(1 / (1 + mahalanobis(sigma, other, angle) ** shape.view(-1, 1, 1)))


def sinc_kernels(cutoff: Tensor) -> Tensor:
    """Kernels (B, SIDE, SIDE) of a circular low-pass filter: c J1(c r) / (2 π r), with `cutoff` c (B,) in radians."""
    y, x = offsets(cutoff)
    radius = torch.hypot(y, x).clamp(min=1e-3)
    cutoff = cutoff.view(-1, 1, 1)
    return normalize_kernels(cutoff * torch.special.bessel_j1(cutoff * radius) / (2 * math.pi * radius))


def normalize_kernels(kernels: Tensor) -> Tensor:
    """Kernels that sum to 1 each."""
    return kernels / kernels.sum(dim=(1, 2), keepdim=True)


def crop_kernels(kernels: Tensor, sides: Tensor) -> Tensor:
    """Kernels with zeros outside the central square, whose odd side is given for each, (B,)."""
    y, x = offsets(kernels)
    return normalize_kernels(kernels * (torch.maximum(y.abs(), x.abs()) <= sides.view(-1, 1, 1) // 2))


def identity(like: Tensor) -> Tensor:
    """Identity kernels, one per image."""
    kernels = like.new_zeros(len(like), SIDE, SIDE)
    kernels[:, SIDE // 2, SIDE // 2] = 1
    return kernels


def random_sides(like: Tensor, generator: torch.Generator) -> Tensor:
    """Odd sides (B,) from 7 to SIDE."""
    return 7 + 2 * torch.randint((SIDE - 7) // 2 + 1, (len(like),), generator=generator).to(like.device)


def random_sinc(like: Tensor, generator: torch.Generator) -> Tensor:
    """Sinc kernels, one per image; small ones have higher cutoffs than large ones."""
    sides = random_sides(like, generator)
    lowest = torch.where(sides < 13, math.pi / 3, math.pi / 5)
    return crop_kernels(sinc_kernels(lowest + evenly(like, (0, 1), generator) * (math.pi - lowest)), sides)


def random_kernels(like: Tensor, stage: DegradationStage, generator: torch.Generator) -> Tensor:
    """Random kernels, one per image: Gaussian 70 %, generalized 15 %, plateau 15 %; or sinc, or identity."""
    kind = evenly(like, (0, 1), generator)
    sigma, other = evenly(like, stage.sigma, generator), evenly(like, stage.sigma, generator)
    angle = evenly(like, (-math.pi, math.pi), generator)
    round_too = (kind < 0.45) | ((kind > 0.70) & (kind < 0.82)) | ((kind > 0.85) & (kind < 0.97))
    other = torch.where(round_too, sigma, other)
    flat = happens(like, 0.5, generator)
    shape = torch.where(flat, evenly(like, (1, 4), generator), evenly(like, (0.5, 1), generator))
    smooth = gaussian_kernels(sigma, other, angle, torch.where(kind < 0.7, 1.0, shape))
    plateau = plateau_kernels(sigma, other, angle, evenly(like, (1, 2), generator))
    smooth = crop_kernels(select(kind < 0.85, smooth, plateau), random_sides(like, generator))
    chosen = select(happens(like, stage.sinc, generator), random_sinc(like, generator), smooth)
    return select(happens(like, stage.blur, generator), chosen, identity(like))


def apply_kernels(image: Tensor, kernels: Tensor) -> Tensor:
    """Blur each image (B, C, H, W) with its own kernel (B, SIDE, SIDE); the border is replicated."""
    batch, channels, height, width = image.shape
    padded = F.pad(image, [SIDE // 2] * 4, mode="replicate").reshape(1, batch * channels, height + SIDE - 1, -1)
    weights = kernels[:, None].expand(-1, channels, -1, -1).reshape(batch * channels, 1, SIDE, SIDE)
    return F.conv2d(padded, weights, groups=batch * channels).view(batch, channels, height, width)


# Size.


def resize(image: Tensor, height: int, width: int, mode: str) -> Tensor:
    """Resize without care: area averaging, or `bilinear` or `bicubic` without antialiasing."""
    if mode == "area":
        return F.interpolate(image, (height, width), mode=mode)
    return F.interpolate(image, (height, width), mode=mode, align_corners=False)


def random_mode(generator: torch.Generator) -> str:
    return ("area", "bilinear", "bicubic")[int(torch.randint(3, (), generator=generator))]


def random_resize(
    image: Tensor, height: int, width: int, stage: DegradationStage, generator: torch.Generator
) -> Tensor:
    """Resize a batch to (height, width) times one random factor."""
    way, part = torch.rand(2, generator=generator).tolist()
    factor = 1.0
    if way < stage.up:
        factor = 1 + part * (stage.resize[1] - 1)
    elif way < stage.up + stage.down:
        factor = stage.resize[0] + part * (1 - stage.resize[0])
    return resize(image, max(1, round(height * factor)), max(1, round(width * factor)), random_mode(generator))


# Noise.


def gaussian_noise(image: Tensor, sigma: Tensor, grey: Tensor, generator: torch.Generator) -> Tensor:
    """Add normal noise.

    Args:
        sigma: standard deviation (B,), in [0, 1].
        grey: whether all channels of an image get the same noise, (B,) bool.
        generator: on the image's device.
    """
    noise = torch.randn(image.shape, generator=generator, device=image.device)
    return (image + sigma.view(-1, 1, 1, 1) * select(grey, noise[:, :1].expand_as(noise), noise)).clamp(0, 1)


def poisson_noise(image: Tensor, strength: Tensor, grey: Tensor, generator: torch.Generator) -> Tensor:
    """Add Poisson noise: a white pixel counts 255 photons on average.

    Differs from the paper's code: 255 photons instead of as many as the image has different values.

    Args:
        strength: factor on the deviation from the mean, (B,).
        grey: whether all channels of an image get the same noise, counted in their mean, (B,) bool.
        generator: on the image's device.
    """
    light = select(grey, image.mean(dim=1, keepdim=True).expand_as(image), image).clamp(0, 1) * 255
    counts = torch.poisson(light, generator=generator)
    counts = select(grey, counts[:, :1].expand_as(counts), counts)
    return (image + strength.view(-1, 1, 1, 1) * (counts - light) / 255).clamp(0, 1)


def random_noise(image: Tensor, stage: DegradationStage, generator: torch.Generator) -> Tensor:
    """Add Gaussian or Poisson noise to each image."""
    normal, grey = happens(image, stage.gaussian, generator), happens(image, stage.grey, generator)
    sigma = evenly(image, stage.noise, generator) / 255
    strength = evenly(image, stage.poisson, generator)
    # Noise is drawn on the image's device, seeded from the CPU's generator.
    seed = int(torch.randint(2**62, (), generator=generator))
    there = torch.Generator(image.device).manual_seed(seed)
    return select(normal, gaussian_noise(image, sigma, grey, there), poisson_noise(image, strength, grey, there))


# Random numbers.


def evenly(like: Tensor, bounds: Range, generator: torch.Generator) -> Tensor:
    """Uniform random numbers from `bounds`, one per image, (B,), on its device."""
    return (bounds[0] + (bounds[1] - bounds[0]) * torch.rand(len(like), generator=generator)).to(like.device)


def happens(like: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """True with `probability` for each image, (B,) bool, on its device."""
    return (torch.rand(len(like), generator=generator) < probability).to(like.device)


def select(which: Tensor, yes: Tensor, no: Tensor) -> Tensor:
    """Like `torch.where` per image or kernel: `yes` where `which` (B,) is true, else `no`."""
    return torch.where(which.view(-1, *[1] * (yes.ndim - 1)), yes, no)
