"""Low resolution: the smaller picture that a photograph was enlarged from, found in it and enlarged again."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from daguerre.images import Picture
from daguerre.images.pixels import luma
from daguerre.images.visible import read_colours
from daguerre.images.window_map import map_windows
from daguerre.progress import ProgressCallback, silent
from daguerre.tasks.upscaling.back_projection import Axis, Enlargement, Span, box
from daguerre.tiling import Window, plan_windows
from daguerre.weights import Model

__all__ = ["MODELS", "Resolution", "measure_resolution", "smaller", "upscale_again"]

MODELS = {2: "compact-x2", 3: "compact-x4", 4: "compact-x4"}
"""What enlarges a smaller picture again, by how many times; faithful ones, which invent nothing."""

WINDOW_SIDE = 1024  # pixels of a window in which almost nothing is computed

# Of photographs with a shorter side of 384 pixels a blur of s pixels leaves about 20 s / k dB of `emptiness` at k, at
# most 5.2 more; an enlargement by k leaves 16 more and up, with JPEG of quality 80 nearly always 7 and up. Of 390 real
# ones none comes to more than 5.1.
BLUR_EMPTINESS = 20.0  # dB for each pixel of blur
ENLARGED_EMPTINESS = 6.0  # dB beyond that
# What has this emptiness at 2 profits. Sharp photographs come to 0 to 6 dB, of 116 new ones none to more than 10.0, of
# 274 old ones one in 23.
SOFT_EMPTINESS = 10.5


class Resolution(NamedTuple):
    """How fine a photograph is.

    Args:
        finest: pixels of the finest detail that it holds: 2, 3 or 4 if it was enlarged, 2 if it is as soft; else 1.
        enlarged: whether bicubic enlargement, or one like it, made it.
    """

    finest: int
    enlarged: bool


def measure_resolution(photo: Picture, edges: float) -> Resolution:
    """How fine a photograph without noise is.

    What was shrunk and enlarged again holds nothing finer than its smaller self, everything up to there, and nothing
    like as abrupt an end has what a lens or a shaking hand has blurred.

    Args:
        edges: how wide its sharpest edges are, in pixels (`deblurring.measure_edges`).

    Raises:
        UnreadablePicture: the file is damaged.
    """
    half = emptiness(photo, 2)
    if half < SOFT_EMPTINESS:  # anything enlarged is soft, and most photographs are not
        return Resolution(1, enlarged=False)
    empty = {2: half, 3: emptiness(photo, 3), 4: emptiness(photo, 4)}
    beyond = {factor: empty[factor] - BLUR_EMPTINESS * edges / factor for factor in empty}
    finest = max(beyond, key=lambda factor: beyond[factor])
    enlarged = beyond[finest] >= ENLARGED_EMPTINESS
    return Resolution(finest if enlarged else 2, enlarged)


def emptiness(photo: Picture, factor: int) -> float:
    """How empty a photograph is of what its copy, smaller by `factor`, cannot hold: in dB below the copy's finest half.

    It is read window by window; the answer does not depend on the windows.
    """
    if min(photo.height, photo.width) < 16 * factor:
        return 0.0
    copy = smaller(photo, factor, light=True)
    held = unexplained(copy, smaller(copy, 2, exact=False))
    return 10 * math.log10(max(held, 1e-12) / max(unexplained(photo, copy), 1e-12))


def smaller(photo: Picture, factor: int, *, exact: bool = True, light: bool = False) -> Picture:
    """A copy smaller by `factor`, at 16 bits, opaque.

    Args:
        exact: the picture from which bicubic enlargement makes what is nearest to the photograph. Else the photograph
            shrunk as networks that enlarge have learnt it, antialiased bicubic.
        light: only its lightness.
    """
    height, width = (max(round(side / factor), 1) for side in (photo.height, photo.width))
    axes = [Axis(a, b, factor) for a, b in ((height, photo.height), (width, photo.width))]

    def spans(window: Window) -> list[tuple[Span, Span, Span]]:
        wanted = Span(window.top, window.bottom), Span(window.left, window.right)
        wide = [axis.around(span) if exact else span for axis, span in zip(axes, wanted, strict=True)]
        held = [axis.shrunk_from(span) for axis, span in zip(axes, wide, strict=True)]
        return list(zip(held, wide, wanted, strict=True))

    def source(window: Window) -> Window:
        (rows, _, _), (columns, _, _) = spans(window)
        return box(rows, columns)

    def shrink(window: Window, piece: Tensor) -> Tensor:
        piece = luma(piece) if grey else piece
        for dim, axis, (held, wide, wanted) in zip((-2, -1), axes, spans(window), strict=True):
            piece = axis.shrink(piece, dim, held, wide)
            piece = axis.sharpen(piece, dim, wide, wanted) if exact else piece
        return piece

    grey = photo.grey or light
    return map_windows(
        photo, shrink, side=WINDOW_SIDE // factor, source=source, size=(height, width), bits=16, grey=grey, opaque=True
    )


def unexplained(photo: Picture, copy: Picture) -> float:
    """Mean square of what bicubic enlargement of a smaller copy lacks of a photograph, in lightness."""
    axes = [Axis(a, b, 1) for a, b in ((copy.height, photo.height), (copy.width, photo.width))]
    total = 0.0
    for window in plan_windows(photo.height, photo.width, WINDOW_SIDE):
        wanted = Span(window.top, window.bottom), Span(window.left, window.right)
        held = [axis.enlarged_from(span) for axis, span in zip(axes, wanted, strict=True)]
        made = luma(copy.read(box(*held)))
        for dim, axis, at, span in zip((-2, -1), axes, held, wanted, strict=True):
            made = axis.enlarge(made, dim, at, span)
        total += (luma(read_colours(photo, window)[0]) - made).square().sum(dtype=torch.float64).item()
    return total / (photo.height * photo.width)


def upscale_again(
    photo: Picture, factor: int, model: Model, progress: ProgressCallback = silent, *, exact: bool
) -> Picture:
    """A photograph whose smaller copy is enlarged by a model instead of as it was, at 16 bits.

    What bicubic enlargement of the copy does not explain is kept as it is.

    Args:
        exact: how the copy is made, see `smaller`.
    """
    copy = smaller(photo, factor, exact=exact)
    size = (photo.height, photo.width)
    enlargement = Enlargement(model, size=(copy.height, copy.width), out_size=size, project=False)

    def compute(window: Window, before: Tensor) -> Tensor:
        low = copy.read(enlargement.source(window))
        return before + enlargement(window, low).cpu() - enlargement.plain(window, low)

    side = model.window_side(halo=model.halo) * factor
    return map_windows(photo, compute, step="upscaling again", side=side, bits=16, progress=progress)
