"""Color transfer: give one picture the colors of another."""

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["axes_of", "match_colours", "visible"]

MIN_AXIS_RATIO = 0.05  # minimum length of an axis relative to the longest
HUE_FACTOR = 0.5  # factor on the second and third axis, because noise shows first in hues


def visible(image: Tensor, alpha: Tensor | None) -> Tensor:
    """The colors (1, 3, 1, N) of an image (1, 3, H, W) where its alpha (1, 1, H, W) is not 0."""
    return image.flatten(2)[:, :, None] if alpha is None else image[..., alpha[0, 0] > 0][:, :, None]


def match_colours(picture: Tensor, wanted: Tensor) -> Callable[[Tensor], Tensor]:
    """The linear map of colors that gives `picture` the mean and covariances of `wanted`; both (1, 3, H, W).

    With A = Sw^½ Sp^-½, of the symmetric roots of the covariances, a color c becomes A (c - mean_p) + mean_w, clamped
    to [0, 1]. The result is gray if `wanted` is. By hand: between gray pictures, lightness is shifted and scaled.
    Gatys et al. 2016, https://arxiv.org/abs/1606.05897, section 5.1.
    """
    (mean, spread), (wanted_mean, wanted_spread) = moments(picture), moments(wanted)
    change = root(wanted_spread, 0.5) @ root(spread, -0.5)

    def apply(image: Tensor) -> Tensor:
        flat = image[0].flatten(1).double() - mean[:, None]
        return (change @ flat + wanted_mean[:, None]).view(image.shape).to(image.dtype).clamp_(0, 1)

    return apply


def axes_of(image: Tensor) -> Tensor:
    """Principal axes (3, 3), as columns, of colors (1, 3, H, W), scaled by their deviations.

    The first has the length of white; in most pictures it goes from dark to light.
    """
    _, spread = moments(image)
    values, vectors = torch.linalg.eigh(spread)
    lengths = values.clamp_min(0).sqrt().flip(0)
    lengths = (lengths / lengths[0].clamp_min(1e-6)).clamp_min(MIN_AXIS_RATIO) * lengths.new_tensor(
        [1.0, HUE_FACTOR, HUE_FACTOR]
    )
    axes: Tensor = vectors.flip(1) * lengths * 3**0.5
    return axes.float()


def moments(image: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (3,) and covariances (3, 3) of the colors, float64."""
    flat = image[0].flatten(1).double()
    return flat.mean(1), torch.cov(flat, correction=0)


def root(matrix: Tensor, power: float) -> Tensor:
    """A power of a symmetric matrix, ignoring directions with almost no variance."""
    values, vectors = torch.linalg.eigh(matrix)
    kept = values > 1e-7
    powered: Tensor = vectors @ torch.diag(torch.where(kept, values.clamp_min(1e-7) ** power, 0.0)) @ vectors.T
    return powered
