"""Stains, water lines and old tape lightened: seen on a reduced copy of the whole photograph, undone at full size."""

import torch
from torch import Tensor

from daguerre.images import Picture
from daguerre.images.resample import resample_axis, support
from daguerre.images.resize import read_resized
from daguerre.images.window_map import map_windows
from daguerre.networks.stain_unet import StainUNet, gains
from daguerre.progress import ProgressCallback, silent
from daguerre.tasks.restoration.tint import has_colour
from daguerre.tiling import Window
from daguerre.weights import Model

__all__ = ["MODEL", "remove_stains"]

MODEL = "stains"
SMALL = 64  # pixels of the shorter side below which there is no telling
# From where to where it must be likely that a place is stained before it is lightened, and wholly.
DOUBTFUL, SURE = 0.9, 0.98
NOISE_FLOOR = 0.02  # of the predicted log gain
STAINED = 0.05  # log gain above which a pixel counts as stained


def remove_stains(photo: Picture, model: Model, progress: ProgressCallback = silent) -> tuple[Picture, float]:
    """Lighten the stains of a photograph without colour: sepia, or black and white on old paper.

    In colour, what is brown may be anything, and is left. What is below a stain is multiplied by a gain of its own in
    each channel, so all detail stays, and what is neutral as a whole stays so. Where there is no stain not one value
    changes.

    Args:
        model: a `StainUNet`; runs in float32.

    Returns:
        The photograph, itself if nothing is stained, and the part of it that was, in [0, 1].
    """
    if min(photo.height, photo.width) < SMALL:
        return photo, 0.0
    log_gains = estimate_gains(photo, model)
    if not log_gains.any():
        return photo, 0.0

    def compute(window: Window, colours: Tensor) -> Tensor:
        return colours * enlarged(log_gains, window, photo).exp()

    stained = (log_gains.amax(1) > STAINED).float().mean().item()
    return map_windows(photo, compute, step="removing stains", progress=progress), stained


def estimate_gains(photo: Picture, model: Model) -> Tensor:
    """Natural logarithms of the gains for a reduced copy, (1, 3, h, w); zeros if it is in colour."""
    share = min(model.expect(StainUNet).side / max(photo.height, photo.width), 1.0)
    height, width = (max(round(length * share), 1) for length in (photo.height, photo.width))
    copy, _ = read_resized(photo, height, width)
    if photo.grey:
        copy = copy[:, :1].expand(-1, 3, -1, -1)
    if has_colour(copy):
        return torch.zeros_like(copy)
    made = model(copy, border="replicate").cpu()
    sure = (made[:, :1].sigmoid() - DOUBTFUL) / (SURE - DOUBTFUL)
    return (gains(made) * sure.clamp(0, 1) - NOISE_FLOOR).clamp(min=0)


def enlarged(log_gains: Tensor, window: Window, photo: Picture) -> Tensor:
    """A window of log gains (1, 3, h, w) at the size of the photograph."""
    sizes = {-2: (photo.height, window.top, window.bottom), -1: (photo.width, window.left, window.right)}
    for dim, (size, start, stop) in sizes.items():
        small = log_gains.shape[dim]
        first, last = support(small, size, size / small, start, stop)
        log_gains = resample_axis(
            log_gains.narrow(dim, first, last - first),
            dim,
            size / small,
            size=small,
            out_size=size,
            start=start,
            stop=stop,
            offset=first,
        )
    return log_gains.clamp(min=0)
