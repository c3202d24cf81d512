"""Undo changes to undamaged areas that do harm: new colors, ringing, lost texture, new shapes."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from daguerre.images.filters import gaussian, local_range
from daguerre.images.grain import DETAIL_RADIUS, ENERGY_RADIUS, fine, grain_share, mean_around, size_around
from daguerre.images.pixels import luma

__all__ = ["HALO", "Guard", "Held"]

MASK_RIM = 3  # pixels around damage that are filled along with it
TINT_RADIUS = 4  # pixels; radius within which a pixel's tint must occur
TINT_TOLERANCE = 0.012  # by which it may differ from those
LIGHTNESS_RADIUS = 2  # pixels; radius within which a pixel's lightness must occur
OVERSHOOT_OF_RANGE = 0.35  # of the local range, by which it may exceed that range
OVERSHOOT = 0.04  # lightness by which it may always exceed it
FORM_SIGMA = 4.0  # pixels; sigma of the Gaussian after which only shapes are left
FORM_TOLERANCE = 0.06  # lightness by which these may differ
# Removed texture is returned where it exceeds noise: this many times what is removed from the calmest places. 12 aged
# photographs gain 0.01 dB by that, the worst loses 0.1; lawns with noise of 2 and 5 % gain 1.4 and 0.5 dB. With a
# factor of 1 the former lose 0.14 dB, with 2 the lawns gain 1.1 and 0.1.
NOISE_FACTOR = 1.5
MAX_RETURNED = 0.6  # of it
IMPERCEPTIBLE = 0.01  # smaller differences are not missed
# Strength of removed texture from which it was a halftone screen; from half of that on, less is returned.
SCREEN_AMPLITUDE = 0.12
CALM_SHARE = 0.1  # of the places
NOISE_TONES = (0.04, 0.96)  # lightness outside which noise does not show
VISIBLE_CHANGE = 0.02  # change from which a pixel counts as taken back
VISIBLE_RETURN = 0.1  # fraction of removed texture from which its return counts

HALO = (
    2 * ENERGY_RADIUS + DETAIL_RADIUS + MASK_RIM + 1
)  # pixels on each side that a result depends on, apart from the blur


@dataclass(frozen=True)
class Held:
    """A window after harmful changes were undone.

    Args:
        image: (1, 3, h, w) in [0, 1].
        places: mask of each kind of undone change, by name: (1, 1, h, w) each.
    """

    image: Tensor
    places: dict[str, Tensor]


@dataclass(frozen=True)
class Guard:
    """Compares a restored photograph with the original, tones aside, window by window.

    Args:
        noise: strength of what was removed from its calmest places, as measured by `of`.
        blur: sigma in pixels of the Gaussian blur that was undone.
    """

    noise: float
    blur: float = 0.0

    @classmethod
    def of(cls, seen: Iterable[tuple[Tensor, Tensor, Tensor]], blur: float) -> "Guard":
        """The guard for a photograph, from some windows of it, given as to a call."""
        some = torch.cat([calm_sizes(*window) for window in seen])
        return cls(some.quantile(CALM_SHARE).item() if len(some) else 1.0, blur)

    @property
    def halo(self) -> int:
        """Pixels on each side that a result depends on."""
        return HALO + round(1.5 * self.blur)

    def __call__(self, before: Tensor, made: Tensor, damage: Tensor) -> Held:
        """Undo excessive changes.

        Args:
            before: (1, 3, h, w) in [0, 1], damage filled.
            made: the same, restored except for tones.
            damage: (1, 1, h, w), 1 where damaged, else 0.
        """
        sound = F.max_pool2d(damage, 2 * MASK_RIM + 1, stride=1, padding=MASK_RIM) == 0
        light, was = luma(made), luma(before)
        tint, own = made - light, before - was
        low, high = local_range(own, TINT_RADIUS)
        kept_tint = tint.clamp(low - TINT_TOLERANCE, high + TINT_TOLERANCE)
        low, high = local_range(was, LIGHTNESS_RADIUS + round(1.5 * self.blur))
        room = OVERSHOOT_OF_RANGE * (high - low) + OVERSHOOT
        kept = light.clamp(low - room, high + room)
        moved = gaussian((kept - was) * sound, FORM_SIGMA)
        calmed = kept - (moved - moved.clamp(-FORM_TOLERANCE, FORM_TOLERANCE))
        given = self.share(was, calmed, sound)
        taken = fine(was - calmed, sound)
        textured = calmed + torch.maximum(given, grain_share(taken)) * taken
        image = torch.where(sound, (textured + kept_tint).clamp(0, 1), made)
        places = {
            "colours": (kept_tint - tint).abs().amax(1, keepdim=True) > VISIBLE_CHANGE,
            "rings": (kept - light).abs() > VISIBLE_CHANGE,
            "forms": (calmed - kept).abs() > VISIBLE_CHANGE,
            "texture": given > VISIBLE_RETURN,
        }
        return Held(image, {name: found & sound for name, found in places.items()})

    def share(self, was: Tensor, light: Tensor, sound: Tensor) -> Tensor:
        """Fraction of removed texture that each place gets back: (1, 1, h, w), from 0 to `MAX_RETURNED`."""
        taken, first, last = (
            size_around(fine(one, sound)).square().clamp(min=1e-9) for one in (was - light, was, light)
        )
        more = (1 - ((NOISE_FACTOR * self.noise) ** 2 + IMPERCEPTIBLE**2) / taken).clamp(min=0)
        quiet = (2 - 2 * taken.sqrt() / SCREEN_AMPLITUDE).clamp(0, 1)
        return mean_around(MAX_RETURNED * more * quiet * ((first - last) / taken).clamp(0, 1), ENERGY_RADIUS)


def calm_sizes(before: Tensor, made: Tensor, damage: Tensor) -> Tensor:
    """Strength of removed texture around undamaged places of a window, neither black nor white: (n,)."""
    sound, light = damage == 0, luma(before)
    size = size_around(fine(light - luma(made), sound))
    return size[sound & (light > NOISE_TONES[0]) & (light < NOISE_TONES[1])][::ENERGY_RADIUS]
