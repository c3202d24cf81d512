"""A whole picture at another size, read strip by strip: however large the file, only the result is held."""

import torch
from torch import Tensor

from daguerre.images import Picture
from daguerre.images.resample import resample_axis, support
from daguerre.tasks.colours import read_colours
from daguerre.tiling import Window

__all__ = ["read_resized"]

STRIP = 2**22  # pixels of the picture read at once


def read_resized(picture: Picture, height: int, width: int) -> tuple[Tensor, Tensor | None]:
    """Colours (1, 3, height, width) and, if the picture has it, alpha (1, 1, height, width), antialiased, in [0, 1]."""
    down, across = height / picture.height, width / picture.width
    rows = max(int(STRIP / picture.width * down), 1)  # of the result, from one strip
    strips = []
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        first, last = support(picture.height, height, down, top, bottom)
        colours, alpha = read_colours(picture, Window(first, 0, last - first, picture.width))
        strip = colours if alpha is None else torch.cat([colours, alpha], dim=1)
        strip = resample_axis(
            strip, -2, down, size=picture.height, out_size=height, start=top, stop=bottom, offset=first
        )
        strips.append(resample_axis(strip, -1, across, size=picture.width, out_size=width, start=0, stop=width))
    made = torch.cat(strips, dim=2).clamp_(0, 1)
    return made[:, :3], made[:, 3:] if picture.alpha else None
