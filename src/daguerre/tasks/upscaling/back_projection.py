"""Upscaling as a pure function of a window, made consistent with the input.

A network invents detail; downscaled again, its output need not even match the input. Here the network's output x is
projected onto the pictures that do:

    x + U G (y - S x)

where y is the input, S downscales (antialiased bicubic), U upscales (bicubic) and G = (S U)^-1 is a short sharpening
filter at the size of the input. Then S of the result is y: back-projection (Irani & Peleg 1991), converged in one step.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from daguerre.images.filters import local_range
from daguerre.images.resample import resample_axis, support
from daguerre.tiling import Window
from daguerre.weights import Model

__all__ = ["Axis", "Enlargement", "Span", "box"]

REACH = 8  # radius of G in input pixels; each weight is a third of the one before


class Span(NamedTuple):
    """Samples `start` to `stop` of one axis, the end excluded."""

    start: int
    stop: int


@dataclass(frozen=True)
class Axis:
    """One axis: `size` input samples become `out_size`, via the network's `scale` * `size`."""

    size: int
    out_size: int
    scale: int

    def enlarge(self, piece: Tensor, dim: int, held: Span, wanted: Span) -> Tensor:
        """Apply U: from input samples `held` to result samples `wanted`."""
        return resample(piece, dim, self.size, self.out_size, held, wanted)

    def shrink(self, piece: Tensor, dim: int, held: Span, wanted: Span) -> Tensor:
        """Apply S: from result samples `held` to input samples `wanted`."""
        return resample(piece, dim, self.out_size, self.size, held, wanted)

    def enlarged_from(self, wanted: Span) -> Span:
        """Input samples that U computes result samples from."""
        return Span(*support(self.size, self.out_size, self.out_size / self.size, *wanted))

    def shrunk_from(self, wanted: Span) -> Span:
        """Result samples that S computes input samples from."""
        return Span(*support(self.out_size, self.size, self.size / self.out_size, *wanted))

    def around(self, wanted: Span) -> Span:
        """Input samples that G computes input samples from."""
        return Span(max(wanted.start - REACH, 0), min(wanted.stop + REACH, self.size))

    def sharpen(self, piece: Tensor, dim: int, held: Span, wanted: Span) -> Tensor:
        """Apply G: from input samples `held` to input samples `wanted`, mirrored at the ends of the axis."""
        kernel = inverse_kernel(self.out_size / self.size)
        index = torch.arange(*wanted)[:, None] + torch.arange(-REACH, REACH + 1)
        index = index.remainder(2 * self.size)
        index = torch.where(index < self.size, index, 2 * self.size - 1 - index) - held.start
        matrix = torch.zeros(len(index), held.stop - held.start, dtype=kernel.dtype)
        matrix.scatter_add_(1, index, kernel.expand(len(index), -1))
        matrix = matrix.to(piece)
        return matrix @ piece if dim == -2 else piece @ matrix.T


Filter = Callable[[Axis, Tensor, int, Span, Span], Tensor]


@dataclass(frozen=True)
class Reach:
    """Dependencies of a window of the result along one axis, level by level."""

    result: Span  # requested, at the size of the result
    correction: Span  # input samples whose correction is upscaled onto it
    residual: Span  # input samples where the draft is compared with the input
    draft: Span  # samples at the size of the result that the comparison needs
    detail: Span  # samples at the network's size that the draft is resampled from
    source: Span  # input samples the network reads


def plan_reach(axis: Axis, result: Span, *, halo: int, multiple: int, project: bool) -> Reach:
    """Work backwards from samples of the result to the input samples they depend on."""
    correction = axis.enlarged_from(result)
    residual = axis.around(correction)
    draft = result
    if project:
        needed = axis.shrunk_from(residual)
        draft = Span(min(needed.start, result.start), max(needed.stop, result.stop))
    full = axis.size * axis.scale
    detail = draft if full == axis.out_size else Span(*support(full, axis.out_size, axis.out_size / full, *draft))
    # Sizes that are no multiple of the network's are padded at the far end only, so every window starts at a multiple.
    first = min(max(detail.start // axis.scale - halo, 0), residual.start) // multiple * multiple
    last = max(math.ceil(detail.stop / axis.scale) + halo, residual.stop)
    last = min(math.ceil(last / multiple) * multiple, axis.size)
    return Reach(result, correction, residual, draft, detail, Span(first, last))


class Enlargement:
    """Computes any window of an upscaled picture from just the input pixels that it depends on.

    Args:
        model: a network that upscales.
        size, out_size: (height, width) of the input and of the result, in pixels.
        project: make the result consistent with the input.
        ensemble: average the network over the eight flips and rotations of its input.
        within_range: clip every channel to the local range of the input, so that no edge rings.
    """

    def __init__(
        self,
        model: Model,
        *,
        size: tuple[int, int],
        out_size: tuple[int, int],
        project: bool = True,
        ensemble: bool = False,
        within_range: bool = False,
    ) -> None:
        self.model = model
        self.axes = tuple(Axis(a, b, model.scale) for a, b in zip(size, out_size, strict=True))
        self.project, self.ensemble, self.within_range = project, ensemble, within_range

    def reaches(self, window: Window) -> tuple[Reach, Reach]:
        """Dependencies of a window of the result along its rows and columns."""
        spans = Span(window.top, window.bottom), Span(window.left, window.right)
        rows, columns = (
            plan_reach(axis, span, halo=self.model.halo, multiple=self.model.multiple, project=self.project)
            for axis, span in zip(self.axes, spans, strict=True)
        )
        return rows, columns

    def source(self, window: Window) -> Window:
        """The window of the input that a window of the result depends on."""
        rows, columns = self.reaches(window)
        return box(rows.source, columns.source)

    @torch.inference_mode()
    def __call__(self, window: Window, low: Tensor) -> Tensor:
        """Compute one window of the result.

        Args:
            window: window of the result.
            low: (1, 3, h, w) in [0, 1], the input pixels of `source(window)`.

        Returns:
            (1, 3, window.height, window.width) in [0, 1], on the device.
        """
        rows, columns = self.reaches(window)
        low = low.to(self.model.device.torch_device)
        draft = self.draft(low, rows, columns)
        result = cut(draft, rows.draft, columns.draft, rows.result, columns.result)
        if self.project:
            seen = self.apply(Axis.shrink, draft, [(r.draft, r.residual) for r in (rows, columns)])
            given = cut(low, rows.source, columns.source, rows.residual, columns.residual)
            result = result + self.determined(given - seen, rows, columns)
        if self.within_range:
            darkest, lightest = self.range_around(window, low, rows, columns)
            result = result.clamp(darkest, lightest)
        return result.clamp(0, 1)

    def range_around(self, window: Window, low: Tensor, rows: Reach, columns: Reach) -> tuple[Tensor, Tensor]:
        """Minimum and maximum of the input within a pixel of each result pixel's position."""
        places = (
            torch.arange(start, stop, device=low.device) * axis.size // axis.out_size - reach.source.start
            for axis, reach, (start, stop) in zip(
                self.axes,
                (rows, columns),
                ((window.top, window.bottom), (window.left, window.right)),
                strict=True,
            )
        )
        down, across = places
        darkest, lightest = (part[..., down[:, None], across] for part in local_range(low, 1))
        return darkest, lightest

    @torch.inference_mode()
    def invented(self, window: Window, low: Tensor, result: Tensor) -> Tensor:
        """Distance of each pixel of `result` from what the input alone determines, U G y, in luma: (1, 1, h, w)."""
        rows, columns = self.reaches(window)
        given = cut(low.to(result.device), rows.source, columns.source, rows.residual, columns.residual)
        difference = result - self.determined(given, rows, columns)
        return (difference * difference.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True).abs()

    def plain(self, window: Window, low: Tensor) -> Tensor:
        """Upscale alpha without the network: bicubic, in [0, 1]; `low` at `source(window)`."""
        rows, columns = self.reaches(window)
        low = cut(low, rows.source, columns.source, rows.correction, columns.correction)
        return self.apply(Axis.enlarge, low, [(r.correction, r.result) for r in (rows, columns)]).clamp(0, 1)

    def determined(self, low: Tensor, rows: Reach, columns: Reach) -> Tensor:
        """U G of input pixels at the `residual` spans: the smoothest picture that downscales to them."""
        sharp = self.apply(Axis.sharpen, low, [(r.residual, r.correction) for r in (rows, columns)])
        return self.apply(Axis.enlarge, sharp, [(r.correction, r.result) for r in (rows, columns)])

    def draft(self, low: Tensor, rows: Reach, columns: Reach) -> Tensor:
        """The network's output, resampled to the size of the result, at the `draft` spans."""
        detail = self.model(low, ensemble=self.ensemble)
        scale = self.model.scale
        down, across = (Span(r.source.start * scale, r.source.stop * scale) for r in (rows, columns))
        detail = cut(detail, down, across, rows.detail, columns.detail)
        for dim, axis, reach in zip((-2, -1), self.axes, (rows, columns), strict=True):
            if axis.size * axis.scale != axis.out_size:
                detail = resample(detail, dim, axis.size * axis.scale, axis.out_size, reach.detail, reach.draft)
        return detail

    def apply(self, filter: Filter, piece: Tensor, spans: list[tuple[Span, Span]]) -> Tensor:
        """Apply one of the separable filters of `Axis` along rows, then along columns."""
        for dim, axis, (held, wanted) in zip((-2, -1), self.axes, spans, strict=True):
            piece = filter(axis, piece, dim, held, wanted)
        return piece


@functools.lru_cache(maxsize=64)
def inverse_kernel(factor: float) -> Tensor:
    """The filter G that inverts upscaling by `factor` and downscaling again, (2 REACH + 1,) float64, sum 1.

    Taken from the middle of the inverse of S U on a short axis. S U is well conditioned (its condition number is 2.1
    for factors from 1.4 to 8) and nearly the same at every sample, exactly so for integer factors.
    """
    size = 8 * REACH
    out_size = round(size * factor)
    identity = torch.eye(size, dtype=torch.float64)
    there = resample(identity, -2, size, out_size, Span(0, size), Span(0, out_size))
    back = resample(there, -2, out_size, size, Span(0, out_size), Span(0, size))
    inverse = torch.linalg.inv(back)
    rows = range(size // 2 - REACH, size // 2 + REACH)
    kernel = torch.stack([inverse[row, row - REACH : row + REACH + 1] for row in rows]).mean(dim=0)
    return kernel / kernel.sum()


def resample(piece: Tensor, dim: int, size: int, out_size: int, held: Span, wanted: Span) -> Tensor:
    """Samples `wanted` of an axis resampled from `size` to `out_size`, from its input samples `held`."""
    return resample_axis(
        piece,
        dim,
        out_size / size,
        size=size,
        out_size=out_size,
        start=wanted.start,
        stop=wanted.stop,
        offset=held.start,
    )


def cut(piece: Tensor, held_rows: Span, held_columns: Span, rows: Span, columns: Span) -> Tensor:
    """The part of `piece`, which holds the `held` spans, at the wanted spans."""
    top, left = rows.start - held_rows.start, columns.start - held_columns.start
    return piece[..., top : top + rows.stop - rows.start, left : left + columns.stop - columns.start]


def box(rows: Span, columns: Span) -> Window:
    """The window over the given rows and columns."""
    return Window(rows.start, columns.start, rows.stop - rows.start, columns.stop - columns.start)
