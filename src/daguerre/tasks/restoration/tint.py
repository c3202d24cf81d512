"""Recognize photographs of a single tint, such as sepia, and keep that tint."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from daguerre.images.filters import gaussian
from daguerre.images.pixels import luma
from daguerre.networks.stain_unet import LUMA, fit_tints, lights_and_tints, powers, unusual

__all__ = ["Tint", "UsualTint", "colourfulness", "has_colour"]

# A print without color has one usual tint for each lightness; half of its pixels are near it, and it may have brown
# spots, but hardly any green or blue ones. One of 21 new photographs has so little color, and 57 of 62 real old ones,
# half of which were stained on purpose.
MAX_TINT_SPREAD = 0.01  # of half of the pixels
COLD_TINT = 0.045
NOT_COLD_SHARE = 0.97  # of the pixels are no colder
# Lightness within which a pixel can show a tint. A scanner's white bed, a slide's black frame and the night around a
# lamp show none and are often the larger part: of 84 color photographs on a bed, or in a frame twice their size, 72 %
# were still recognized as color if these counted, all if they did not; of 432 real old ones, 8 are judged differently.
TINTED_TONES = (0.1, 0.94)
MIN_TINTED_SHARE = 0.01  # of the pixels; if fewer can show a tint, all of them count
COPY_SIDE = 96  # pixels; side of the copy in which this is measured
TRIM_ROUNDS = 6  # iterations of fitting the usual tints
RIM = 2  # pixels around filled damage whose tint is not trusted
SURROUNDING = 6.0  # pixels: standard deviation of the surroundings whose tint counts
FAINT_TINT = 0.05  # tint of a pixel, in [0, 1], below which that of the whole photograph has more weight


def has_colour(image: Tensor, alpha: Tensor | None = None) -> bool:
    """Whether `image` (1, 3, H, W) is in color, not a print in a single tint with possible stains.

    The usual tints are fitted repeatedly to the half of the pixels closest to them, so that a large stain does not
    count; nor do pixels too dark or too light to show a tint.

    Args:
        alpha: (1, 1, H, W); transparent pixels do not count.
    """
    small, visible = (
        F.interpolate(part, size=(COPY_SIDE, COPY_SIDE), mode="bilinear", antialias=True)
        for part in (image, torch.ones_like(image[:, :1]) if alpha is None else alpha)
    )
    light = luma(small)
    counts = (light > TINTED_TONES[0]) & (light < TINTED_TONES[1]) & (visible > 0.5)
    counts = counts if counts.float().mean() >= MIN_TINTED_SHARE else torch.ones_like(counts)
    odd = unusual(small, counts.to(small))
    for _ in range(TRIM_ROUNDS):
        apart = odd.abs().amax(1, keepdim=True)
        odd = unusual(small, (counts & (apart <= apart[counts].median())).to(small))
    apart, cold = odd.abs().amax(1, keepdim=True), torch.maximum(odd[:, 1:], -odd[:, :1])  # bluer, or less red
    return bool(apart[counts].median() > MAX_TINT_SPREAD or cold[counts].quantile(NOT_COLD_SHARE) > COLD_TINT)


def colourfulness(image: Tensor, alpha: Tensor | None = None) -> float:
    """How much the colors of `image` (1, 3, H, W) in [0, 1] vary: 0 in a single tint, however strong, at most about 1.

    Standard deviation of red minus green and of yellow minus blue, together (Hasler and Süsstrunk 2003, "Measuring
    colorfulness in natural images", sec. 5, there in levels of 255 and with a third of the mean added, which is left
    out because paper that has yellowed is not colorful).

    Args:
        alpha: (1, 1, H, W); transparent pixels do not count.
    """
    red, green, blue = image.movedim(1, 0) if alpha is None else image.movedim(1, 0)[:, alpha[:, 0] > 0.5]
    opponents = red - green, (red + green) / 2 - blue
    return math.hypot(*(float(one.std(correction=0)) for one in opponents)) if red.numel() else 0.0


@dataclass(frozen=True)
class Tint:
    """The tint of a print without color: it may become stronger or weaker, never another.

    Args:
        direction: mean difference of its pixels from gray, (1, 3, 1, 1), scaled to length 1.
    """

    direction: Tensor

    @classmethod
    def of(cls, image: Tensor) -> "Tint | None":
        """The tint of a whole photograph (1, 3, H, W); None if it is in color, or neutral."""
        tint = (image - luma(image)).mean((2, 3), keepdim=True)
        length = tint.norm().item()
        return None if length < 1e-3 or has_colour(image) else cls(tint / length)

    def kept(self, before: Tensor, after: Tensor) -> Tensor:
        """`after` (1, 3, H, W) with its lightness, but each pixel in its tint from `before`, as strong as it now is.

        The fainter a pixel's tint, the more it is replaced by that of the whole photograph. Unchanged pixels stay
        exactly as they are.
        """
        light = luma(after)
        own, new = before - luma(before), after - light
        axis = F.normalize(own + FAINT_TINT * self.direction.to(own), dim=1)

        def along(tint: Tensor) -> Tensor:
            amount: Tensor = (tint * axis).sum(1, keepdim=True).clamp(min=0)
            return amount * axis

        left: Tensor = (new.norm(dim=1, keepdim=True) / own.norm(dim=1, keepdim=True).clamp(min=1e-6)).clamp(max=1)
        return (light + along(new) + left * (own - along(own))).clamp(0, 1)


@dataclass(frozen=True)
class UsualTint:
    """The usual tint of a print without color, for each lightness.

    Args:
        fit: as from `daguerre.networks.stain_unet.fit_tints`.
    """

    fit: Tensor
    halo: ClassVar[int] = math.ceil(3 * SURROUNDING) + RIM

    @classmethod
    def of(cls, image: Tensor, sound: Tensor) -> "UsualTint | None":
        """The usual tint of the sound pixels, (1, 1, H, W), of a photograph (1, 3, H, W); None if it is in color."""
        return None if has_colour(image, sound) else cls(fit_tints(image, sound))

    def given_to(self, image: Tensor, filled: Tensor) -> Tensor:
        """`image` (1, 3, H, W) with its lightness, but filled pixels, (1, 1, H, W), in the tint of their surroundings.

        That is the usual tint for their lightness, and what the surroundings, stained perhaps, differ from it.
        """
        shape = (1, -1, *image.shape[2:])
        flat, flat_tints = lights_and_tints(image)
        light, tints, usual = (part.reshape(shape) for part in (flat, flat_tints, self.fit.mT @ powers(flat)))
        trusted = 1 - F.max_pool2d(filled, 2 * RIM + 1, stride=1, padding=RIM).double()
        odd, weight = (gaussian(part, SURROUNDING) for part in ((tints - usual) * trusted, trusted))
        red, blue = (usual + odd / weight.clamp(min=1e-3)).unbind(1)
        green = -(LUMA[0] * red + LUMA[2] * blue) / LUMA[1]
        tinted = (light + torch.stack([red, green, blue], 1)).clamp(0, 1).to(image)
        return torch.where(filled > 0.5, tinted, image)
