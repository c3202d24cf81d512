"""Correct fading, yellowing, casts and uneven light: estimated on the whole picture, corrected window by window."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from daguerre.images import Picture
from daguerre.images.pixels import luma
from daguerre.images.resize import read_resized
from daguerre.networks.tone_curves import ToneCurves, apply_curves, blend_curves, extremes, stretched_curves
from daguerre.tasks.restoration.tint import Tint, has_colour
from daguerre.tiling import Window
from daguerre.weights import Model

__all__ = ["MODEL", "USUAL", "Caution", "ToneCorrection"]

MODEL = "tone"

# A color photograph has plainly changed if its deepest black and its lightest white, each seen in several of 16
# regions, are both tinted and far from black and white. Of 60 new photographs, one is mistaken for changed; under
# yellow and blue casts that the network does not detect they improve from 18.9 and 18.1 to 20.1 and 21.1 dB.
IGNORED_RIM = 16  # this fraction along each side does not count: a plate's black border is not the picture's black
REGIONS_PER_AXIS = 4
END_TOLERANCE = 0.05  # maximum difference in lightness between the overall extreme tone and a region's
MIN_REGION_SHARE = 0.18  # fraction of the regions that counts as several
TAIL_QUANTILE = 0.02  # of a region's pixels: quantile of its darkest and its lightest tone
MIN_LIFT = 0.025  # minimum lightness of the deepest black
MIN_LIGHTNESS_GAP = 0.5
MIN_TINT = 0.1
NETWORK_TRUSTED_CHANGE = (
    0.04  # change from which the network is trusted: 10 of 11 aged photographs above it lose otherwise
)

# A color picture's gray rim, such as a scanner's bed, stays gray, or else only lightness is corrected: of 432 real old
# photographs, two tintypes would become violet. Gray that is as frequent inside may be a color that has faded.
NEUTRAL_SPREAD = 0.05  # between the channels of a gray pixel
NEUTRAL_TONES = (0.1, 0.9)  # lightness within which that shows
MIN_NEUTRAL_RIM = 0.5  # share of the rim that is gray
MAX_NEUTRAL_INSIDE = 0.65  # of that, the share inside
MAX_TINTING = 0.02  # by which these channels may move apart


@dataclass(frozen=True)
class Caution:
    """How much tones are corrected, depending on the evidence.

    The extreme tones are moved before the network runs, because it has learned little about strong casts: on 21
    photographs under five casts it reaches 17.9 dB by itself, 19.6 with this, and 25.3 if told that they have faded; on
    photographs aged in six ways 25.2, 25.0 and 22.9; and new ones keep 54.5 and 57.1 dB in the first two cases
    (benchmarks/quality/tones.py).

    Args:
        told_stretch: fraction of the way to black and white that the extremes move if the tones are known to have
            changed.
        told_share: fraction of the network's correction applied after that.
        most_stretch: maximum fraction that they move if this is unknown.
        plain_change: mean change by the network alone from which they move that far.
        slight_change: a smaller change is as often wrong as right, so the smaller it is, the less of it is applied.
            That costs aged photographs 0.1 dB; new ones keep 57.1 dB instead of 54.5, the second worst 41 instead of
            35.
    """

    told_stretch: float = 0.85
    told_share: float = 0.5
    most_stretch: float = 0.5
    plain_change: float = 0.13
    slight_change: float = 0.03


USUAL = Caution()


@dataclass(frozen=True)
class ToneCorrection:
    """The tone correction of one picture; made by `estimate`.

    It depends only on each pixel and its position, so windows fit together to the last bit. It maps [0, 1] into [0, 1],
    keeps black and white, preserves the order of tones, and keeps a gray picture gray.

    Args:
        height, width: of the picture in pixels.
        curves: as from `ToneCurves`, (1, 3, K, cells, cells); for lightness only (1, 1, K, cells, cells).
        change: mean absolute change, in [0, 1].
        pale: distance of the resulting darkest and lightest tones from black and white, summed, in [0, 1].
        more: mean absolute change beyond that if fading were known, in [0, 1].
        tint: tint of a print without color. Curves for three channels would turn sepia blue or green in places.
    """

    height: int
    width: int
    curves: Tensor
    change: float
    pale: float
    more: float = 0.0
    tint: Tint | None = None

    @classmethod
    @torch.inference_mode()
    def estimate(
        cls,
        picture: Picture,
        model: Model,
        *,
        changed: bool = False,
        keep_colour: bool = False,
        caution: Caution = USUAL,
    ) -> "ToneCorrection":
        """Estimate the correction from a reduced copy of a picture, which is read strip by strip.

        Args:
            model: a `ToneCurves`; runs in float32.
            changed: the tones have certainly changed. Otherwise a pale picture may be pale by nature, and more than the
                network's correction is applied only if that is large.
            keep_colour: correct lightness only: every pixel keeps its hue, and its saturation as far as its new
                lightness allows; the yellow of paper and the brown of a sepia print stay.

        Raises:
            UnreadablePicture: the file is damaged.
        """
        network = model.expect(ToneCurves)
        copy, _ = read_resized(picture, network.side, network.side)
        if keep_colour or picture.grey:
            copy = luma(copy).expand(-1, 3, -1, -1)
        image, places = copy.to(model.device.torch_device), (torch.arange(network.side) + 0.5) / network.side
        tint = Tint.of(copy)

        def correct(curves: Tensor) -> tuple[Tensor, float]:
            made = apply_curves(copy, curves, places, places)
            made = tint.kept(copy, made) if tint else made
            return made, (made - copy).abs().mean().item()

        def as_told(inside: Tensor) -> Tensor:
            stretch, share = caution.told_stretch, caution.told_share
            return stretched_curves(network, image, stretch, share, inside=inside).cpu()

        told, seen = as_told(image), correct(network(image).cpu())[1]
        if changed:
            curves = told
        elif has_plainly_changed(within(copy), seen):
            curves = as_told(within(image))
        else:
            evidence = min(seen / caution.plain_change, 1)
            curves = stretched_curves(network, image, caution.most_stretch * evidence).cpu()
            curves = blend_curves(curves, min(correct(curves)[1] / caution.slight_change, 1.0))
        made, change = correct(curves)
        if not changed and tint is None and tints_grey_rim(copy, made):
            return cls.estimate(picture, model, keep_colour=True, caution=caution)
        dark, light = extremes(made)
        pale, more = (dark + 1 - light).mean().item(), (correct(told)[0] - made).abs().mean().item()
        return cls(picture.height, picture.width, curves[:, :1] if keep_colour else curves, change, pale, more, tint)

    def __call__(self, window: Window, image: Tensor) -> Tensor:
        """Correct the pixels `image` (1, 3, h, w) in [0, 1] of a window; returns (1, 3, h, w) in [0, 1]."""
        rows = (torch.arange(window.top, window.bottom) + 0.5) / self.height
        columns = (torch.arange(window.left, window.right) + 0.5) / self.width
        curves = self.curves.to(image)
        if curves.shape[1] == image.shape[1]:
            made = apply_curves(image, curves, rows, columns)
            return self.tint.kept(image, made) if self.tint else made
        light = luma(image)
        return relit(image, light, apply_curves(light, curves, rows, columns))


def within(image: Tensor) -> Tensor:
    """A photograph (1, 3, H, W) without its rim."""
    height, width = (length // IGNORED_RIM for length in image.shape[2:])
    return image[..., height : image.shape[2] - height, width : image.shape[3] - width]


def tints_grey_rim(before: Tensor, after: Tensor) -> bool:
    """Whether the rim of a whole photograph (1, 3, H, W) was gray, unlike the picture, and is so no longer."""
    light = luma(before)
    apart, then = (image.amax(1, keepdim=True) - image.amin(1, keepdim=True) for image in (before, after))
    grey = (apart < NEUTRAL_SPREAD) & (light > NEUTRAL_TONES[0]) & (light < NEUTRAL_TONES[1])
    inner = within(torch.ones_like(grey))
    rows, columns = (size - part for size, part in zip(grey.shape[2:], inner.shape[2:], strict=True))
    inside = F.pad(inner, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))
    rim = grey[~inside].float().mean()
    bed = rim > MIN_NEUTRAL_RIM and grey[inside].float().mean() < MAX_NEUTRAL_INSIDE * rim
    return bool(bed and (then - apart)[grey].mean() > MAX_TINTING)


def has_plainly_changed(image: Tensor, seen: float) -> bool:
    """Whether a whole color photograph (1, 3, H, W) shows by itself that its tones have changed.

    Args:
        seen: mean change by the network, in [0, 1].
    """
    if seen > NETWORK_TRUSTED_CHANGE:
        return False
    low, high = (ends.flatten() for ends in extremes(image))
    lifted, far = low.min() > MIN_LIFT, low.max() + 1 - high.min() > MIN_LIGHTNESS_GAP
    tinted = low.max() - low.min() > MIN_TINT and high.max() - high.min() > MIN_TINT
    if not (lifted and far and tinted and has_colour(image)):
        return False
    light = luma(image)
    side = max(min(image.shape[2:]) // REGIONS_PER_AXIS, 1)
    regions = F.unfold(light, side, stride=side)[0]
    darkest, lightest = (end.flatten() for end in extremes(light))
    black = (regions.quantile(TAIL_QUANTILE, dim=0) - darkest < END_TOLERANCE).float().mean()
    white = (lightest - regions.quantile(1 - TAIL_QUANTILE, dim=0) < END_TOLERANCE).float().mean()
    return bool(black > MIN_REGION_SHARE and white > MIN_REGION_SHARE)


def relit(image: Tensor, light: Tensor, wanted: Tensor) -> Tensor:
    """Change the lightness of every pixel, keeping its hue, and its saturation unless a channel would leave [0, 1].

    Args:
        image: (B, 3, H, W) in [0, 1].
        light: its lightness (B, 1, H, W).
        wanted: the lightness of the result (B, 1, H, W) in [0, 1].
    """
    colour = (image - light) * (wanted / light.clamp(min=1e-6))
    room = (1 - wanted) / colour.amax(1, keepdim=True).clamp(min=1e-6)
    return (wanted + colour * room.clamp(max=1)).clamp(0, 1)
