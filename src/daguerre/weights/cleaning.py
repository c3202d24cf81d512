"""Whether a network takes noise and compression away, measured, for weights that do not say so."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from daguerre.images.resample import resize_bicubic

__all__ = ["cleaned_share", "cleans"]

Enlarge = Callable[[Tensor], Tensor]
CLEANS = 0.25
"""Share of the noise from which a network is one that cleans: Real-ESRGAN's take 0.77 to 0.94, compact-x4-clean 0.35,
compact-x4-photo 0.48; faithful and vivid networks take 0.02 to 0.04, SRCNN 0.15, bilinear enlargement 0.21."""
SIDE = 32  # pixels of the drawn picture, so that the largest network is done in a moment
NOISE = 0.04
STEP = 0.12
"""Deviation of the noise, and step to which the cosines of blocks are rounded, as in a JPEG file of low quality."""


def cleans(model: Enlarge) -> bool:
    """Whether a model that enlarges is meant to take noise and blocks away; for the rest as `cleaned_share`."""
    return cleaned_share(model) > CLEANS


@torch.inference_mode()
def cleaned_share(model: Enlarge) -> float:
    """How much of the noise and the blocks of a picture a model that enlarges takes away: 0 nothing, 1 all.

    A picture is drawn and spoiled. Where what the model makes, shrunk again, differs from its input, it either
    comes back to the picture that was drawn, or adds what it has learned; the share is that of the first.

    Args:
        model: makes of (1, 3, H, W) in [0, 1] a larger picture.
    """
    clean = drawn()
    spoiled = blocks(clean + NOISE * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))).clamp(0, 1)
    made = model(spoiled).cpu().clamp(0, 1)
    taken = spoiled - resize_bicubic(made, SIDE, SIDE)
    fault = spoiled - clean
    return float((taken * fault).sum() / fault.square().sum())


def drawn() -> Tensor:
    """A picture (1, 3, SIDE, SIDE) in [0, 1] of soft shades, a disc, bars and lines."""
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
    """The picture in blocks of 8 x 8 pixels whose cosines are rounded as in JPEG, fine ones more than coarse ones."""
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
