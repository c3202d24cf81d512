"""Connected components of a picture of any size, exact, read one strip of rows at a time.

A strip is a set of runs, stretches of pixels in a row; runs that touch, corners included, belong to one component.
Neighboring strips share a row, whose runs link the components of both. Only a few numbers are kept for each component,
so memory grows with their number, not with the picture.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["FAINT", "Components", "keep_pieces"]

Numbers = NDArray[np.int64]

STRIP = 2**22  # pixels
FAINT = 128  # mask value of the trimmed pixels of a component
MOST_PIXELS = 2**48  # of a picture


@dataclass(frozen=True)
class Components:
    """Measurements of some components, one value each.

    Args:
        top, left, bottom, right: edges in pixels, the last two excluded.
        area: in pixels.
        crest: highest pixel value and where it is, in one number.
    """

    top: Numbers
    left: Numbers
    bottom: Numbers
    right: Numbers
    area: Numbers
    crest: Numbers

    @property
    def peak(self) -> Numbers:
        """Highest pixel value."""
        return self.crest // MOST_PIXELS

    @property
    def place(self) -> Numbers:
        """Index in reading order of a pixel of the component, in the first run with its highest value."""
        return MOST_PIXELS - 1 - self.crest % MOST_PIXELS

    def joined(self, group: Numbers) -> "Components":
        """The components after merging those with equal labels in `group`, which runs from 0 without gaps."""
        made = {}
        for name, (combine, start) in JOINED.items():
            made[name] = np.full(int(group.max(initial=-1)) + 1, start)
            combine.at(made[name], group, getattr(self, name))
        return Components(**made)


FAR = np.iinfo(np.int64).max
JOINED: dict[str, tuple[np.ufunc, int]] = {
    "top": (np.minimum, FAR),
    "left": (np.minimum, FAR),
    "bottom": (np.maximum, 0),
    "right": (np.maximum, 0),
    "area": (np.add, 0),
    "crest": (np.maximum, 0),
}
"""For each measurement, how to merge it, and its initial value."""


def keep_pieces(
    levels: NDArray[np.uint8],
    least: int,
    wanted: Callable[[Components], NDArray[np.bool_]],
    *,
    trim: float = 0.0,
    strip: int = STRIP,
) -> int:
    """Turn a map into a mask, in place: 255 on the selected components, 0 elsewhere.

    Args:
        levels: (H, W), in memory or memory-mapped. A component is a set of 8-connected pixels >= `least`.
        wanted: selects the components to keep.
        trim: share of a component's highest value, below which its pixels become FAINT instead of 255.
        strip: pixels processed at once; does not affect the result.

    Returns:
        Number of components kept.
    """
    found: list[Components] = []
    seams: list[tuple[Numbers, Numbers]] = []
    count, above = 0, np.empty(0, np.int64)  # components so far, and the labels of the last row's runs
    for top, rows in strips(levels, strip):
        runs = Runs(rows, least)
        pieces = runs.pieces + count
        seams.append((above, pieces[: len(above)]))
        found.append(runs.measured(rows, top, shared=bool(found)).joined(runs.pieces))
        above, count = pieces[runs.row == len(rows) - 1], count + len(found[-1].area)
    names = JOINED.keys()
    parts = Components(**{name: np.concatenate([getattr(pieces, name) for pieces in found]) for name in names})
    whole = connected(count, *(np.concatenate(side) for side in zip(*seams, strict=True)))
    every = parts.joined(whole)
    stays = wanted(every)
    lowest = np.where(stays, np.maximum(np.ceil(trim * every.peak), least), 0).astype(np.int64)[whole]
    count = 0
    for top, rows in strips(levels, strip):
        runs = Runs(rows, least)
        levels[top : top + len(rows)] = runs.drawn(rows, lowest[count + runs.pieces])
        count += int(runs.pieces.max(initial=-1)) + 1
    return int(stays.sum())


def strips(levels: NDArray[np.uint8], pixels: int) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Each strip with the index of its first row, which is the last row of the previous strip, unchanged."""
    height, width = levels.shape
    step = max(pixels // width, 1)
    above = levels[:0]
    for top in range(0, height, step):
        rows = np.concatenate([above, levels[top : top + step]])
        yield top - len(above), rows
        above = rows[-1:]


class Runs:
    """The runs of pixels of `least` or more in some rows (H, W), in reading order.

    Rows are concatenated with two zero pixels between them, so that no run continues in the next row.
    """

    def __init__(self, rows: NDArray[np.uint8], least: int) -> None:
        self.shape = len(rows), rows.shape[1] + 2
        inside = np.zeros(self.shape, bool)
        inside[:, 1:-1] = rows >= least
        edges = np.flatnonzero(inside.reshape(-1)[1:] != inside.reshape(-1)[:-1]) + 1
        self.start, self.end = edges[::2], edges[1::2]
        self.row = self.start // self.shape[1]
        self.pieces = connected(len(self.start), *self.touching())

    def touching(self) -> tuple[Numbers, Numbers]:
        """Pairs of touching runs in neighboring rows, the upper one first."""
        below = self.shape[1]
        first = np.searchsorted(self.end, self.start + below, "left")
        counts = np.searchsorted(self.start, self.end + below, "right") - first
        upper = np.repeat(np.arange(len(first)), counts)
        return upper, np.arange(len(upper)) - np.repeat(counts.cumsum() - counts - first, counts)

    def measured(self, rows: NDArray[np.uint8], top: int, *, shared: bool) -> Components:
        """Each run as a component; runs in a first row `shared` with the strip above count no area."""
        pitch = self.shape[1]
        peak = np.zeros(0, np.int64)
        if len(self.start):
            padded = np.pad(rows, ((0, 0), (1, 1))).reshape(-1)
            peak = np.maximum.reduceat(padded, np.stack([self.start, self.end], 1).reshape(-1))[::2].astype(np.int64)
        left = self.start % pitch - 1
        length = self.end - self.start
        return Components(
            top=top + self.row,
            left=left,
            bottom=top + self.row + 1,
            right=left + length,
            area=np.where((self.row == 0) & shared, 0, length),
            crest=peak * MOST_PIXELS + MOST_PIXELS - 1 - ((top + self.row) * (pitch - 2) + left),
        )

    def drawn(self, rows: NDArray[np.uint8], lowest: Numbers) -> NDArray[np.uint8]:
        """255 where a pixel is as high as the lowest value of its run, else FAINT; 0 in runs whose lowest is 0."""
        height, pitch = self.shape
        change = np.zeros(height * pitch, np.int16)
        change[self.start], change[self.end] = lowest, -lowest
        least = change.cumsum(dtype=np.int16).reshape(self.shape)[:, 1:-1]
        return ((least > 0) * np.where(rows >= least, np.uint8(255), np.uint8(FAINT))).astype(np.uint8)


def connected(count: int, first: Numbers, second: Numbers) -> Numbers:
    """Component label, from 0 without gaps, of each of `count` nodes, given edges as pairs of nodes."""
    lowest = np.arange(count)
    while True:
        lower = lowest.copy()
        low = np.minimum(lowest[first], lowest[second])
        for side in (first, second):
            np.minimum.at(lower, lowest[side], low)
        while not np.array_equal(lower, lower[lower]):
            lower = lower[lower]
        if np.array_equal(lower, lowest):
            return np.unique(lowest, return_inverse=True)[1].reshape(-1)
        lowest = lower
