"""Kind of a picture: a photograph, a drawing or letters, or pixel art."""

import math
from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from daguerre.images import Picture
from daguerre.images.filters import local_range
from daguerre.tiling import Window

__all__ = ["Content", "recognize"]

Content = Literal["photo", "drawing", "pixels"]
Codes = NDArray[np.int64]

SAMPLE_SIDE = 256  # pixels; side of a sampled window
SAMPLES_PER_AXIS = 4  # maximum number of windows down and across
MIN_CHANGES = 8  # columns, and rows, with changes, to tell squares from chance
MAX_SQUARE_COLOURS = 256  # more means a photograph enlarged by repeating its pixels
MAX_PALETTE = 16  # maximum colors of pixel art at its original size; antialiased letters have more
MAX_ICON_SIDE = 512  # pixels of its longer side
FLAT_RANGE = 3 / 255  # maximum range between a pixel and its neighbors in a flat area
MIN_FLAT_SHARE = 0.5  # of a drawing's pixels
MAIN_COLOURS = 8  # of 32 levels in each channel ...
MIN_MAIN_SHARE = 0.9  # ... that this fraction of a drawing's pixels must have


def recognize(picture: Picture) -> Content:
    """Whether a picture is a photograph, a drawing (letters, line art, logos), or pixel art.

    Pixel art consists of equal squares of few colors, or is a small picture of very few. A drawing has few colors, too,
    and is mostly flat. Anything doubtful is a photograph. Samples up to 16 windows.
    """
    windows = list(samples(picture.height, picture.width))
    parts = [(window, picture.read(window)) for window in windows]
    codes = [encoded(part) for _, part in parts]
    colours = len(counts_of(codes))
    if colours < 2:
        return "photo"
    squares = [side_of_squares(codes, windows, dim) for dim in (0, 1)]
    if min(squares) > 1 and colours <= MAX_SQUARE_COLOURS:
        return "pixels"
    if min(flat_share(part) for _, part in parts) < MIN_FLAT_SHARE or main_share(codes) < MIN_MAIN_SHARE:
        return "photo"
    small = max(picture.height, picture.width) <= MAX_ICON_SIDE
    return "pixels" if small and 2 < colours <= MAX_PALETTE else "drawing"


def samples(height: int, width: int) -> Iterator[Window]:
    """Windows spread evenly over a picture, or all of a small one."""
    rows, columns = (
        sorted({round(k * (size - side) / max(count - 1, 1)) for k in range(count)})
        for size in (height, width)
        for side in [min(size, SAMPLE_SIDE)]
        for count in [min(math.ceil(size / SAMPLE_SIDE), SAMPLES_PER_AXIS)]
    )
    for top in rows:
        for left in columns:
            yield Window(top, left, min(height, SAMPLE_SIDE), min(width, SAMPLE_SIDE))


def encoded(part: Tensor) -> Codes:
    """Colors (1, 3, h, w) in [0, 1] at 8 bits, as one number each: (h, w)."""
    levels: Codes = (part[0] * 255).round().numpy().astype(np.int64)
    return np.tensordot([1 << 16, 1 << 8, 1], levels, axes=1)


def counts_of(codes: list[Codes]) -> NDArray[np.int64]:
    """Frequency of each color, highest first."""
    return np.sort(np.unique(np.concatenate([code.ravel() for code in codes]), return_counts=True)[1])[::-1]


def side_of_squares(codes: list[Codes], windows: list[Window], dim: int) -> int:
    """Greatest common divisor of the distances between changes along an axis, in pixels; 1 with too few changes."""
    changes = set()
    for code, window in zip(codes, windows, strict=True):
        differs = (np.diff(code, axis=dim) != 0).any(1 - dim)
        first = (window.top, window.left)[dim] + 1
        changes |= {first + int(place) for place in differs.nonzero()[0]}
    return math.gcd(*(place - min(changes) for place in changes)) if len(changes) >= MIN_CHANGES else 1


def flat_share(part: Tensor) -> float:
    """Fraction of the pixels that hardly differ from their neighbors."""
    low, high = local_range(part, 1)
    return float(((high - low).amax(1) <= FLAT_RANGE).float().mean())


def main_share(codes: list[Codes]) -> float:
    """Fraction of the pixels that have one of the most frequent colors."""
    counts = counts_of([code & 0xF8F8F8 for code in codes])
    return float(counts[:MAIN_COLOURS].sum() / counts.sum())
