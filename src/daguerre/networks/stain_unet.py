"""The network that sees from a reduced copy what stains have taken of the light, and gives it back."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from daguerre.networks.half_unet import HalfUNet

__all__ = ["StainUNet", "gains", "unusual"]

LUMA = (0.299, 0.587, 0.114)
POWERS = 4  # terms of the polynomial that says which tint is usual for a lightness
ODD = 3.0  # tints differ less than lightness, and are shown so many times as large


class StainUNet(HalfUNet):
    """By how much every part of a stained photograph must be lightened, from a copy of the whole of it.

    A stain is a filter before the picture: what is below it is darkened by the same factor whatever it shows. Factors
    are smooth but at the edges of water lines and tape, so a reduced copy is enough to see them, however large the
    photograph, and what they are multiplied with keeps all its detail. Wan et al. 2020 leave such patches to the
    translation, which sees too little of the photograph to know paper from what is spilled on it.

    A `HalfUNet` that is also shown how far each pixel's tint is from the usual one of its lightness in this photograph:
    prints without colour have one, and brown spots stand out from it however faint they are. And its lowest level sees
    what is there on average over the whole copy, and at most.

    Args:
        side: of the copy's longer side in pixels.
        features, blocks: as `HalfUNet` has them.
    """

    def __init__(self, *, side: int = 512, features: Sequence[int] = (24, 32, 48, 72, 96), blocks: int = 1) -> None:
        super().__init__(inputs=5, outputs=4, features=features, blocks=blocks)
        self.side, deep = side, features[-1]
        self.summary = nn.Sequential(nn.Linear(2 * deep, deep), nn.LeakyReLU(0.1), nn.Linear(deep, deep))
        nn.init.constant_(self.last.bias, -2.0)  # type: ignore[arg-type]  # stains are rare, and weak

    def forward(self, image: Tensor) -> Tensor:
        """What to think of `image` (B, 3, H, W) in [0, 1].

        Returns:
            (B, 4, H, W): the logit that a pixel is stained, and if it is, the natural logarithms of the factors that
            lighten its channels, from 0; these are alike in an image that is grey.

        Raises:
            ValueError: H or W is no multiple of `multiple`.
        """
        made = super().forward(torch.cat([image, 0.5 + ODD * unusual(image)], 1)).float()
        dark = made[:, 1:]
        grey = (image == image[:, :1]).flatten(1).all(1).view(-1, 1, 1, 1)
        dark = torch.where(grey, dark.mean(1, keepdim=True), dark)
        return torch.cat([made[:, :1], F.softplus(dark)], 1)

    def lowest(self, x: Tensor) -> Tensor:
        x = super().lowest(x)
        seen: Tensor = self.summary(torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1))
        return x + seen[..., None, None]


def unusual(image: Tensor, weight: Tensor | None = None) -> Tensor:
    """How far tints are from the usual one of their lightness: (B, 2, H, W), of red and of blue beside lightness.

    The usual one is the polynomial of lightness that fits the pixels of `image` (B, 3, H, W) best, all of them alike or
    each with its `weight` (B, 1, H, W). Computed on the processor, for not every device has float64.
    """
    pixels = image.cpu().double().flatten(2)
    light = (pixels * pixels.new_tensor(LUMA)[:, None]).sum(1, keepdim=True)  # (B, 1, HW)
    tints = pixels[:, ::2] - light
    powers = torch.cat([light**power for power in range(POWERS)], 1)  # (B, POWERS, HW)
    ridge = 1e-6 * light.shape[2] * torch.eye(POWERS, dtype=light.dtype)
    counted = powers if weight is None else powers * weight.cpu().flatten(2)
    fit = torch.linalg.solve(counted @ powers.mT + ridge, counted @ tints.mT)  # (B, POWERS, 2)
    odd: Tensor = (tints - fit.mT @ powers).to(image)
    return odd.unflatten(2, image.shape[2:])  # type: ignore[no-any-return,no-untyped-call]


def gains(made: Tensor) -> Tensor:
    """Natural logarithms of the factors (B, 3, H, W) to expect, from what a `StainUNet` makes (B, 4, H, W)."""
    return made[:, :1].sigmoid() * made[:, 1:]
