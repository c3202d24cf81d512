"""Resize a whole picture, reading it in strips: only the result is held in memory, however large the file."""

from collections.abc import Iterator

import torch
from torch import Tensor

from daguerre.images import Canvas, Picture
from daguerre.images.resample import resample_axis, support
from daguerre.images.visible import read_colours
from daguerre.tiling import Window

__all__ = ["read_resized", "resized", "strips_resized"]

STRIP = 2**22  # pixels of the picture, or of the result, held at once


def read_resized(picture: Picture, height: int, width: int) -> tuple[Tensor, Tensor | None]:
    """Colors (1, 3, height, width) and, if the picture has it, alpha (1, 1, height, width), antialiased, in [0, 1]."""
    made = torch.cat([strip for _, strip in strips_resized(picture, height, width)], dim=2)
    return made[:, :3], made[:, 3:] if picture.alpha else None


def read_reduced(picture: Picture, side: int) -> tuple[Tensor, Tensor | None]:
    """A copy (1, 3, h, w) whose longer side is at most `side` pixels, and its alpha, as from `read_resized`."""
    share = min(side / max(picture.height, picture.width), 1.0)
    height, width = (max(round(length * share), 1) for length in (picture.height, picture.width))
    copy, alpha = read_resized(picture, height, width)
    return (copy[:, :1].expand(-1, 3, -1, -1) if picture.grey else copy), alpha


def resized(picture: Picture, height: int, width: int) -> Picture:
    """A resized picture with 16 bits, in memory while it is small."""
    canvas = Canvas(height, width, bits=16, alpha=picture.alpha)
    for window, strip in strips_resized(picture, height, width):
        canvas.write(window, strip[:, :3])
        if picture.alpha:
            canvas.write_alpha(window, strip[:, 3:])
    return canvas.picture()


def strips_resized(picture: Picture, height: int, width: int) -> Iterator[tuple[Window, Tensor]]:
    """Full-width windows of the result from top to bottom, and their contents: (1, 3 or 4, h, width) in [0, 1]."""
    down, across = height / picture.height, width / picture.width
    rows = max(int(STRIP / max(picture.width * max(1 / down, 1), width)), 1)  # of the result, from one strip
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        first, last = support(picture.height, height, down, top, bottom)
        colours, alpha = read_colours(picture, Window(first, 0, last - first, picture.width))
        strip = colours if alpha is None else torch.cat([colours, alpha], dim=1)
        strip = resample_axis(
            strip, -2, down, size=picture.height, out_size=height, start=top, stop=bottom, offset=first
        )
        strip = resample_axis(strip, -1, across, size=picture.width, out_size=width, start=0, stop=width)
        yield Window(top, 0, bottom - top, width), strip.clamp_(0, 1)
