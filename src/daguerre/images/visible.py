"""Colors of a picture for networks, without hidden colors under transparency."""

import torch
from torch import Tensor
from torch.nn import functional as F

from daguerre.images import Picture
from daguerre.tiling import Window

__all__ = ["read_colours", "read_exactly"]

SPREAD = 8  # pixels by which visible colors extend into transparent areas


def read_colours(picture: Picture, window: Window) -> tuple[Tensor, Tensor | None]:
    """Colors (1, 3, h, w) and, if the picture has it, alpha (1, 1, h, w) of a window.

    Under full transparency a file may hold any color, often black, which would bleed into visible areas through a
    network. It is replaced by the mean of the visible colors within `SPREAD` pixels, or gray if there are none.
    """
    if not picture.alpha:
        return picture.read(window), None
    grown = window.grown(SPREAD, picture.height, picture.width)
    colours, alpha = picture.read(grown), picture.read_alpha(grown)
    visible = (alpha > 0).to(colours)
    weight = mean_around(visible)
    spread = mean_around(colours * visible) / weight
    colours = torch.where(visible > 0, colours, torch.where(weight > 0, spread, 0.5))
    rows, columns = window.within(grown).slices
    return colours[..., rows, columns], alpha[..., rows, columns]


def read_exactly(picture: Picture, window: Window) -> tuple[Tensor, Tensor | None]:
    """Like `read_colours`, with the file's own colors under full transparency."""
    return picture.read(window), picture.read_alpha(window) if picture.alpha else None


def mean_around(image: Tensor) -> Tensor:
    """Box mean of radius `SPREAD`, zero-padded."""
    return F.avg_pool2d(image, 2 * SPREAD + 1, stride=1, padding=SPREAD)
