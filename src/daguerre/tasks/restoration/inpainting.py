"""Coarse-to-fine inpainting: damage is filled from reduced copies, refined at each size by the same network."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from daguerre.images import Canvas, Picture
from daguerre.images.resample import resample_axis, support
from daguerre.images.window_map import map_windows
from daguerre.networks.compact_translation import SMALLEST_SIDE, halve
from daguerre.progress import ProgressCallback, silent
from daguerre.tasks.restoration.patch_fill import Patched, fill_with_patches, large_holes
from daguerre.tasks.restoration.translation import Translation, read_damage
from daguerre.tiling import Window, plan_windows
from daguerre.weights import Model

__all__ = ["Inpainted", "finished", "inpaint", "without_large_holes"]

COPY_SIDE = 640  # maximum pixels of the longer side of the copy in which large holes are filled with patches


class Inpainted(NamedTuple):
    """A photograph with its damage filled.

    Args:
        picture: at 16 bits.
        unfinished: what the translation has yet to replace; gray, white there.
        share: fraction of the photograph that was filled with patches.
    """

    picture: Picture
    unfinished: Picture
    share: float = 0.0


def inpaint(photo: Picture, mask: Picture, model: Model, progress: ProgressCallback = silent) -> Inpainted:
    """Fill damage from reduced copies, as `LatentRestoration.fill` does, window by window.

    With this initial fill, the result under scratches is 2.9 dB closer to the truth than without, under dust 6.5 dB (14
    aged photographs). Large holes, which are too much for the network, are filled with patches of the photograph, in
    the largest copy of at most 640 pixels.

    Args:
        mask: gray, of the same size; white where damaged.
        model: a `LatentRestoration`.

    Returns:
        The photograph with its damage filled, and the damage that the translation has yet to finish; both unchanged if
        nothing is damaged.
    """
    levels = [(photo, mask)]
    while min(levels[-1][1].height, levels[-1][1].width) > SMALLEST_SIDE and is_damaged(levels[-1][1]):
        levels.append(halved(*levels[-1]))
    at = next(k for k, (image, _) in enumerate(levels) if max(image.height, image.width) <= COPY_SIDE)
    filled, patched, holes = levels[-1][0], None, None
    for number, (image, damage) in reversed([*enumerate(levels[:-1])]):
        filled = started(image, damage, filled)
        if number:
            filled = finished(filled, damage, model, progress)
        if number == at:
            whole, lost = filled.read(), read_damage(damage, Window(0, 0, damage.height, damage.width))
            holes = large_holes(lost)
            patched = fill_with_patches(whole, holes, lost - holes) if holes.any() else None
            copy, filled = whole, filled if patched is None else Picture.from_tensor(patched.image, bits=16)
    if patched is None or holes is None:
        return Inpainted(filled, mask)
    return with_detail(filled, mask, Copied(copy, patched, holes, 2**at))


@dataclass(frozen=True)
class Copied:
    """Large holes of a small copy, and their fill.

    Args:
        copy: (1, 3, h, w), before its holes were filled.
        patched: after.
        holes: (1, 1, h, w), 1 or 0.
        factor: size of the photograph relative to the copy.
    """

    copy: Tensor
    patched: Patched
    holes: Tensor
    factor: int


def with_detail(photo: Picture, mask: Picture, copied: Copied) -> Inpainted:
    """The photograph with its large holes filled as in its copy, with detail from where the patches come from.

    Detail is the difference there between the photograph and its enlarged copy.
    """
    rest = Canvas(photo.height, photo.width, grey=True)
    factor = copied.factor
    near = F.max_pool2d(copied.holes, 3, stride=1, padding=1)

    def fill(window: Window, image: Tensor) -> Tensor:
        damage = read_damage(mask, window)
        inside = damage * repeated(near, window, factor)
        rest.write(window, (damage - inside).expand(-1, 3, -1, -1))
        if not inside.any():
            return image
        made = image.clone()
        places = inside[0, 0].nonzero()
        y, x = (places + torch.tensor([window.top, window.left])).T
        moves = copied.patched.moves[:, y // factor, x // factor]
        low = sampled(copied.patched.image, y, x, factor)
        for down, across in np.unique(moves.numpy(), axis=1).T.tolist():
            these = (moves[0] == down) & (moves[1] == across)
            from_y = (y[these] + factor * down).clamp(0, photo.height - 1)
            from_x = (x[these] + factor * across).clamp(0, photo.width - 1)
            top, left = int(from_y.min()), int(from_x.min())
            box = Window(top, left, int(from_y.max()) + 1 - top, int(from_x.max()) + 1 - left)
            there = photo.read(box)[0][:, from_y - top, from_x - left]
            colours = low[:, these] + there - sampled(copied.copy, from_y, from_x, factor)
            made[0][:, places[these, 0], places[these, 1]] = colours.clamp(0, 1)
        return made

    filled = map_windows(photo, fill, step="filling holes", bits=16, grey=False)
    return Inpainted(filled, rest.picture(), share=float(near.mean()))


def without_large_holes(mask: Picture) -> Picture:
    """A mask of damage without the large holes that `inpaint` would fill with patches."""
    small, factor = mask, 1
    while max(small.height, small.width) > COPY_SIDE:
        small, factor = halved(small, small)[1], 2 * factor
    holes = large_holes(read_damage(small, Window(0, 0, small.height, small.width)))
    if not holes.any():
        return mask
    near = F.max_pool2d(holes, 3, stride=1, padding=1)
    return map_windows(mask, lambda window, damage: damage * (1 - repeated(near, window, factor)))


def repeated(small: Tensor, window: Window, factor: int) -> Tensor:
    """A window of a map (1, 1, h, w), each of whose places is repeated over several pixels."""
    rows, columns = (
        torch.arange(start, stop) // factor
        for start, stop in ((window.top, window.bottom), (window.left, window.right))
    )
    return small[..., rows[:, None], columns]


def sampled(copy: Tensor, y: Tensor, x: Tensor, factor: int) -> Tensor:
    """Values of a bilinearly enlarged copy (1, 3, h, w) at pixels of the photograph: (3, n)."""
    height, width = copy.shape[-2:]
    grid = torch.stack([(2 * x + 1) / (factor * width) - 1, (2 * y + 1) / (factor * height) - 1], dim=-1)
    return F.grid_sample(copy, grid[None, None].to(copy), padding_mode="border", align_corners=False)[0, :, 0]


def is_damaged(mask: Picture) -> bool:
    """Whether a mask marks any damage."""
    return any(read_damage(mask, window).any() for window in plan_windows(mask.height, mask.width, 1024))


def halved(photo: Picture, mask: Picture) -> tuple[Picture, Picture]:
    """Photograph and mask at half the size: means of undamaged pixels; damaged if fewer than two of 2 x 2 are left."""
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
    """The photograph with its damage filled from `coarse`, which is half its size."""
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
    """The photograph with its damage replaced by the network's output, the rest unchanged."""
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
