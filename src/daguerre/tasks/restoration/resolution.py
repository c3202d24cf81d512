"""Low resolution: the smaller picture that a photograph was enlarged from, found in it and enlarged again."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from daguerre import weights
from daguerre.devices import Device
from daguerre.images import Canvas, Picture
from daguerre.images.pixels import luma
from daguerre.images.visible import read_colours
from daguerre.progress import ProgressCallback, silent
from daguerre.tasks.upscaling.back_projection import Axis, Enlargement, Span, box
from daguerre.tiling import Window, plan_windows, run_windows, window_side

__all__ = ["MODELS", "Resolution", "measure_resolution", "remade", "smaller"]

MODELS = {2: "compact-x2", 3: "compact-x4", 4: "compact-x4"}
"""What enlarges a smaller picture again, by how many times; faithful ones, which invent nothing."""

SIDE = 1024  # pixels of a window in which almost nothing is computed

# Of photographs with a shorter side of 384 pixels a blur of s pixels leaves about 20 s / k dB of `emptiness` at k, at
# most 5.2 more; an enlargement by k leaves 16 more and up, with JPEG of quality 80 nearly always 7 and up. Of 390 real
# ones none comes to more than 5.1.
PER_PIXEL, CUT = 20.0, 6.0
# What has this emptiness at 2 profits. Sharp photographs come to 0 to 6 dB, of 116 new ones none to more than 10.0, of
# 274 old ones one in 23.
SOFT = 10.5


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
    if half < SOFT:  # anything enlarged is soft, and most photographs are not
        return Resolution(1, enlarged=False)
    empty = {2: half, 3: emptiness(photo, 3), 4: emptiness(photo, 4)}
    beyond = {factor: empty[factor] - PER_PIXEL * edges / factor for factor in empty}
    finest = max(beyond, key=lambda factor: beyond[factor])
    enlarged = beyond[finest] >= CUT
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
    size = [max(round(side / factor), 1) for side in (photo.height, photo.width)]
    axes = [Axis(a, b, factor) for a, b in zip(size, (photo.height, photo.width), strict=True)]
    canvas = Canvas(size[0], size[1], bits=16, grey=photo.grey or light)
    for window in plan_windows(size[0], size[1], SIDE // factor):
        wanted = Span(window.top, window.bottom), Span(window.left, window.right)
        wide = [axis.around(span) if exact else span for axis, span in zip(axes, wanted, strict=True)]
        held = [axis.shrunk_from(span) for axis, span in zip(axes, wide, strict=True)]
        piece = read_colours(photo, box(*held))[0]
        piece = luma(piece) if canvas.grey else piece
        for dim, axis, *spans in zip((-2, -1), axes, held, wide, wanted, strict=True):
            piece = axis.shrink(piece, dim, spans[0], spans[1])
            piece = axis.sharpen(piece, dim, spans[1], spans[2]) if exact else piece
        canvas.write(window, piece)
    return canvas.picture()


def unexplained(photo: Picture, copy: Picture) -> float:
    """Mean square of what bicubic enlargement of a smaller copy lacks of a photograph, in lightness."""
    axes = [Axis(a, b, 1) for a, b in ((copy.height, photo.height), (copy.width, photo.width))]
    total = 0.0
    for window in plan_windows(photo.height, photo.width, SIDE):
        wanted = Span(window.top, window.bottom), Span(window.left, window.right)
        held = [axis.enlarged_from(span) for axis, span in zip(axes, wanted, strict=True)]
        made = luma(copy.read(box(*held)))
        for dim, axis, at, span in zip((-2, -1), axes, held, wanted, strict=True):
            made = axis.enlarge(made, dim, at, span)
        total += (luma(read_colours(photo, window)[0]) - made).square().sum(dtype=torch.float64).item()
    return total / (photo.height * photo.width)


def remade(photo: Picture, factor: int, device: Device, progress: ProgressCallback = silent, *, exact: bool) -> Picture:
    """A photograph whose smaller copy is enlarged by a network instead of as it was, at 16 bits.

    What bicubic enlargement of the copy does not explain is kept as it is.

    Args:
        exact: how the copy is made, see `smaller`.
    """
    copy = smaller(photo, factor, exact=exact)
    network = device.place(weights.load(MODELS[factor]).network)
    enlargement = Enlargement(
        network, device, size=(copy.height, copy.width), out_size=(photo.height, photo.width), project=False
    )
    canvas = Canvas(photo.height, photo.width, bits=16, grey=photo.grey, alpha=photo.alpha)

    def read(window: Window) -> tuple[Tensor, Tensor, Tensor | None]:
        return copy.read(enlargement.source(window)), *read_colours(photo, window)

    def compute(window: Window, source: tuple[Tensor, Tensor, Tensor | None]) -> tuple[Tensor, Tensor | None]:
        low, before, alpha = source
        return before + enlargement(window, low).cpu() - enlargement.plain(window, low), alpha

    def write(window: Window, made: tuple[Tensor, Tensor | None]) -> None:
        canvas.write(window, made[0])
        if made[1] is not None:
            canvas.write_alpha(window, made[1])

    side = window_side(network, device.torch_device, device.dtype, halo=enlargement.halo)
    windows = plan_windows(photo.height, photo.width, side * factor)
    run_windows(windows, read=read, compute=compute, write=write, step="enlarging again", progress=progress)
    return canvas.picture(like=photo)
