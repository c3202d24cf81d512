"""What tests of evaluation share: soft pictures, and a distance that needs no weights."""

import torch
from torch import Tensor

from daguerre.images.resample import resize_bicubic


def drawn(height: int, width: int, seed: int = 0) -> Tensor:
    """A soft random picture (1, 3, height, width) in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    return resize_bicubic(torch.rand(1, 3, 9, 9, generator=generator), height, width).clamp(0, 1)


def squared_error(a: Tensor, b: Tensor) -> Tensor:
    """Mean squared error per picture, in place of a perceptual distance."""
    return (a - b).square().mean(dim=(1, 2, 3))
