"""Remove stains, water lines and old tape: predicted on a reduced copy of the photograph, applied at full size."""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from daguerre.images import Picture
from daguerre.images.filters import gaussian
from daguerre.images.pixels import luma
from daguerre.images.resample import resample_axis, support
from daguerre.images.resize import read_reduced
from daguerre.images.window_map import map_windows
from daguerre.networks.stain_unet import StainUNet, gains, unusual
from daguerre.progress import ProgressCallback, silent
from daguerre.tasks.restoration.tint import has_colour
from daguerre.tiling import Window
from daguerre.weights import Model

__all__ = ["MODEL", "Unstained", "remove_stains"]

MODEL = "stains"
MIN_SIDE = 64  # pixels of the shorter side, below which nothing is detected
MIN_PROBABILITY = 0.9  # of a stain, for a place to be lightened at all
FULL_PROBABILITY = 0.98  # ... and fully
NOISE_FLOOR = 0.02  # of the predicted log gain
STAINED_GAIN = 0.05  # log gain above which a pixel counts as stained
# The surroundings of a stain tell what may be below it. A place is left unchanged if its tint would be further from the
# usual one than nearly all of the surroundings, or overshoot it.
SURROUNDINGS_REACH = 0.05  # of the copy's longer side: width of a stain's surroundings
MIN_SURROUNDINGS = 50  # pixels of the copy; minimum area of these
LIGHTEST_QUANTILE = 0.995  # of the surroundings, in each channel: the lightest that a stain may become
TINT_QUANTILE = 0.95  # of the tints in the surroundings
TINT_MARGIN = 0.03  # by which a tint may lie beyond that
SATURATION_MARGIN = 0.25  # saturation by which it may exceed nearly all of the surroundings ...
PALER_SHARE = 0.8  # ... unless it falls to this fraction of what it was
JUDGED_RADIUS = 3  # pixels of the copy; radius of the area judged with each place
MAX_DOUBTFUL_SHARE = 0.3  # of a stain's area; beyond that it is not a stain and is left unchanged
# A stain must show, by its outline or, if that is soft, by its whole area: at least these parts of what its gain says.
MIN_OUTLINE, MIN_TINT = 0.4, 0.8
NEUTRAL = 0.01  # of the outline's power in lightness: a stain with less in tint is neutral
OUTLINE_SIGMA = 1.5  # pixels of the copy; finer steps are texture
OUTLINE_REACH = 3  # pixels of the copy around a stain, where its outline is looked for
DARK = 0.1  # lightness added before steps are taken as ratios
SHADE_SIGMA = 3.0  # pixels of the copy; finer changes are texture
SHADE_MARGIN = 0.03  # logarithm by which a stain's shades may become lighter than the lightest of its surroundings


class Unstained(NamedTuple):
    """A photograph with its stains lightened.

    Args:
        picture: the photograph itself, if nothing is stained.
        stained: fraction that was stained and has been lightened, in [0, 1].
        doubtful: fraction that looked stained but was left, because its new tint does not occur nearby.
    """

    picture: Picture
    stained: float = 0.0
    doubtful: float = 0.0


def remove_stains(photo: Picture, model: Model, progress: ProgressCallback = silent) -> Unstained:
    """Lighten the stains of a photograph without color: sepia, or black and white on old paper.

    In a color photograph, brown may be anything, and is left. The picture below a stain is multiplied by a gain for
    each channel, so all detail stays, and a neutral picture stays neutral. Without a stain not a single value changes,
    and no pixel becomes lighter, or of another tint, than the surroundings of the stain.

    Args:
        model: a `StainUNet`; runs in float32.
    """
    if min(photo.height, photo.width) < MIN_SIDE:
        return Unstained(photo)
    copy, alpha = read_reduced(photo, model.expect(StainUNet).side)
    if has_colour(copy, alpha):
        return Unstained(photo)
    seen = torch.ones_like(copy[:, :1]) if alpha is None else alpha
    wanted = estimate_gains(copy, model) * (seen > 0)
    log_gains, most = kept_within_surroundings(copy, wanted, seen > 0.5)
    before, after = (float((made.amax(1) > STAINED_GAIN).float().mean()) for made in (wanted, log_gains))
    if not log_gains.any():
        return Unstained(photo, doubtful=before)

    def compute(window: Window, colours: Tensor) -> Tensor:
        return lifted(colours, enlarged(log_gains, window, photo), enlarged(most, window, photo))

    return Unstained(map_windows(photo, compute, step="removing stains", progress=progress), after, before - after)


def estimate_gains(copy: Tensor, model: Model) -> Tensor:
    """Natural logarithms of the gains that the network predicts for a reduced copy (1, 3, h, w)."""
    made = model(copy, border="replicate").cpu()
    sure = (made[:, :1].sigmoid() - MIN_PROBABILITY) / (FULL_PROBABILITY - MIN_PROBABILITY)
    return (gains(made) * sure.clamp(0, 1) - NOISE_FLOOR).clamp(min=0)


def kept_within_surroundings(copy: Tensor, log_gains: Tensor, visible: Tensor) -> tuple[Tensor, Tensor]:
    """Gains of only those stains that become like their surroundings, and the upper limit of each channel.

    Args:
        copy: (1, 3, h, w) in [0, 1].
        log_gains: natural logarithms (1, 3, h, w), from 0.
        visible: (1, 1, h, w), where not transparent.

    Returns:
        Logarithms of gains and levels in [0, 1], (1, 3, h, w) each.
    """
    import cv2

    stained = log_gains.amax(1, keepdim=True) > STAINED_GAIN
    sound = visible & ~stained
    most, share = torch.ones_like(copy), torch.zeros_like(copy[:, :1])
    if sound.sum() < MIN_SURROUNDINGS:
        return torch.zeros_like(log_gains), most
    wrong = mean_near((stained & strange(copy, log_gains, sound)).float())
    reach = math.ceil(SURROUNDINGS_REACH * max(copy.shape[2:]))
    count, pieces = cv2.connectedComponents(grown(stained, JUDGED_RADIUS)[0, 0].numpy().astype(np.uint8))
    for number in range(1, count):
        piece = torch.from_numpy(pieces == number)[None, None]
        ring, inside = grown(piece, reach) & sound, piece & stained
        if ring.sum() < MIN_SURROUNDINGS or wrong[inside].mean() > MAX_DOUBTFUL_SHARE:
            continue
        light = luma(copy)
        if light[inside].mean() > light[ring].quantile(TINT_QUANTILE):  # a lamp at night: a stain darkens
            continue
        around = copy.permute(0, 2, 3, 1)[ring[:, 0]]  # (n, 3)
        lightest = around.quantile(LIGHTEST_QUANTILE, dim=0).view(1, 3, 1, 1)
        sure: Tensor = piece * (1 - (wrong / MAX_DOUBTFUL_SHARE).clamp(max=1))
        if not shows(copy, log_gains * sure, grown(piece, OUTLINE_REACH) & visible, (piece | ring) & visible):
            continue
        sure *= toned_down(light, log_gains * sure, ring)
        most = torch.where(piece, lightest, most)
        share = torch.where(piece, sure, share)
    return log_gains * share, most


def toned_down(light: Tensor, log_gains: Tensor, ring: Tensor) -> Tensor:
    """The share of a stain's gains at each place, (1, 1, h, w), that keeps its shades no lighter than those around it.

    Args:
        light: lightness of the copy, (1, 1, h, w).
        ring: (1, 1, h, w), its surroundings.
    """
    shade = gaussian(light, SHADE_SIGMA)
    gain = gaussian(luma(log_gains), SHADE_SIGMA)
    room = ((shade[ring].amax() / shade.clamp(min=1e-3)).log() + SHADE_MARGIN).clamp(min=0)
    return gaussian((room / gain.clamp(min=1e-3)).clamp(max=1), SHADE_SIGMA)


def shows(copy: Tensor, log_gains: Tensor, near: Tensor, around: Tensor) -> bool:
    """Whether a copy (1, 3, h, w) shows a stain: is tinted, or darkened if the gains are gray, where and as they say.

    Where a stain ends, the picture becomes paler by as much as its gain does, and the scene below has hardly any color.

    Args:
        near: (1, 1, h, w), the stain and its outline.
        around: the stain and its surroundings.
    """
    pairs = levels(copy), levels(copy) - levels(copy * log_gains.exp())
    light = [part.mean(1, keepdim=True) for part in pairs]
    tint = [part - mean for part, mean in zip(pairs, light, strict=True)]
    neutral = tint[1].square().mean() < NEUTRAL * light[1].square().mean()
    seen, expected = light if neutral else tint
    outlines = (steps(part)[..., near[0, 0]] for part in (seen, expected))
    areas = (part[..., around[0, 0]] for part in (seen, expected))
    return slope(*outlines) >= MIN_OUTLINE or slope(*(part - part.mean(-1, keepdim=True) for part in areas)) >= MIN_TINT


def slope(seen: Tensor, expected: Tensor) -> float:
    """The coefficient of the regression of one on the other."""
    return float((seen * expected).sum() / expected.square().sum().clamp(min=1e-9))


def levels(copy: Tensor) -> Tensor:
    """Logarithms, in which a gain is a step of the same height on dark and light."""
    return (copy + DARK).log()


def steps(values: Tensor) -> Tensor:
    """Differences to the neighbors below and to the right, (2, 1, C, h, w), of (1, C, h, w), texture aside."""
    padded = F.pad(gaussian(values, OUTLINE_SIGMA), (0, 1, 0, 1), mode="replicate")
    return torch.stack([padded[..., 1:, :-1], padded[..., :-1, 1:]]) - padded[..., :-1, :-1]


def lifted(colours: Tensor, log_gains: Tensor, most: Tensor) -> Tensor:
    """Colors (1, 3, h, w) multiplied by their gains, but not above these levels."""
    return torch.minimum(colours * log_gains.clamp(min=0).exp(), torch.maximum(most, colours))


def strange(copy: Tensor, log_gains: Tensor, sound: Tensor) -> Tensor:
    """Where a lightened copy would have a tint that occurs nowhere in unstained areas: (1, 1, h, w)."""
    before, after = (unusual(image, sound.to(copy)) for image in (copy, copy * log_gains.exp()))
    usual = before.abs().amax(1, keepdim=True)[sound].quantile(TINT_QUANTILE) + TINT_MARGIN
    worse = (after.abs() > before.abs()) | (after * before < 0)
    odd = ((after.abs() > usual) & worse).any(1, keepdim=True)
    # For tones darker than all unstained ones the usual tint is unknown, but not how pale tints are.
    was, pure = saturation(copy), saturation(copy * log_gains.exp())
    return odd | ((pure > was[sound].quantile(TINT_QUANTILE) + SATURATION_MARGIN) & (pure > PALER_SHARE * was))


def saturation(image: Tensor) -> Tensor:
    """Saturation of an image (1, 3, h, w), from 0, gray, to 1; reduced where it is nearly black."""
    most = image.amax(1, keepdim=True)
    return (most - image.amin(1, keepdim=True)) / most.clamp(min=0.1)


def grown(places: Tensor, reach: int) -> Tensor:
    """Dilate a mask (1, 1, h, w) by `reach` pixels."""
    return F.max_pool2d(places.float(), 2 * reach + 1, stride=1, padding=reach) > 0


def mean_near(values: Tensor) -> Tensor:
    return F.avg_pool2d(values, 2 * JUDGED_RADIUS + 1, stride=1, padding=JUDGED_RADIUS, count_include_pad=False)


def enlarged(small: Tensor, window: Window, photo: Picture) -> Tensor:
    """A window of a map of the reduced copy (1, 3, h, w), at the size of the photograph."""
    for dim, size, start, stop in (
        (-2, photo.height, window.top, window.bottom),
        (-1, photo.width, window.left, window.right),
    ):
        length = small.shape[dim]
        first, last = support(length, size, size / length, start, stop)
        part = small.narrow(dim, first, last - first)
        small = resample_axis(
            part, dim, size / length, size=length, out_size=size, start=start, stop=stop, offset=first
        )
    return small
