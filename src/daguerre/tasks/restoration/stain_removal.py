"""Stains, water lines and old tape lightened: seen on a reduced copy of the whole photograph, undone at full size."""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F

from daguerre import weights
from daguerre.devices import Device
from daguerre.images import Canvas, Picture
from daguerre.images.resample import resample_axis, support
from daguerre.images.resize import read_resized
from daguerre.images.visible import read_colours
from daguerre.networks.stain_unet import StainUNet, gains
from daguerre.progress import ProgressCallback, silent
from daguerre.tasks.restoration.tint import has_colour
from daguerre.tiling import Window, plan_windows, run_windows

__all__ = ["Lightened", "StainLifter"]

MODEL = "stains"
SIDE = 1024  # pixels of a window
SMALL = 64  # pixels of the shorter side below which there is no telling
# From where to where it must be likely that a place is stained before it is lightened, and wholly.
DOUBTFUL, SURE = 0.9, 0.98
LEAST = 0.02  # natural logarithm of the smallest factor that is more than a network's unrest
SEEN = 0.05  # of what is changed by such a factor one may say that it was stained


@dataclass(frozen=True)
class Lightened:
    """A photograph without its stains.

    Args:
        picture: the photograph itself where nothing is stained.
        stained: part of it that was, in [0, 1].
    """

    picture: Picture
    stained: float = 0.0


class StainLifter:
    """Lightens what is stained of photographs of any size that have no colour: sepia, or black and white on old paper.

    In colour, what is brown may be anything, and is left. What is below a stain is multiplied by a factor of its own in
    each channel, so all detail stays, and what is neutral as a whole stays so. Where there is no stain not one value
    changes.

    Args:
        strength: 1 lightens as the network suggests, 0 not at all.

    Raises:
        WeightsNotFound: the network is missing.
    """

    def __init__(self, device: Device, *, strength: float = 1.0) -> None:
        self.device, self.strength = device, strength
        self.network = cast(StainUNet, device.place(weights.load(MODEL).network))

    def __call__(self, photo: Picture, progress: ProgressCallback = silent) -> Lightened:
        """Lighten a photograph; it is read strip by strip.

        Raises:
            UnreadablePicture: the file is damaged.
        """
        if min(photo.height, photo.width) < SMALL:
            return Lightened(photo)
        factors = self.estimate(photo) * self.strength
        stained = (factors.amax(1) > SEEN).float().mean().item()
        if not factors.any():
            return Lightened(photo)
        canvas = Canvas(photo.height, photo.width, bits=photo.bits, grey=photo.grey, alpha=photo.alpha)

        def compute(window: Window, source: tuple[Tensor, Tensor | None]) -> tuple[Tensor, Tensor | None]:
            colours, alpha = source
            return colours * enlarged(factors, window, photo).exp(), alpha

        def write(window: Window, made: tuple[Tensor, Tensor | None]) -> None:
            colours, alpha = made
            canvas.write(window, colours)
            if alpha is not None:
                canvas.write_alpha(window, alpha)

        run_windows(
            plan_windows(photo.height, photo.width, SIDE),
            read=lambda window: read_colours(photo, window),
            compute=compute,
            write=write,
            step="lifting stains",
            progress=progress,
        )
        return Lightened(canvas.picture(like=photo), stained)

    @torch.inference_mode()
    def estimate(self, photo: Picture) -> Tensor:
        """Natural logarithms of the factors for a reduced copy, (1, 3, h, w); zeros if it is in colour."""
        share = min(self.network.side / max(photo.height, photo.width), 1.0)
        height, width = (max(round(length * share), 1) for length in (photo.height, photo.width))
        copy, _ = read_resized(photo, height, width)
        if photo.grey:
            copy = copy[:, :1].expand(-1, 3, -1, -1)
        if has_colour(copy):
            return torch.zeros_like(copy)
        margin = (0, -width % self.network.multiple, 0, -height % self.network.multiple)
        padded = F.pad(copy, margin, mode="replicate").to(self.device.torch_device)
        made: Tensor = self.network(padded).cpu()[..., :height, :width]
        sure = (made[:, :1].sigmoid() - DOUBTFUL) / (SURE - DOUBTFUL)
        factors: Tensor = gains(made) * sure.clamp(0, 1) - LEAST
        return factors.clamp(min=0)


def enlarged(factors: Tensor, window: Window, photo: Picture) -> Tensor:
    """A window of `factors` (1, 3, h, w), logarithms, at the size of the photograph."""
    sizes = {-2: (photo.height, window.top, window.bottom), -1: (photo.width, window.left, window.right)}
    for dim, (size, start, stop) in sizes.items():
        small = factors.shape[dim]
        first, last = support(small, size, size / small, start, stop)
        factors = resample_axis(
            factors.narrow(dim, first, last - first),
            dim,
            size / small,
            size=small,
            out_size=size,
            start=start,
            stop=stop,
            offset=first,
        )
    return factors.clamp(min=0)
