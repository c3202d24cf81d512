"""The local part of restoration as a pure function of a window: blur, noise and grain undone, damage filled."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from daguerre.devices import Device
from daguerre.images import Canvas, Picture
from daguerre.images.resample import resample_axis, support
from daguerre.images.visible import read_colours
from daguerre.networks.compact_translation import NEAR, SMALLEST, LatentRestoration, halve
from daguerre.progress import ProgressCallback, silent
from daguerre.tiling import Window, plan_windows, run_windows

__all__ = ["Mending", "fill_coarsely", "read_damage"]

CELLS = 8  # cells along a window's side: what it reads more than it makes then costs three quarters
# Limit of the local change, in sizes of that in the calmest tenth of the photograph. 12 aged photographs come to 30.09
# dB against their aged tones, with 4 or 9 to 30.10; 7 clean ones, only mended, come back at 49.8 dB, with 4 at 49.4.
CALM, LIMIT = 0.1, 2.0
TONES = (0.04, 0.96)  # lightness outside which noise does not show, as in black and white borders
SAMPLES = 3  # windows down and across in which that is measured, of PATCH pixels
PATCH = 192


class Mending:
    """Mends any window of a photograph from the pixels it depends on, and from nothing else.

    Args:
        network: on `device` already.
        size: (height, width) of the photograph.
        limit: the largest local change of what is not damaged, as `LatentRestoration` takes it.
    """

    def __init__(
        self, network: LatentRestoration, device: Device, size: tuple[int, int], limit: float | None = None
    ) -> None:
        self.network, self.device, self.size, self.limit = network, device, size, limit

    def windows(self) -> list[Window]:
        """The windows that the photograph is best mended in."""
        return plan_windows(*self.size, CELLS * self.network.cell)

    def source(self, window: Window) -> Window:
        """The window that a window of the result depends on; it begins a cell."""
        spans = []
        for first, length, size in zip(
            (window.top, window.left), (window.height, window.width), self.size, strict=True
        ):
            cell, before, after = self.network.cell, self.network.reach_before, self.network.reach_after
            start = max((first - after) // cell * cell - before, 0) // cell * cell
            stop = min(-(-(first + length + after) // cell) * cell + before, size)
            spans.append((start, stop - start))
        (top, height), (left, width) = spans
        return Window(top, left, height, width)

    @torch.inference_mode()
    def __call__(self, window: Window, image: Tensor, mask: Tensor) -> Tensor:
        """Mend a window.

        Args:
            image: (1, 3, h, w) in [0, 1], the pixels of `source(window)`.
            mask: (1, 1, h, w) of the same pixels: 1 where damaged and filled coarsely, else 0.

        Returns:
            (1, 3, window.height, window.width) on the processor, unclamped.
        """
        return self.compute(window, image, mask, lambda image, mask: self.network(image, mask, self.limit))

    @torch.inference_mode()
    def activity(self, window: Window, image: Tensor, mask: Tensor) -> Tensor:
        """How much would be changed around undamaged pixels of a window, neither black nor white: (n,)."""
        around = self.compute(window, image, mask, self.network.activity)
        rows, columns = window.within(self.source(window)).slices
        light = image[..., rows, columns].mean(1, keepdim=True)
        sound = (mask[..., rows, columns] == 0) & (light > TONES[0]) & (light < TONES[1])
        some = (..., slice(NEAR, None, NEAR), slice(NEAR, None, NEAR))
        return around[some][sound[some]]

    def compute(
        self, window: Window, image: Tensor, mask: Tensor, function: Callable[[Tensor, Tensor], Tensor]
    ) -> Tensor:
        source = self.source(window)
        margin = (0, -source.width % self.network.multiple, 0, -source.height % self.network.multiple)
        image, mask = (F.pad(part, margin, mode="replicate").to(self.device.torch_device) for part in (image, mask))
        with self.device.autocast():
            made = function(image.contiguous(memory_format=torch.channels_last), mask)
        rows, columns = window.within(source).slices
        return made[..., rows, columns].float().cpu()

    def samples(self) -> list[Window]:
        """Windows spread evenly over the photograph, few however large it is."""
        height, width = (min(PATCH, length) for length in self.size)
        tops, lefts = (
            sorted({round((length - side) * k / (SAMPLES - 1)) for k in range(SAMPLES)})
            for length, side in zip(self.size, (height, width), strict=True)
        )
        return [Window(top, left, height, width) for top in tops for left in lefts]

    def calm(self, read: Callable[[Window], tuple[Tensor, Tensor]]) -> float | None:
        """The limit that suits a photograph: noise is everywhere, so what is taken from its calmest parts is noise.

        Args:
            read: gives the image and the mask of `source(window)`, as a call takes them.
        """
        measured = torch.cat([self.activity(window, *read(self.source(window))) for window in self.samples()])
        return LIMIT * measured.quantile(CALM).item() if len(measured) else None


def read_damage(mask: Picture, window: Window) -> Tensor:
    """Damage (1, 1, h, w), 1 where a mask is light, else 0."""
    return (mask.read(window)[:, :1] > 0.5).float()


def fill_coarsely(
    photo: Picture, mask: Picture, network: LatentRestoration, device: Device, progress: ProgressCallback = silent
) -> Picture:
    """Fill what is damaged from reduced copies, as `LatentRestoration.fill` does, window by window.

    Begun so, what is under scratches is 2.9 dB nearer to the truth than what the network makes of nothing, what is
    under dust 6.5 dB (14 aged photographs).

    Args:
        mask: grey, of the same size; white where damaged.

    Returns:
        The photograph with its damage filled, at 16 bits; as it came if there is none.
    """
    levels = [(photo, mask)]
    while min(levels[-1][1].height, levels[-1][1].width) > SMALLEST and is_hurt(levels[-1][1]):
        levels.append(halved(*levels[-1]))
    filled, _ = levels[-1]
    for image, damage in levels[-2:0:-1]:
        filled = mended(begun(image, damage, filled), damage, network, device, progress)
    return begun(photo, mask, filled) if len(levels) > 1 else photo


def is_hurt(mask: Picture) -> bool:
    """Whether anything is damaged."""
    return any(read_damage(mask, window).any() for window in plan_windows(mask.height, mask.width, 1024))


def halved(photo: Picture, mask: Picture) -> tuple[Picture, Picture]:
    """Both at half the size: means of the undamaged pixels of 2 x 2; damaged where fewer than two are not."""
    height, width = (photo.height + 1) // 2, (photo.width + 1) // 2
    small, damage = Canvas(height, width, bits=16), Canvas(height, width, grey=True)

    def read(window: Window) -> tuple[Tensor, Tensor]:
        source = window.scaled(2).grown(0, photo.height, photo.width)
        return read_colours(photo, source)[0], read_damage(mask, source)

    def compute(window: Window, source: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        return halve(*source)

    def write(window: Window, made: tuple[Tensor, Tensor]) -> None:
        small.write(window, made[0])
        damage.write(window, made[1])

    run_windows(plan_windows(height, width, 1024), read=read, compute=compute, write=write, step="reducing")
    return small.picture(), damage.picture()


def begun(photo: Picture, mask: Picture, coarse: Picture) -> Picture:
    """The photograph with its damage filled from `coarse`, of half its size."""
    size, half = (photo.height, photo.width), (coarse.height, coarse.width)
    started = Canvas(*size, bits=16, alpha=photo.alpha)

    def compute(window: Window, source: tuple[Tensor, Tensor | None]) -> tuple[Tensor, Tensor | None]:
        colours, alpha = source
        return torch.where(read_damage(mask, window) > 0, enlarged(coarse, window, size, half), colours), alpha

    def write(window: Window, made: tuple[Tensor, Tensor | None]) -> None:
        started.write(window, made[0])
        if made[1] is not None:
            started.write_alpha(window, made[1])

    windows = plan_windows(*size, 1024)
    run_windows(windows, read=lambda at: read_colours(photo, at), compute=compute, write=write, step="filling holes")
    return started.picture(like=photo)


def enlarged(coarse: Picture, window: Window, size: tuple[int, int], half: tuple[int, int]) -> Tensor:
    """A window of `coarse` enlarged twice."""
    top, bottom = support(half[0], size[0], 2.0, window.top, window.bottom)
    left, right = support(half[1], size[1], 2.0, window.left, window.right)
    made = coarse.read(Window(top, left, bottom - top, right - left))
    for dim, start, stop, offset in ((-2, window.top, window.bottom, top), (-1, window.left, window.right, left)):
        made = resample_axis(made, dim, 2.0, size=half[dim], out_size=size[dim], start=start, stop=stop, offset=offset)
    return made.clamp(0, 1)


def mended(
    photo: Picture, mask: Picture, network: LatentRestoration, device: Device, progress: ProgressCallback
) -> Picture:
    """The photograph with what is damaged replaced by what the network makes of it, the rest as it is."""
    mending = Mending(network, device, (photo.height, photo.width))
    canvas = Canvas(photo.height, photo.width, bits=16)

    def read(window: Window) -> tuple[Tensor, Tensor]:
        return photo.read(mending.source(window)), read_damage(mask, mending.source(window))

    def compute(window: Window, source: tuple[Tensor, Tensor]) -> Tensor:
        rows, columns = window.within(mending.source(window)).slices
        image, damage = (part[..., rows, columns] for part in source)
        return torch.where(damage > 0, mending(window, *source), image) if damage.any() else image

    run_windows(
        mending.windows(), read=read, compute=compute, write=canvas.write, step="filling holes", progress=progress
    )
    return canvas.picture()
