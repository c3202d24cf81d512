"""The face refinement network that ships: predicts a residual, coarse to fine, and adds it to the face."""

import functools
import itertools
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from daguerre.networks.blocks import check_size
from daguerre.networks.compact_resnet import CompactBlock

__all__ = ["CompactFace"]

KEPT_SIGMA = 1 / 16  # of the face's side: sigma of the blur whose output the refinement leaves unchanged
CONDITION_CHANNELS = 24  # channels of the condition


class Modulation(nn.Module):
    """Layer normalization per pixel, with scale and shift predicted from the degraded face.

    After Park et al. 2019 (SPADE), https://arxiv.org/abs/1903.07291, sec. 3.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.gamma_beta = nn.Conv2d(CONDITION_CHANNELS, 2 * features, 3, padding=1)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        gamma, beta = self.gamma_beta(condition).chunk(2, dim=1)
        plain = F.layer_norm(x.permute(0, 2, 3, 1), x.shape[1:2]).permute(0, 3, 1, 2)
        return torch.addcmul(beta, plain.to(beta.dtype), 1 + gamma)


class ModulatedBlock(nn.Module):
    """Two convolutions after modulated normalization, added to the input; the second is initialized small."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.norm_0, self.norm_1 = Modulation(features), Modulation(features)
        self.conv_0 = nn.Conv2d(features, features, 3, padding=1)
        self.conv_1 = nn.Conv2d(features, features, 3, padding=1)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        x1 = self.conv_0(F.leaky_relu(self.norm_0(x, condition), 0.2))
        return x + self.conv_1(F.leaky_relu(self.norm_1(x1, condition), 0.2))  # type: ignore[no-any-return]


class CompactFace(nn.Module):
    """Decoder from a sixteenth of the face's size up, modulated at every size by the degraded face.

    Wan et al. 2022, https://arxiv.org/abs/2009.07047, sec. 3.4.
    Differs from the paper: it predicts a residual, initialized small, so that a good face passes unharmed; the low
    frequencies of the residual are removed, so that shapes and complexion stay; the condition at every size is learned
    features of the degraded face, not its colors; normalization is per pixel.

    Args:
        side: size of the training faces in pixels.
        widths: channels at half the face's size, at a quarter, and so on.
        blocks: modulated blocks at each of these sizes.
    """

    scale = 1

    def __init__(
        self, *, side: int = 128, widths: tuple[int, ...] = (40, 80, 112, 112), blocks: tuple[int, ...] = (2, 1, 1, 1)
    ) -> None:
        super().__init__()
        self.side, self.multiple = side, 2 ** len(widths)
        self.first = nn.Conv2d(12, widths[0], 3, padding=1)
        self.seeing = nn.ModuleList(CompactBlock(width) for width in widths)
        self.shrinking = nn.ModuleList(
            nn.Conv2d(wide, deep, 3, stride=2, padding=1) for wide, deep in itertools.pairwise(widths)
        )
        self.telling = nn.ModuleList(nn.Conv2d(width, CONDITION_CHANNELS, 3, padding=1) for width in widths)
        self.start = nn.Conv2d(widths[-1], widths[-1], 3, padding=1)
        self.drawing = nn.ModuleList(
            nn.ModuleList(ModulatedBlock(width) for _ in range(count))
            for width, count in zip(widths, blocks, strict=True)
        )
        self.enlarging = nn.ModuleList(nn.Conv2d(deep, wide, 1) for wide, deep in itertools.pairwise(widths))
        self.last = nn.Conv2d(widths[0], 12, 3, padding=1)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, a=0.2)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
            if isinstance(layer, Modulation):
                layer.gamma_beta.weight.data.mul_(0.1)
            if isinstance(layer, ModulatedBlock):
                layer.conv_1.weight.data.mul_(0.1)
            if isinstance(layer, CompactBlock):
                layer.conv2.weight.data.mul_(0.1)
        self.last.weight.data.mul_(0.02)

    def forward(self, face: Tensor) -> Tensor:
        """Refine `face` (B, 3, H, W) in [0, 1], aligned as in training; the result is unclamped.

        Raises:
            ValueError: H or W is not a multiple of 2 to the power of the number of sizes.
        """
        return face + self.detail(face)

    def detail(self, face: Tensor) -> Tensor:
        """The residual for `face`: (B, 3, H, W), without low frequencies."""
        check_size(face, self.multiple, "the face refinement")
        x = self.first(F.pixel_unshuffle(face * 2 - 1, 2))  # (B, widths[0], H/2, W/2)
        seen, conditions = [], []
        for level, (see, tell) in enumerate(zip(self.seeing, self.telling, strict=True)):
            x = see(self.shrinking[level - 1](F.leaky_relu(x, 0.1)) if level else x)
            seen.append(x)
            conditions.append(F.leaky_relu(tell(x), 0.2))
        x = self.start(x)
        for level in reversed(range(len(seen))):
            for block in cast(nn.ModuleList, self.drawing[level]):
                x = block(x, conditions[level])
            if level:
                x = seen[level - 1] + F.interpolate(self.enlarging[level - 1](x), scale_factor=2, mode="bilinear")
        made = F.pixel_shuffle(self.last(F.leaky_relu(x, 0.2)).float(), 2)
        return made - blurred(made)


def blurred(image: Tensor) -> Tensor:
    """Gaussian blur with a sigma of `KEPT_SIGMA` of each side, weights beyond the border left out."""
    down, across = (gaussian(side).to(image) for side in image.shape[-2:])
    with torch.autocast(image.device.type, enabled=False):
        return down @ image @ across.T


@functools.lru_cache(maxsize=8)
@torch.inference_mode(False)  # may be cached during inference, and must work in training too
def gaussian(side: int) -> Tensor:
    """Matrix (side, side) that blurs one axis."""
    place = torch.arange(side, dtype=torch.float32)
    weight = torch.exp(-(((place[:, None] - place) / (KEPT_SIGMA * side)) ** 2) / 2)
    return weight / weight.sum(dim=1, keepdim=True)
