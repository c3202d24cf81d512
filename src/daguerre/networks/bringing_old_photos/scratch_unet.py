"""The scratch detection U-Net, as published."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from daguerre.networks.blocks import check_size
from daguerre.tiling.rows import traced_halo

__all__ = ["ScratchUNet"]

LUMA = (0.299, 0.587, 0.114)
"""RGB to gray as in Pillow's mode "L", the input of the published network."""


def convolution(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.ReflectionPad2d(1), nn.Conv2d(inputs, outputs, 3), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2)]


class Halving(nn.Module):
    """Every second pixel after a [1, 2, 1] blur (Zhang 2019, https://arxiv.org/abs/1904.11486)."""

    filt: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        line = torch.tensor([1.0, 2.0, 1.0])
        self.register_buffer("filt", (line[:, None] * line / 16).repeat(features, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), self.filt, stride=2, groups=len(self.filt))


class TwoConvolutions(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.block = nn.Sequential(*convolution(inputs, outputs), *convolution(outputs, outputs))

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.block(x)
        return made


class Rise(nn.Module):
    """Upsample by two and concatenate the skip connection."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.up = nn.Sequential(
            nn.Upsample(scale_factor=2, mode="bilinear"), nn.ReflectionPad2d(1), nn.Conv2d(inputs, outputs, 3)
        )
        self.conv_block = TwoConvolutions(2 * outputs, outputs)

    def forward(self, x: Tensor, beside: Tensor) -> Tensor:
        made: Tensor = self.conv_block(torch.cat([self.up(x), beside], 1))
        return made


class ScratchUNet(nn.Module):
    """Predicts for each pixel whether it is part of a scratch.

    Wan et al. 2020, https://arxiv.org/abs/2004.09484, sec. 4.1, after Ronneberger et al. 2015
    (`UNet` of the published code, file detection/FT_Epoch_latest.pt; 37,626,177 parameters).
    The published program reduces the picture to a short side of 256 pixels and thresholds the sigmoid at 0.4.

    Args:
        features: channels at full size; doubled at each level.
        depth: number of times the size is halved.
    """

    scale = 1

    luma: Tensor

    def __init__(self, *, features: int = 64, depth: int = 4) -> None:
        super().__init__()
        self.multiple = 2**depth
        widths = [features * 2**level for level in range(depth + 1)]
        self.first = nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(1, features, 7), nn.LeakyReLU(0.2))
        self.down_sample = nn.ModuleList(
            nn.Sequential(*convolution(width, width), Halving(width)) for width in widths[:-1]
        )
        self.down_path = nn.ModuleList(TwoConvolutions(width, wider) for width, wider in pairwise(widths))
        self.up_path = nn.ModuleList(Rise(wider, width) for wider, width in pairwise(widths[::-1]))
        self.register_buffer("luma", torch.tensor(LUMA)[None, :, None, None], persistent=False)
        self.last = nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(features, 1, 3))

    @property
    def halo(self) -> int:
        """Input pixels on each side that can influence an output pixel."""
        return traced_halo(self, multiple=self.multiple)

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, 1, H, W) that pixels of `image` (B, 3, H, W) in [0, 1] are scratched.

        Raises:
            ValueError: H or W is not a multiple of 2 to the power of `depth`.
        """
        check_size(image, self.multiple, "the scratch detector")
        x = self.first(F.conv2d(image, self.luma) * 2 - 1)
        levels = []
        for halve, convolve in zip(self.down_sample, self.down_path, strict=True):
            levels.append(x)
            x = convolve(halve(x))
        for rise, beside in zip(self.up_path, reversed(levels), strict=True):
            x = rise(x, beside)
        logits: Tensor = self.last(x)
        return logits
