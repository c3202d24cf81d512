"""The network that predicts, from a reduced copy, the gains that remove stains."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from daguerre.networks.half_unet import HalfUNet

__all__ = ["LUMA", "StainUNet", "fit_tints", "gains", "lights_and_tints", "powers", "unusual"]

LUMA = (0.299, 0.587, 0.114)
TINT_TERMS = 4  # terms of the polynomial for the usual tint at each lightness
TINT_FACTOR = 3.0  # factor on the tint channels, since tints differ less than lightness


class StainUNet(HalfUNet):
    """Map of log gains that undo the stains of a photograph, from a reduced copy of the whole.

    A stain acts as a filter in front of the picture: it darkens everything below by the same factor. The factors are
    smooth except at the edges of water lines and tape, so a reduced copy is enough to estimate them, and multiplying
    by them keeps all detail. Wan et al. 2020 leave stains to the translation, whose receptive field is too small to
    tell paper from what is spilled on it.

    A `HalfUNet` with additional inputs: how far each pixel's tint is from the usual one of its lightness in this
    photograph. Prints without color have one tint, and even faint brown spots stand out from it. Its bottleneck also
    sees the mean and the maximum over the whole copy.

    Args:
        side: longer side of the copy in pixels.
        features, blocks: as in `HalfUNet`.
    """

    def __init__(self, *, side: int = 512, features: Sequence[int] = (24, 32, 48, 72, 96), blocks: int = 1) -> None:
        super().__init__(inputs=5, outputs=4, features=features, blocks=blocks)
        self.side, deep = side, features[-1]
        self.summary = nn.Sequential(nn.Linear(2 * deep, deep), nn.LeakyReLU(0.1), nn.Linear(deep, deep))
        nn.init.constant_(self.last.bias, -2.0)  # type: ignore[arg-type]  # stains are rare, and weak

    def forward(self, image: Tensor) -> Tensor:
        """Predict stains of `image` (B, 3, H, W) in [0, 1].

        Returns:
            (B, 4, H, W): the logit that a pixel is stained, and the natural logarithms, from 0, of the channels' gains
            if it is; these are equal in a gray image.

        Raises:
            ValueError: H or W is not a multiple of `multiple`.
        """
        made = super().forward(torch.cat([image, 0.5 + TINT_FACTOR * unusual(image)], 1)).float()
        dark = made[:, 1:]
        grey = (image == image[:, :1]).flatten(1).all(1).view(-1, 1, 1, 1)
        dark = torch.where(grey, dark.mean(1, keepdim=True), dark)
        return torch.cat([made[:, :1], F.softplus(dark)], 1)

    def lowest(self, x: Tensor) -> Tensor:
        x = super().lowest(x)
        seen: Tensor = self.summary(torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1))
        return x + seen[..., None, None]


def unusual(image: Tensor, weight: Tensor | None = None) -> Tensor:
    """Distance of tints from the usual one at their lightness: (B, 2, H, W), red and blue minus lightness.

    The usual tint is as from `fit_tints`.
    """
    light, tints = lights_and_tints(image)
    odd: Tensor = (tints - fit_tints(image, weight).mT @ powers(light)).to(image)
    return odd.unflatten(2, image.shape[2:])  # type: ignore[no-any-return,no-untyped-call]


def fit_tints(image: Tensor, weight: Tensor | None = None) -> Tensor:
    """The usual tint at each lightness: coefficients of polynomials for red and blue minus lightness, (B, TERMS, 2).

    Fitted to the pixels of `image` (B, 3, H, W), optionally with a `weight` (B, 1, H, W). Computed on the CPU, since
    not every device has float64.
    """
    light, tints = lights_and_tints(image)
    terms = powers(light)
    ridge = 1e-6 * light.shape[2] * torch.eye(TINT_TERMS, dtype=light.dtype)
    counted = terms if weight is None else terms * weight.cpu().flatten(2)
    fit: Tensor = torch.linalg.solve(counted @ terms.mT + ridge, counted @ tints.mT)
    return fit


def lights_and_tints(image: Tensor) -> tuple[Tensor, Tensor]:
    """Lightness (B, 1, HW) of `image` (B, 3, H, W), and red and blue minus lightness (B, 2, HW), in float64."""
    pixels = image.cpu().double().flatten(2)
    light = (pixels * pixels.new_tensor(LUMA)[:, None]).sum(1, keepdim=True)
    return light, pixels[:, ::2] - light


def powers(light: Tensor) -> Tensor:
    """Powers (B, TERMS, HW) of lightness (B, 1, HW)."""
    return torch.cat([light**power for power in range(TINT_TERMS)], 1)


def gains(made: Tensor) -> Tensor:
    """Expected log gains (B, 3, H, W) from the output (B, 4, H, W) of a `StainUNet`."""
    return made[:, :1].sigmoid() * made[:, 1:]
