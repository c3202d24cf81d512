"""The grain of a print: how strong it is, and how much of it stays when noise is removed."""

from torch import Tensor
from torch.nn import functional as F

__all__ = ["DETAIL_RADIUS", "ENERGY_RADIUS", "fine", "grain_share", "kept_grain", "mean_around", "size_around"]

# A print without any grain looks like plastic: this share of what is removed stays, up to a strength (a standard
# deviation of lightness) that is only seen closely; but nothing of what is stronger than grain: speckle, or a screen.
KEPT_GRAIN, MOST_GRAIN, NO_GRAIN = 0.5, 0.012, 0.06
KEPT_SLIGHT = 0.7  # share of slight grain that stays in a face, where it hides less and its absence looks like wax
SPECK = 3.0  # standard deviations of grain from which something is a speck
ENERGY_RADIUS = 8  # pixels; radius over which energy is averaged
DETAIL_RADIUS = 4  # pixels; anything coarser is not texture


def fine(difference: Tensor, sound: Tensor | float = 1.0) -> Tensor:
    """The fine detail of a difference in lightness (1, 1, h, w), 0 where damaged."""
    there = difference * sound
    return (there - mean_around(there, DETAIL_RADIUS)) * sound


def grain_share(taken: Tensor) -> Tensor:
    """Fraction of the removed fine detail, (1, 1, h, w), that stays as grain at each place; nothing of a speck."""
    size = size_around(taken).clamp(min=1e-6)
    grain = (2 - 2 * size / NO_GRAIN).clamp(0, 1) * (taken.abs() < SPECK * size)
    return grain * (MOST_GRAIN / size).clamp(max=KEPT_GRAIN)


def kept_grain(before: Tensor, after: Tensor) -> Tensor:
    """What to add to the lightness (1, 1, h, w) of a result, so that it keeps grain that is only seen closely.

    Detail that the result has gained, or that is not grain, changes nothing.
    """
    taken = fine(before - after)
    power, first, last = (size_around(one).square().clamp(min=1e-9) for one in (taken, fine(before), fine(after)))
    removed = ((first - last) / power).clamp(0, 1)
    size = power.sqrt()
    return removed * (MOST_GRAIN / size).clamp(max=KEPT_SLIGHT) * (taken.abs() < SPECK * size) * taken


def size_around(values: Tensor) -> Tensor:
    """Standard deviation of noise as strong as `values` (1, 1, h, w) around each place; robust against a few specks.

    The square of the mean of their roots, divided by 0.676, its value for normal noise of deviation 1.
    """
    return mean_around(values.abs().sqrt(), ENERGY_RADIUS).square() / 0.676


def mean_around(values: Tensor, reach: int) -> Tensor:
    """Means over squares of this radius, clipped at the picture's border."""
    return F.avg_pool2d(values, 2 * reach + 1, stride=1, padding=reach, count_include_pad=False)
