"""A U-Net with full-resolution input and output that computes nothing at full size."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from daguerre.networks.blocks import check_size
from daguerre.tiling.rows import traced_halo

__all__ = ["HalfUNet"]


class Block(nn.Module):
    """Two 3x3 convolutions with a leaky ReLU before each, added to the input; no normalization."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(features, features, 3, padding=1)
        self.conv2 = nn.Conv2d(features, features, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        deeper: Tensor = self.conv2(F.leaky_relu(self.conv1(F.leaky_relu(x, 0.1)), 0.1))
        return x + deeper


class HalfUNet(nn.Module):
    """A U-Net (Ronneberger et al. 2015, https://arxiv.org/abs/1505.04597) of residual blocks.

    Differs from the paper: the first convolution has stride two and covers every pixel, and the last one is followed by
    a pixel shuffle, so that a line one pixel wide is resolved exactly while nothing is computed at full size; skip
    connections are added, not concatenated; no normalization, so that windows give the same result as the whole.

    Args:
        inputs, outputs: channels of the input and the output.
        features: channels at a half, a quarter, an eighth, … of the size.
        blocks: residual blocks at each level of the encoder and, except for the bottleneck, of the decoder.
    """

    scale = 1

    def __init__(self, *, inputs: int = 3, outputs: int, features: Sequence[int], blocks: int) -> None:
        super().__init__()
        self.multiple = 2 ** len(features)
        self.first = nn.Conv2d(inputs, features[0], 6, stride=2, padding=2)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in pairwise(features))
        self.up = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairwise(features))
        self.before = nn.ModuleList(nn.Sequential(*[Block(width) for _ in range(blocks)]) for width in features)
        self.after = nn.ModuleList(nn.Sequential(*[Block(width) for _ in range(blocks)]) for width in features[:-1])
        self.last = nn.ConvTranspose2d(features[0], outputs, 6, stride=2, padding=2)
        for block in self.modules():
            if isinstance(block, Block):
                block.conv2.weight.data.mul_(0.1)

    @property
    def halo(self) -> int:
        """Input pixels on each side that can influence an output pixel."""
        return traced_halo(self, multiple=self.multiple)

    def forward(self, image: Tensor) -> Tensor:
        """(B, outputs, H, W) of `image` (B, inputs, H, W) in [0, 1].

        Raises:
            ValueError: H or W is not a multiple of `multiple`.
        """
        check_size(image, self.multiple, type(self).__name__)
        x = self.first(image - 0.5)  # (B, features[0], H / 2, W / 2)
        levels: list[Tensor] = []
        guidance = self.guidance(image)
        for blocks, down in zip(self.before, self.down, strict=False):
            if len(levels) < len(guidance):
                x = x + guidance[len(levels)]
            x = blocks(x)
            levels.append(x)
            x = down(x)
        x = self.lowest(x)
        for blocks, up, beside in zip(reversed(self.after), reversed(self.up), reversed(levels), strict=True):
            x = blocks(beside + F.interpolate(up(x), scale_factor=2, mode="nearest"))
        made: Tensor = self.last(F.leaky_relu(x, 0.1))
        return made

    def guidance(self, image: Tensor) -> list[Tensor]:
        """What is added to the maps of the encoder's upper levels, in their shape, from the highest down."""
        return []

    def lowest(self, x: Tensor) -> Tensor:
        """The bottleneck, on the smallest maps (B, features[-1], h, w); the result has their shape."""
        return self.before[-1](x)  # type: ignore[no-any-return]
