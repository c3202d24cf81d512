"""Low resolution: find the smaller picture that a photograph was enlarged from, and upscale it again."""

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
"""Models that upscale a smaller picture again, by factor; faithful ones, which invent nothing."""

WINDOW_SIDE = 1024  # pixels of a window, for cheap functions

# In photographs with a shorter side of 384 pixels, a blur of s pixels causes about 20 s / k dB of `emptiness` at k, at
# most 5.2 more; an enlargement by k causes at least 16 more, with JPEG of quality 80 almost always at least 7. None of
# 390 real ones exceeds 5.1.
BLUR_EMPTINESS = 20.0  # dB per pixel of blur
ENLARGED_EMPTINESS = 6.0  # dB beyond that
# A photograph with this emptiness at 2 benefits. Sharp photographs reach 0 to 6 dB; none of 116 new ones exceeds 10.0,
# but one in 23 of 274 old ones.
SOFT_EMPTINESS = 10.5


class Resolution(NamedTuple):
    """Effective resolution of a photograph.

    Args:
        finest: size in pixels of its finest detail: 2, 3 or 4 if it was enlarged, 2 if it is as soft; else 1.
        enlarged: whether it was made by bicubic or similar enlargement.
    """

    finest: int
    enlarged: bool


def measure_resolution(photo: Picture, edges: float) -> Resolution:
    """Measure the effective resolution of a noise-free photograph.

    A picture that was downscaled and enlarged has full detail up to the resolution of the smaller one and none beyond.
    Blur by a lens or a shaking hand has no such abrupt cutoff.

    Args:
        edges: width of its sharpest edges in pixels (`deblurring.measure_edges`).

    Raises:
        UnreadablePicture: the file is damaged.
    """
    half = emptiness(photo, 2)
    if half < SOFT_EMPTINESS:  # anything enlarged is soft; most photographs are not
        return Resolution(1, enlarged=False)
    empty = {2: half, 3: emptiness(photo, 3), 4: emptiness(photo, 4)}
    beyond = {factor: empty[factor] - BLUR_EMPTINESS * edges / factor for factor in empty}
    finest = max(beyond, key=lambda factor: beyond[factor])
    enlarged = beyond[finest] >= ENLARGED_EMPTINESS
    return Resolution(finest if enlarged else 2, enlarged)


def emptiness(photo: Picture, factor: int) -> float:
    """Lack of detail beyond what a copy smaller by `factor` can hold, in dB below the copy's finest half.

    Read window by window; the result does not depend on the windows.
    """
    if min(photo.height, photo.width) < 16 * factor:
        return 0.0
    copy = smaller(photo, factor, light=True)
    held = unexplained(copy, smaller(copy, 2, exact=False))
    return 10 * math.log10(max(held, 1e-12) / max(unexplained(photo, copy), 1e-12))


def smaller(photo: Picture, factor: int, *, exact: bool = True, light: bool = False) -> Picture:
    """A copy smaller by `factor`, at 16 bits, opaque.

    Args:
        exact: the picture whose bicubic enlargement is closest to the photograph; otherwise antialiased bicubic
            downscaling, for which upscaling networks are trained.
        light: lightness only.
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
    """Mean squared residual between a photograph and the bicubic enlargement of a smaller copy, in lightness."""
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
    """Replace the enlargement in a photograph by a model's upscaling of its smaller copy; the result has 16 bits.

    The residual against bicubic enlargement of the copy is kept.

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
