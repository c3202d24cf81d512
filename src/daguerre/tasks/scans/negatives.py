"""Detect negatives and turn them into positives."""

from typing import NamedTuple

import torch
from torch import Tensor

from daguerre.images import Picture
from daguerre.images.pixels import luma
from daguerre.images.resize import read_resized
from daguerre.images.window_map import map_windows
from daguerre.networks.tone_curves import extremes
from daguerre.progress import ProgressCallback, silent
from daguerre.tasks.faces.detection import FaceDetector
from daguerre.tiling import Window

__all__ = ["has_orange_mask", "shows_faces_inverted", "turned"]

COPY_SIDE = 256  # pixels; side of the copy in which tones are measured
FACES_SIDE = 400  # pixels of the longer side of the copy in which inverted faces are detected
# The base of color negative film is orange: its lightest tone transmits this fraction of red in green and in blue.
BASE_GREEN = (0.45, 0.82)
BASE_BLUE = (0.2, 0.55)
MIN_ORDERED_SHARE = 0.97  # fraction of the pixels that must have red >= green >= blue
MAX_RANGE_RATIO = 1.8  # maximum ratio between the density ranges of two channels


class Ends(NamedTuple):
    """The darkest and lightest tone of each channel, each (1, 3, 1, 1) in [0, 1]."""

    low: Tensor
    high: Tensor


def ends(picture: Picture) -> tuple[Tensor, Ends]:
    """A small copy (1, 3, SIDE, SIDE) and its darkest and lightest tones."""
    copy, _ = read_resized(picture, COPY_SIDE, COPY_SIDE)
    low, high = (tones[..., None] for tones in extremes(copy))
    return copy, Ends(low, high)


def has_orange_mask(picture: Picture) -> bool:
    """Whether a picture is a color negative: all of it is seen through the orange film base.

    A sunset is orange, too, but the density ranges of its channels differ.
    """
    if picture.grey:
        return False
    copy, (low, high) = ends(picture)
    red, green, blue = high.flatten().tolist()
    masked = BASE_GREEN[0] < green / red < BASE_GREEN[1] and BASE_BLUE[0] < blue / red < BASE_BLUE[1] and blue < green
    ordered = (copy[:, 0] >= copy[:, 1] - 0.01) & (copy[:, 1] >= copy[:, 2] - 0.01)
    density = (high / low.clamp(min=1 / 255)).log().flatten()
    even = density.max() < MAX_RANGE_RATIO * density.min()
    return bool(masked and ordered.float().mean() > MIN_ORDERED_SHARE and even)


def shows_faces_inverted(picture: Picture, find: FaceDetector) -> bool:
    """Whether faces are detected after inversion."""
    share = min(FACES_SIDE / max(picture.height, picture.width), 1.0)
    height, width = (max(round(length * share), 1) for length in (picture.height, picture.width))
    copy, _ = read_resized(picture, height, width)
    return bool(find(Picture.from_tensor(1 - luma(copy).expand(-1, 3, -1, -1))))


def turned(picture: Picture, progress: ProgressCallback = silent) -> Picture:
    """The positive of a negative, inverted so that the film base is black and the densest place white.

    This is done for each channel, which removes the orange of the base.
    """
    _, (low, high) = ends(picture)

    def compute(_: Window, colours: Tensor) -> Tensor:
        return ((high - colours) / (high - low)).clamp(0, 1)

    with torch.inference_mode():
        return map_windows(picture, compute, step="turning the negative", progress=progress)
