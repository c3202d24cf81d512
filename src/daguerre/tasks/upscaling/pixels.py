"""Upscale pixel art: every pixel stays a square of its own color."""

import torch
from torch import Tensor

from daguerre.images import Picture
from daguerre.images.window_map import map_windows
from daguerre.progress import ProgressCallback, silent
from daguerre.tiling import Window

__all__ = ["enlarge_pixels"]


def enlarge_pixels(picture: Picture, size: tuple[int, int], progress: ProgressCallback = silent) -> Picture:
    """Enlarge to `size` (height, width) by repeating pixels.

    A pixel of the result has the color of the input that it covers; with an integer factor, that is a single pixel.
    With others it may cover two along an axis, and gets their mean weighted by coverage. Nothing is invented.
    """
    axes = tuple(zip((picture.height, picture.width), size, strict=True))

    def source(window: Window) -> Window:
        (top, bottom), (left, right) = (
            (start * a // b, min(-(stop * a // -b), a))
            for (start, stop), (a, b) in zip(
                ((window.top, window.bottom), (window.left, window.right)), axes, strict=True
            )
        )
        return Window(top, left, bottom - top, right - left)

    def enlarge(window: Window, part: Tensor) -> Tensor:
        at = source(window)
        part = repeated(part, -2, axes[0], window.top, window.bottom, at.top)
        return repeated(part, -1, axes[1], window.left, window.right, at.left)

    return map_windows(picture, enlarge, step="upscaling", source=source, size=size, alpha=enlarge, progress=progress)


def repeated(part: Tensor, dim: int, sizes: tuple[int, int], start: int, stop: int, offset: int) -> Tensor:
    """Samples `start` to `stop` of an axis upscaled between two `sizes`; `part` begins at `offset`."""
    size, out_size = sizes
    index = torch.arange(start, stop)
    first = index * size // out_size
    beyond = ((index + 1) * size - (first + 1) * out_size).clamp(min=0) / size  # how much of the second it covers
    second = torch.where(beyond > 0, first + 1, first)
    shape = [-1 if axis == part.ndim + dim else 1 for axis in range(part.ndim)]
    here, there = (part.index_select(dim, some - offset) for some in (first, second))
    return torch.lerp(here, there, beyond.to(part).view(shape))
