"""Convert between pixel values, as in files, and tensors, as for networks."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from daguerre.tiling.windows import Window

__all__ = ["Levels", "array_of", "batched", "check_inside", "luma", "to_levels", "to_tensor"]

Levels = NDArray[np.unsignedinteger[Any]]
"""Pixel values (height, width, channels) from 0 to 255 (uint8) or 65535 (uint16)."""


def to_tensor(levels: Levels) -> Tensor:
    """Convert `levels` (H, W, C), 8 or 16 bits, to an image (1, C, H, W), float32 in [0, 1]."""
    planes = levels.transpose(2, 0, 1).astype(np.float32, order="C")
    return torch.from_numpy(planes).div_(float(np.iinfo(levels.dtype).max))[None]


def to_levels(image: Tensor, bits: int) -> Levels:
    """Convert `image` (1, C, H, W) in [0, 1] to pixel values (H, W, C) of 8 or 16 bits, rounded and clamped.

    Inverts `to_tensor` exactly: float32 separates 65535 values by more than 200 of its own steps.
    """
    kind = torch.uint8 if bits == 8 else torch.uint16
    scaled = image.detach().to("cpu", torch.float32).clamp(0, 1).mul_(float(torch.iinfo(kind).max)).round_()
    # Round first, then interleave, because bytes move faster than floats.
    return scaled[0].to(kind).permute(1, 2, 0).contiguous().numpy()


def batched(image: Tensor) -> Tensor:
    """An image (C, H, W), or (1, C, H, W) already, as (1, C, H, W), with C from 1 to 4.

    Raises:
        ValueError: another shape.
    """
    made = image[None] if image.ndim == 3 else image
    if made.ndim != 4 or made.shape[0] != 1 or not 1 <= made.shape[1] <= 4 or 0 in made.shape:
        shape = tuple(image.shape)
        raise ValueError(f"a tensor of shape {shape} is no picture; it must be (1 to 4, H, W) or (1, 1 to 4, H, W)")
    return made


def array_of(image: Tensor) -> NDArray[Any]:
    """An image (C, H, W) or (1, C, H, W) as an array (H, W, C) of the same values.

    Raises:
        ValueError: another shape.
    """
    planes = batched(image)[0].detach().cpu()
    planes = planes.float() if planes.dtype == torch.bfloat16 else planes  # which NumPy lacks
    array: NDArray[Any] = planes.permute(1, 2, 0).numpy()
    return array


def luma(image: Tensor) -> Tensor:
    """BT.601 luma (B, 1, H, W) of `image` (B, 3, H, W); equal channels are kept exactly."""
    if image.shape[1] == 1:
        return image
    weights = image.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    return (image * weights).sum(dim=1, keepdim=True)


def check_inside(window: Window, height: int, width: int) -> None:
    """Refuse a window that is empty or leaves a picture of (height, width).

    Raises:
        ValueError: names both.
    """
    inside = window.top >= 0 and window.left >= 0 and window.bottom <= height and window.right <= width
    if not inside or min(window.height, window.width) < 1:
        raise ValueError(f"{window} is not inside a picture of {height} x {width}")
