"""Contact sheets: several pictures side by side in one."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from daguerre.images.picture import Picture
from daguerre.images.resize import read_resized

__all__ = ["make_sheet"]

CELL = 640  # pixels of the longer side of a picture on a sheet
GAP = 8  # pixels between pictures


def make_sheet(pictures: Sequence[Picture], columns: int = 0) -> Picture:
    """A grid of pictures on white, row by row, at most 640 pixels each.

    Args:
        columns: pictures per row; by default up to five, and for more pictures a square grid.
    """
    cells = [fitted(picture) for picture in pictures]
    columns = columns or (len(cells) if len(cells) <= 5 else math.ceil(math.sqrt(len(cells))))
    height, width = (max(cell.shape[axis] for cell in cells) + GAP for axis in (2, 3))
    sheet = torch.ones(1, 3, height * math.ceil(len(cells) / columns) + GAP, width * columns + GAP)
    for number, cell in enumerate(cells):
        top, left = number // columns * height + GAP, number % columns * width + GAP
        sheet[..., top : top + cell.shape[2], left : left + cell.shape[3]] = cell
    return Picture.from_tensor(sheet)


def fitted(picture: Picture) -> Tensor:
    share = min(CELL / max(picture.height, picture.width), 1.0)
    colours, alpha = read_resized(picture, max(round(picture.height * share), 1), max(round(picture.width * share), 1))
    return colours if alpha is None else torch.lerp(torch.ones_like(colours), colours, alpha)
