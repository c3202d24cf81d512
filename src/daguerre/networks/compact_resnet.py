"""The compact residual network that ships: fast enough for a laptop, exact under tiling."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from daguerre.networks.receptive_field import conv, enlarge, halo_of

__all__ = ["CompactResNet"]


class CompactBlock(nn.Module):
    """Two 3x3 convolutions with a ReLU between them, added to the input; no normalization."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(features, features, 3, padding=1)
        self.conv2 = nn.Conv2d(features, features, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv2(F.leaky_relu(self.conv1(x), 0.1, inplace=True)).add_(x)  # type: ignore[no-any-return]


class CompactResNet(nn.Module):
    """Residual blocks at the size of the input, one sub-pixel convolution, added to a bicubic enlargement.

    The blocks are EDSR's (Lim et al. 2017, https://arxiv.org/abs/1707.02921, fig. 2c), the sub-pixel convolution is
    ESPCN's (Shi et al. 2016, https://arxiv.org/abs/1609.05158).
    Differs from EDSR: 8 or 16 blocks of 48 channels instead of 32 of 256; one sub-pixel convolution straight to the
    result instead of convolutions at twice and four times the size, which cost more than the whole trunk; the network
    learns only the residual of bicubic enlargement. The last convolution of every block is initialized at a tenth, that
    of the network at a hundredth, activations leak and the input is centered: training starts at bicubic quality and
    leaves it within a hundred steps (with ReLU, default initialization and [0, 1] inputs it was there after 1000).

    Args:
        scale: enlargement, 1 to 4.
        features: channels of the trunk.
        blocks: number of residual blocks.
    """

    multiple = 1

    def __init__(self, *, scale: int = 4, features: int = 48, blocks: int = 8) -> None:
        super().__init__()
        self.scale = scale
        self.features, self.blocks = features, blocks
        self.halo = halo_of(conv(3, 2 * blocks + 4), enlarge(scale), scale=scale)
        self.conv_first = nn.Conv2d(3, features, 3, padding=1)
        trunk = [CompactBlock(features) for _ in range(blocks)]
        self.body = nn.Sequential(*trunk)
        self.conv_body = nn.Conv2d(features, features, 3, padding=1)
        self.conv_up = nn.Conv2d(features, features, 3, padding=1)
        self.conv_last = nn.Conv2d(features, 3 * scale**2, 3, padding=1)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        for layer in [self.conv_body, *[block.conv2 for block in trunk]]:
            layer.weight.data.mul_(0.1)
        self.conv_last.weight.data.mul_(0.01)

    def deepened(self, other: "CompactResNet") -> "CompactResNet":
        """An equivalent network with as many blocks as `other`, which has more.

        Each block that is added takes the first convolution of the block in its place, and nothing of the second, so
        that on the way to `other` what the block adds grows in proportion.

        Raises:
            ValueError: scale or features differ, or there are not more blocks.
        """
        if (self.scale, self.features) != (other.scale, other.features) or self.blocks >= other.blocks:
            ours, theirs = ((net.scale, net.features, net.blocks) for net in (self, other))
            raise ValueError(f"scale, features and blocks are {ours}; they cannot become {theirs}")
        made = CompactResNet(scale=self.scale, features=self.features, blocks=other.blocks)
        state = other.state_dict() | self.state_dict()
        for number in range(self.blocks, other.blocks):
            for part in ("weight", "bias"):
                name = f"body.{number}.conv2.{part}"
                state[name] = torch.zeros_like(state[name])
        made.load_state_dict(state)
        return made.eval()

    def forward(self, image: Tensor) -> Tensor:
        """Upscale `image` (B, 3, H, W) in [0, 1] to (B, 3, scale * H, scale * W), unclamped."""
        shallow = self.conv_first(image - 0.5)  # (B, features, H, W)
        deep = self.conv_body(self.body(shallow)).add_(shallow)
        detail = self.conv_last(F.leaky_relu(self.conv_up(deep), 0.1, inplace=True))  # (B, 3 scale², H, W)
        detail = enlarge_bicubic(image, self.scale).add_(detail)
        # A pixel shuffle, written out because `F.pixel_shuffle` takes twice as long on channels-last input.
        split = detail.view(image.shape[0], 3, self.scale, self.scale, *image.shape[2:])  # (B, 3, s, s, H, W)
        return split.permute(0, 1, 4, 2, 5, 3).flatten(4).flatten(2, 3)


def enlarge_bicubic(image: Tensor, scale: int) -> Tensor:
    """Enlarge `image` (B, 3, H, W) as `F.interpolate` does bicubically, up to the pixel shuffle: (B, 3 scale², H, W).

    A convolution, because `F.interpolate` took a fifth of the whole network's time on a CPU.
    """
    impulses = torch.eye(25, dtype=image.dtype, device=image.device).view(25, 1, 5, 5)
    with torch.autocast(image.device.type, enabled=False):  # the picture itself must keep its precision
        spread = F.interpolate(impulses, scale_factor=scale, mode="bicubic")
        middle = spread[..., 2 * scale : 3 * scale, 2 * scale : 3 * scale]  # (25, 1, scale, scale)
        weight = middle.reshape(25, scale**2).T.reshape(scale**2, 1, 5, 5).repeat(3, 1, 1, 1)
        return F.conv2d(F.pad(image, (2, 2, 2, 2), mode="replicate"), weight, groups=3)
