"""Borders of prints, mounts and scanner beds: even strips along a picture's sides, ending in a straight line."""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from daguerre.images import Picture
from daguerre.images.pixels import luma
from daguerre.images.resize import read_resized

__all__ = ["Border", "clear_borders", "find_borders"]

COPY_SIDE = 1024  # pixels of the longer side of the copy in which borders are detected
MIN_SIDE = 100  # pixels of the shorter side, below which nothing is detected
BORDER_TOLERANCE = 0.07  # maximum difference in lightness from the border's median at the very edge
MAX_DEPTH = 0.3  # maximum depth of a border, relative to the picture
MIN_LINE_SHARE = 0.55  # fraction of a side that must end in one line
MAX_SLOPE = 0.06  # of that line: a print is tilted by at most three degrees; a torn corner is steeper
MIN_RUN = 4  # pixels; shorter runs occur anywhere in a texture
LINE_TOLERANCE = 2  # pixels from the line
ANCHORS = 20  # places along a side, between which lines are tried
SOFT_RIM = 3  # pixels of its soft end beyond that line, which could be taken for a scratch
# Of 53 borders marked by hand in 30 photographs it finds 25, in 11 photographs; of all marked damage, ten specks
# and 57 pixels of a torn corner lie in them.

Border = tuple[int, NDArray[np.float32]]
"""A side, 0 to 3 for top, bottom, left and right, and the depth of the border at each place along it, relative to the
picture: 0 where there is none, for example where it is torn off."""


def find_borders(picture: Picture) -> list[Border]:
    """The borders of a picture, from a smaller copy of it.

    At each place along a side, the run of pixels as light as the edge is measured. If most of these runs end in one
    line nearly parallel to the side, they are a border (the line with the most of them, as in RANSAC, Fischler and
    Bolles 1981). Dirt ends a run early and a torn corner late; such places are not border.
    """
    if min(picture.height, picture.width) < MIN_SIDE:
        return []
    scale = min(1.0, COPY_SIDE / max(picture.height, picture.width))
    height, width = (max(round(side * scale), 1) for side in (picture.height, picture.width))
    light = luma(read_resized(picture, height, width)[0])[0, 0].numpy()
    light = cv2.blur(light, (3, 3))
    found = ((side, depths(view)) for side, view in enumerate(views(light)))
    return [(side, depth) for side, depth in found if depth.any()]


def views(image: NDArray[np.generic]) -> Iterator[NDArray[np.generic]]:
    """An image (H, W) with each of its sides on top: top, bottom, left, right."""
    yield from (image, image[::-1], image.T, image.T[::-1])


def depths(light: NDArray[np.generic]) -> NDArray[np.float32]:
    """Depth of the border at the top of `light` (H, W) at each place (W,), relative to its height."""
    deep = max(round(MAX_DEPTH * len(light)), 4)
    edge = light[:deep].astype(np.float32)
    alike = np.abs(edge - np.median(edge[:3])) <= BORDER_TOLERANCE
    alike[:2] = True
    run = np.logical_and.accumulate(alike, axis=0).sum(0)
    ends = (run >= MIN_RUN) & (run < deep)
    if ends.mean() < MIN_LINE_SHARE:
        return np.zeros(len(run), np.float32)
    line = best_line(run, np.flatnonzero(ends))
    along = np.abs(run - line) <= LINE_TOLERANCE
    if along.mean() < MIN_LINE_SHARE:
        return np.zeros(len(run), np.float32)
    depth = np.where(along, np.maximum(line, 0) + SOFT_RIM, 0) / len(light)
    return depth.astype(np.float32)


def best_line(run: NDArray[np.generic], places: NDArray[np.int64]) -> NDArray[np.float64]:
    """The line (W,) close to most of `run` (W,), among lines between some of its places."""
    x = np.arange(len(run))
    chosen = places[np.linspace(0, len(places) - 1, ANCHORS).astype(int)]
    best, most = np.full(len(run), np.inf), -1
    for a in chosen:
        for b in chosen[chosen > a + len(run) // 4]:
            slope = (float(run[b]) - float(run[a])) / (b - a)
            line = run[a] + slope * (x - a)
            near = int((np.abs(run - line) <= LINE_TOLERANCE).sum())
            if abs(slope) <= MAX_SLOPE and near > most:
                best, most = line, near
    return best


def clear_borders(levels: NDArray[np.uint8], borders: list[Border]) -> None:
    """Set a map (H, W) to 0 in the picture's borders."""
    sides = list(views(levels))
    for side, depth in borders:
        view = sides[side]
        at = np.arange(view.shape[1]) * len(depth) // view.shape[1]
        rows = np.ceil(depth * len(view))[at].astype(int)
        for row in range(int(rows.max())):
            view[row, rows > row] = 0
