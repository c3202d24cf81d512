"""Measure whether a network denoises, for weights that do not say so."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from daguerre.images.resample import resize_bicubic

__all__ = ["cleaned_share", "cleans"]

Enlarge = Callable[[Tensor], Tensor]
CLEANS = 0.25
"""Share of removed noise above which a network counts as denoising: Real-ESRGAN's remove 0.77 to 0.94, compact-x4-clean
0.35, compact-x4-photo 0.48; distortion-oriented and GAN networks 0.02 to 0.04, SRCNN 0.15, bilinear upscaling 0.21."""
SIDE = 32  # pixels of the test picture, small enough for the largest network to take a moment
NOISE = 0.04
STEP = 0.12
"""Standard deviation of the noise, and quantization step of the DCT, as in a low-quality JPEG file."""


def cleans(model: Enlarge) -> bool:
    """Whether an upscaling model removes noise and blocks; see `cleaned_share`."""
    return cleaned_share(model) > CLEANS


@torch.inference_mode()
def cleaned_share(model: Enlarge) -> float:
    """Share of a picture's noise and blocks that an upscaling model removes: 0 none, 1 all.

    A drawn picture is degraded. The difference between the input and the downscaled output is projected on the
    degradation: this counts what is removed, not what the model adds.

    Args:
        model: maps (1, 3, H, W) in [0, 1] to a larger picture.
    """
    clean = drawn()
    spoiled = blocks(clean + NOISE * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))).clamp(0, 1)
    made = model(spoiled).cpu().clamp(0, 1)
    taken = spoiled - resize_bicubic(made, SIDE, SIDE)
    fault = spoiled - clean
    return float((taken * fault).sum() / fault.square().sum())


def drawn() -> Tensor:
    """A test picture (1, 3, SIDE, SIDE) in [0, 1] of gradients, a disc, bars and lines."""
    y, x = torch.meshgrid(*[(torch.arange(SIDE) + 0.5) / SIDE] * 2, indexing="ij")
    shade = 0.35 + 0.3 * y + 0.1 * torch.sin(2 * math.pi * x)
    disc = torch.sigmoid((0.28 - torch.hypot(x - 0.62, y - 0.4)) * SIDE)
    bars = torch.sigmoid(torch.sin(2 * math.pi * 7 * x) * 8) * torch.sigmoid((y - 0.75) * SIDE)
    line = torch.exp(-(((x - y - 0.1) * SIDE / 2) ** 2))
    tints = torch.tensor([[0.8, 0.6, 0.4], [0.3, 0.5, 0.2], [-0.5, -0.5, -0.4]])
    picture = shade + sum(one * tint.view(3, 1, 1) for one, tint in zip((disc, bars, line), tints - 0.35, strict=True))
    image: Tensor = picture.clamp(0, 1)[None]
    return image


def blocks(image: Tensor) -> Tensor:
    """The picture with the DCT of 8 x 8 blocks quantized as in JPEG, high frequencies more coarsely."""
    place = torch.arange(8.0)
    cosines = torch.cos(math.pi / 8 * (place + 0.5) * place[:, None]) / 2
    cosines[0] /= math.sqrt(2)  # (frequency, place), orthonormal
    step = STEP * (1 + place + place[:, None])[:, :, None] / 4
    parts = F.unfold(image.transpose(0, 1), 8, stride=8)  # (3, 64, blocks)
    parts = parts.view(3, 8, 8, -1)
    turned = torch.einsum("fi,gj,cijn->cfgn", cosines, cosines, parts)
    turned = (turned / step).round() * step
    parts = torch.einsum("fi,gj,cfgn->cijn", cosines, cosines, turned).reshape(3, 64, -1)
    return F.fold(parts, (SIDE, SIDE), 8, stride=8).transpose(0, 1)
