"""Views of pieces of detected damage, each by itself, with its surroundings."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from daguerre.images import Picture
from daguerre.images.pixels import to_levels
from daguerre.images.visible import read_colours
from daguerre.networks.damage_verifier import CHANNELS, MEASURES, SIDE
from daguerre.tiling import Window
from daguerre.tiling.components import Components

__all__ = ["PieceViews", "batches", "measured"]

Levels = NDArray[np.uint8]

BATCH = 64  # pieces looked at together
EDGE_UNIT = 64  # pixels, in which distances from the picture's edge are measured


@dataclass(frozen=True)
class PieceViews:
    """Some pieces.

    Args:
        views: (n, CHANNELS, SIDE, SIDE), 8 bits.
        measures: (n, MEASURES).
    """

    views: Levels
    measures: NDArray[np.float32]

    def tensors(self) -> tuple[Tensor, Tensor]:
        """Inputs of the network: views in [0, 1], and measurements."""
        return torch.from_numpy(self.views).float() / 255, torch.from_numpy(self.measures)

    def __getitem__(self, chosen: NDArray[np.generic] | slice) -> "PieceViews":
        return PieceViews(self.views[chosen], self.measures[chosen])

    @classmethod
    def joined(cls, some: Sequence["PieceViews"]) -> "PieceViews":
        """The pieces of all of them."""
        return cls(
            np.concatenate([np.zeros((0, CHANNELS, SIDE, SIDE), np.uint8), *[one.views for one in some]]),
            np.concatenate([np.zeros((0, MEASURES), np.float32), *[one.measures for one in some]]),
        )


def batches(
    picture: Picture, levels: Levels, pieces: Components, chosen: NDArray[np.bool_], least: int
) -> Iterator[tuple[NDArray[np.int64], PieceViews]]:
    """Views of the chosen pieces of a map of damage, a few at a time, with their numbers.

    Args:
        levels: likelihoods (H, W); a piece is a set of 8-connected pixels >= `least`.
    """
    every = measured(pieces, chosen, *levels.shape)
    numbers = np.flatnonzero(chosen)
    for first in range(0, len(numbers), BATCH):
        some = numbers[first : first + BATCH]
        places = [divmod(int(place), levels.shape[1]) for place in pieces.place[some]]
        views = np.stack([view(picture, levels, row, column, least) for row, column in places])
        yield some, PieceViews(views, every[some])


def measured(pieces: Components, chosen: NDArray[np.bool_], height: int, width: int) -> NDArray[np.float32]:
    """Measurements (n, MEASURES) of all pieces: sizes, shape, certainty, place, and how much damage there is."""
    tall, wide = pieces.bottom - pieces.top, pieces.right - pieces.left
    share, count = pieces.area[chosen].sum() / (height * width), chosen.sum()
    columns = [
        np.log(pieces.area),
        np.log(np.maximum(tall, wide)),
        np.log(np.minimum(tall, wide)),
        pieces.area / (tall * wide),
        np.minimum(pieces.left, width - pieces.right) / EDGE_UNIT,
        np.minimum(pieces.top, height - pieces.bottom) / EDGE_UNIT,
        pieces.peak / 255,
        np.full(len(tall), math.log(share + 1e-5)),
        np.full(len(tall), math.log(count + 1)),
    ]
    made = np.stack(columns, 1).astype(np.float32)
    assert made.shape[1] == MEASURES
    return made


def view(picture: Picture, levels: Levels, row: int, column: int, least: int) -> Levels:
    """The square of SIDE pixels around a place: colors, likelihood, and the piece at that place."""
    height, width = levels.shape
    top, left = row - SIDE // 2, column - SIDE // 2
    rows, columns = slice(max(top, 0), min(top + SIDE, height)), slice(max(left, 0), min(left + SIDE, width))
    window = Window(rows.start, columns.start, rows.stop - rows.start, columns.stop - columns.start)
    likely = levels[rows, columns]
    _, labels = cv2.connectedComponents((likely >= least).astype(np.uint8), connectivity=8)
    piece = (labels == labels[row - rows.start, column - columns.start]).astype(np.uint8) * 255
    colours = to_levels(read_colours(picture, window)[0], 8)
    around = [(rows.start - top, top + SIDE - rows.stop), (columns.start - left, left + SIDE - columns.stop)]
    seen: NDArray[Any] = np.pad(colours, [*around, (0, 0)], mode="edge")
    marked: NDArray[Any] = np.dstack([np.pad(likely, around, mode="edge"), np.pad(piece, around)])
    return np.dstack([seen, marked]).transpose(2, 0, 1)
