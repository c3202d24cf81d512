"""Views of pieces of detected damage, each by itself: near, and with its surroundings."""

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

FAR_MARGIN = 2.2  # side of the far view, over the longer side of the piece
FAR_SIDES = (192, 768)  # smallest and largest far view, in pixels of the picture
BATCH = 64  # pieces looked at together
EDGE_UNIT = 64  # pixels, in which distances from the picture's edge are measured


@dataclass(frozen=True)
class PieceViews:
    """Some pieces.

    Args:
        near, far: (n, CHANNELS, SIDE, SIDE), 8 bits.
        measures: (n, MEASURES).
    """

    near: Levels
    far: Levels
    measures: NDArray[np.float32]

    def tensors(self) -> tuple[Tensor, Tensor, Tensor]:
        """Inputs of the network: views in [0, 1], and measurements."""
        near, far = (torch.from_numpy(views).float() / 255 for views in (self.near, self.far))
        return near, far, torch.from_numpy(self.measures)

    def __getitem__(self, chosen: NDArray[np.generic] | slice) -> "PieceViews":
        return PieceViews(self.near[chosen], self.far[chosen], self.measures[chosen])

    @classmethod
    def joined(cls, some: Sequence["PieceViews"]) -> "PieceViews":
        """The pieces of all of them."""
        none = np.zeros((0, CHANNELS, SIDE, SIDE), np.uint8)
        return cls(
            np.concatenate([none, *[one.near for one in some]]),
            np.concatenate([none, *[one.far for one in some]]),
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
        views = np.empty((2, len(some), CHANNELS, SIDE, SIDE), np.uint8)
        for index, number in enumerate(some):
            row, column = divmod(int(pieces.place[number]), levels.shape[1])
            views[0, index] = view(picture, levels, (row, column), (row, column), SIDE, least)
            middle, side = far_square(pieces, int(number), (row, column))
            views[1, index] = view(picture, levels, middle, (row, column), side, least)
        yield some, PieceViews(views[0], views[1], every[some])


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


def far_square(pieces: Components, number: int, place: tuple[int, int]) -> tuple[tuple[int, int], int]:
    """Middle and side of a piece's far view; of a piece that is larger, around a place in it."""
    top, left, bottom, right = (int(edge[number]) for edge in (pieces.top, pieces.left, pieces.bottom, pieces.right))
    wanted = math.ceil(FAR_MARGIN * max(bottom - top, right - left))
    if wanted > FAR_SIDES[1]:
        return place, FAR_SIDES[1]
    return ((top + bottom) // 2, (left + right) // 2), max(wanted, FAR_SIDES[0])


def view(
    picture: Picture, levels: Levels, middle: tuple[int, int], place: tuple[int, int], side: int, least: int
) -> Levels:
    """A square of `side` pixels around a middle, resized to SIDE: colors, likelihood, and the piece at `place`."""
    height, width = levels.shape
    top, left = middle[0] - side // 2, middle[1] - side // 2
    rows, columns = slice(max(top, 0), min(top + side, height)), slice(max(left, 0), min(left + side, width))
    window = Window(rows.start, columns.start, rows.stop - rows.start, columns.stop - columns.start)
    likely = levels[rows, columns]
    _, labels = cv2.connectedComponents((likely >= least).astype(np.uint8), connectivity=8)
    piece = (labels == labels[place[0] - rows.start, place[1] - columns.start]).astype(np.uint8) * 255
    colours = to_levels(read_colours(picture, window)[0], 8)
    around = [(rows.start - top, top + side - rows.stop), (columns.start - left, left + side - columns.stop)]
    seen: NDArray[Any] = np.pad(colours, [*around, (0, 0)], mode="edge")
    marked: NDArray[Any] = np.dstack([np.pad(likely, around, mode="edge"), np.pad(piece, around)])
    if side != SIDE:
        seen, marked = (cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for part in (seen, marked))
    return np.dstack([seen, marked]).transpose(2, 0, 1)
