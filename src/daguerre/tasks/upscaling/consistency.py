"""Consistency of an upscaled picture with its input."""

import math

import torch
from torch import Tensor

from daguerre.images import Picture
from daguerre.images.resample import resample_axis, support
from daguerre.images.visible import read_colours
from daguerre.progress import ProgressCallback, silent
from daguerre.tiling import Window, plan_windows, run_windows

__all__ = ["measure_agreement"]


def measure_agreement(result: Picture, original: Picture, *, progress: ProgressCallback = silent) -> float:
    """PSNR in dB between `original` and `result` downscaled to its size by antialiased bicubic; RGB, [0, 1].

    Fully transparent pixels of the original do not count. Infinite if all others are equal. Read by windows, so any
    size will do.
    """
    out_size, size = (original.height, original.width), (result.height, result.width)
    factors = tuple(a / b for a, b in zip(out_size, size, strict=True))
    total, counted = 0.0, 0

    def source(window: Window) -> Window:
        top, bottom = support(size[0], out_size[0], factors[0], window.top, window.bottom)
        left, right = support(size[1], out_size[1], factors[1], window.left, window.right)
        return Window(top, left, bottom - top, right - left)

    def read(window: Window) -> tuple[Tensor, Tensor, Tensor | None]:
        return result.read(source(window)), *read_colours(original, window)

    def compute(window: Window, pictures: tuple[Tensor, Tensor, Tensor | None]) -> tuple[float, int]:
        large, small, alpha = pictures
        at = source(window)
        spans = ((-2, window.top, window.bottom, at.top), (-1, window.left, window.right, at.left))
        for dim, start, stop, offset in spans:
            large = resample_axis(
                large,
                dim,
                factors[dim],
                size=size[dim],
                out_size=out_size[dim],
                start=start,
                stop=stop,
                offset=offset,
            )
        visible = torch.ones_like(small[:, :1]) if alpha is None else alpha > 0
        return float(((large - small) * visible).square().double().sum()), 3 * int(visible.sum())

    def add(window: Window, error: tuple[float, int]) -> None:
        nonlocal total, counted
        total, counted = total + error[0], counted + error[1]

    side = max(int(1024 * min(factors)), 1)
    windows = plan_windows(*out_size, side)
    run_windows(windows, read=read, compute=compute, write=add, step="comparing", progress=progress)
    return math.inf if total == 0 else -10 * math.log10(total / counted)
