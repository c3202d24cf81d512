"""SRResNet, the generator of SRGAN: as published, and BasicSR's variant without batch normalization."""

from torch import Tensor, nn
from torch.nn import functional as F

from daguerre.networks.receptive_field import Layer, conv, enlarge, halo_of

__all__ = ["MSRResNet", "SRResNet"]

STAGES = {2: [2], 3: [3], 4: [2, 2]}
"""Factors of the successive sub-pixel steps, by scale."""


def stages_of(scale: int) -> list[int]:
    """Sub-pixel steps that make up `scale`; ValueError for a scale that the paper does not have."""
    if scale not in STAGES:
        raise ValueError(f"scale is {scale}; sub-pixel steps are laid out for {', '.join(map(str, STAGES))}")
    return STAGES[scale]


class NormedBlock(nn.Module):
    """Convolution, batch norm, PReLU, convolution, batch norm, added to the input; or the same without the norms."""

    def __init__(self, features: int, norm: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(features, features, 3, padding=1, bias=not norm)
        self.norm1 = nn.BatchNorm2d(features) if norm else nn.Identity()
        self.act = nn.PReLU()
        self.conv2 = nn.Conv2d(features, features, 3, padding=1, bias=not norm)
        self.norm2 = nn.BatchNorm2d(features) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return x + self.norm2(self.conv2(self.act(self.norm1(self.conv1(x)))))  # type: ignore[no-any-return]


class SRResNet(nn.Module):
    """Sixteen residual blocks with batch normalization, then sub-pixel convolutions.

    Ledig et al. 2017, https://arxiv.org/abs/1609.04802, section 2.1.1 and fig. 4. In evaluation mode batch
    normalization is a fixed scale and shift, so the network is local and can be tiled.
    Differs from the paper: the result is in [0, 1] instead of [-1, 1]; scales 2 and 3 have one sub-pixel step.

    Args:
        scale: enlargement: 2, 3 or 4.
        features: channels of the trunk.
        blocks: number of residual blocks.
        norm: whether to use batch normalization, for comparison.
    """

    multiple = 1

    def __init__(self, *, scale: int = 4, features: int = 64, blocks: int = 16, norm: bool = True) -> None:
        super().__init__()
        steps = stages_of(scale)
        ups: list[Layer] = [layer for step in steps for layer in (conv(3), enlarge(step))]
        self.scale = scale
        self.halo = halo_of(conv(9), conv(3, 2 * blocks + 1), *ups, conv(9), scale=scale)
        self.conv_first = nn.Conv2d(3, features, 9, padding=4)
        self.act = nn.PReLU()
        self.body = nn.Sequential(*[NormedBlock(features, norm) for _ in range(blocks)])
        self.conv_body = nn.Conv2d(features, features, 3, padding=1, bias=not norm)
        self.norm_body = nn.BatchNorm2d(features) if norm else nn.Identity()
        self.upsample = nn.Sequential(
            *[
                nn.Sequential(nn.Conv2d(features, features * step**2, 3, padding=1), nn.PixelShuffle(step), nn.PReLU())
                for step in steps
            ]
        )
        self.conv_last = nn.Conv2d(features, 3, 9, padding=4)

    def forward(self, image: Tensor) -> Tensor:
        """Upscale `image` (B, 3, H, W) in [0, 1] to (B, 3, scale * H, scale * W), unclamped."""
        shallow = self.act(self.conv_first(image))  # (B, features, H, W)
        deep = shallow + self.norm_body(self.conv_body(self.body(shallow)))
        return self.conv_last(self.upsample(deep))  # type: ignore[no-any-return]


class PlainBlock(nn.Module):
    """Convolution, ReLU, convolution, added to the input; no normalization."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(features, features, 3, padding=1)
        self.conv2 = nn.Conv2d(features, features, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(F.relu(self.conv1(x)))  # type: ignore[no-any-return]


class MSRResNet(nn.Module):
    """SRResNet without batch normalization, added to a bilinear enlargement.

    The modified SRResNet of BasicSR, https://github.com/XPixelGroup/BasicSR, whose key names it takes; a baseline
    of ESRGAN (Wang et al. 2018, https://arxiv.org/abs/1809.00219).

    Args:
        scale: enlargement: 2, 3 or 4.
        features: channels of the trunk.
        blocks: number of residual blocks.
    """

    multiple = 1

    def __init__(self, *, scale: int = 4, features: int = 64, blocks: int = 16) -> None:
        super().__init__()
        steps = stages_of(scale)
        ups: list[Layer] = [layer for step in steps for layer in (conv(3), enlarge(step))]
        self.scale = scale
        self.halo = halo_of(conv(3, 2 * blocks + 1), *ups, conv(3, 2), scale=scale)
        self.conv_first = nn.Conv2d(3, features, 3, padding=1)
        self.body = nn.Sequential(*[PlainBlock(features) for _ in range(blocks)])
        self.upconv1 = nn.Conv2d(features, features * steps[0] ** 2, 3, padding=1)
        if len(steps) == 2:
            self.upconv2 = nn.Conv2d(features, features * steps[1] ** 2, 3, padding=1)
        self.conv_hr = nn.Conv2d(features, features, 3, padding=1)
        self.conv_last = nn.Conv2d(features, 3, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        """Upscale `image` (B, 3, H, W) in [0, 1] to (B, 3, scale * H, scale * W), unclamped."""
        steps = stages_of(self.scale)
        x = self.body(F.leaky_relu(self.conv_first(image), 0.1))  # (B, features, H, W)
        x = F.leaky_relu(F.pixel_shuffle(self.upconv1(x), steps[0]), 0.1)
        if len(steps) == 2:
            x = F.leaky_relu(F.pixel_shuffle(self.upconv2(x), steps[1]), 0.1)
        detail = self.conv_last(F.leaky_relu(self.conv_hr(x), 0.1))
        return detail + F.interpolate(image, scale_factor=self.scale, mode="bilinear")  # type: ignore[no-any-return]
