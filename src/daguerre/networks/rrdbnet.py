"""RRDBNet, the generator of ESRGAN and Real-ESRGAN."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from daguerre.networks.receptive_field import conv, enlarge, halo_of
from daguerre.networks.receptive_field import unshuffle as unshuffled

__all__ = ["RRDBNet"]


class DenseBlock(nn.Module):
    """Five densely connected convolutions; the last, times `scaling`, is added to the input."""

    def __init__(self, features: int, growth: int, scaling: float) -> None:
        super().__init__()
        self.scaling = scaling
        self.conv1 = nn.Conv2d(features, growth, 3, padding=1)
        self.conv2 = nn.Conv2d(features + growth, growth, 3, padding=1)
        self.conv3 = nn.Conv2d(features + 2 * growth, growth, 3, padding=1)
        self.conv4 = nn.Conv2d(features + 3 * growth, growth, 3, padding=1)
        self.conv5 = nn.Conv2d(features + 4 * growth, features, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        seen = x
        for layer in (self.conv1, self.conv2, self.conv3, self.conv4):
            seen = torch.cat([seen, F.leaky_relu(layer(seen), 0.2)], dim=1)
        return x + self.scaling * self.conv5(seen)  # type: ignore[no-any-return]


class RRDB(nn.Module):
    """Three dense blocks; their result, times `scaling`, is added to the input."""

    def __init__(self, features: int, growth: int, scaling: float) -> None:
        super().__init__()
        self.scaling = scaling
        self.rdb1 = DenseBlock(features, growth, scaling)
        self.rdb2 = DenseBlock(features, growth, scaling)
        self.rdb3 = DenseBlock(features, growth, scaling)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.scaling * self.rdb3(self.rdb2(self.rdb1(x)))  # type: ignore[no-any-return]


class RRDBNet(nn.Module):
    """ESRGAN generator: residual-in-residual dense blocks, then 2x upsamplings, two by default.

    Wang et al. 2018, https://arxiv.org/abs/1809.00219, fig. 4; for scales 2 and 1 the input is pixel-unshuffled
    first (Wang et al. 2021, https://arxiv.org/abs/2107.10833, section 3.4). Key names are BasicSR's.
    Without unshuffling, as the first ESRGAN had it, there are as many upsamplings as the scale needs.

    `halo` is exact: 349 pixels at 4x. Almost nothing comes from that far, so there is also `effective_halo`, 32 pixels
    of the trunk. Measured with random weights on an irregular picture, the largest error in the middle of a
    window, relative to the largest value: with weights of deviation 1 / sqrt(fan-in), 1.2e-6 from 12 pixels on, which
    is float32's own noise; with those of the trunk doubled, so that it outweighs the shortcut, 7e-3 at 12 pixels,
    5e-6 at 24 and 1.3e-6 at 32. Trained weights can reach further; the published ones were not measured.

    Args:
        scale: enlargement: 1, 2, 4 or 8; sizes must be multiples of `unshuffle`.
        features: channels of the trunk.
        blocks: number of RRDBs.
        growth: channels each layer of a dense block adds.
        scaling: factor on every residual before it is added (section 3.1).
        channels: 3, or 1 for a one-channel network, which upscales red, green and blue separately.
        unshuffle: pixels along a side that become channels of one; by default 4 at scale 1, 2 at scale 2.
    """

    def __init__(
        self,
        *,
        scale: int = 4,
        features: int = 64,
        blocks: int = 23,
        growth: int = 32,
        scaling: float = 0.2,
        channels: int = 3,
        unshuffle: int | None = None,
    ) -> None:
        super().__init__()
        if scale not in (1, 2, 4, 8):
            raise ValueError(f"scale is {scale}; an RRDBNet enlarges 1, 2, 4 or 8 times")
        if channels not in (1, 3):
            raise ValueError(f"an RRDBNet of {channels} channels has no colours; 3 or 1 are known")
        self.scale, self.channels = scale, channels
        self.multiple = max(4 // scale, 1) if unshuffle is None else unshuffle
        if self.multiple not in (1, 2, 4):
            raise ValueError(f"unshuffle is {self.multiple}; 1, 2 or 4 are known")
        self.upsamplings = (scale * self.multiple).bit_length() - 1
        self.halo = halo_of(
            unshuffled(self.multiple),
            conv(3, 1 + 15 * blocks + 1),
            *[layer for _ in range(self.upsamplings) for layer in (enlarge(2), conv(3))],
            conv(3, 2),
            scale=scale,
            period=self.multiple,
        )
        self.effective_halo = 32 * self.multiple
        self.conv_first = nn.Conv2d(channels * self.multiple**2, features, 3, padding=1)
        self.body = nn.Sequential(*[RRDB(features, growth, scaling) for _ in range(blocks)])
        self.conv_body = nn.Conv2d(features, features, 3, padding=1)
        for number in range(1, self.upsamplings + 1):
            self.add_module(f"conv_up{number}", nn.Conv2d(features, features, 3, padding=1))
        self.conv_hr = nn.Conv2d(features, features, 3, padding=1)
        self.conv_last = nn.Conv2d(features, channels, 3, padding=1)
        for layer in self.body.modules():
            if isinstance(layer, nn.Conv2d):  # small, so that a deep trunk starts near the identity (section 3.1)
                nn.init.kaiming_normal_(layer.weight).data.mul_(0.1)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        self.pass_colours_through()

    @property
    def ups(self) -> list[nn.Conv2d]:
        """The convolutions after each doubling of the size."""
        return [self.get_submodule(f"conv_up{number}") for number in range(1, self.upsamplings + 1)]  # type: ignore[misc]

    @torch.no_grad()
    def pass_colours_through(self) -> None:
        """Keep the first channels for the colors, so that training starts at bilinear enlargement.

        After 300 iterations with batches of eight 96-pixel crops the L1 loss is 0.027; from default initialization it
        is 0.056, and 3000 iterations are needed.
        """
        tent = torch.tensor([0.25, 0.5, 0.25])  # turns nearest upsampling by 2 into bilinear
        spot = torch.tensor([0.0, 1.0, 0.0])
        self.conv_last.weight.mul_(0.01)
        self.conv_last.bias.zero_()  # type: ignore[union-attr]
        for layer in (self.conv_first, self.conv_body, *self.ups, self.conv_hr):
            layer.weight[: self.channels] = 0
            layer.bias[: self.channels] = 0  # type: ignore[index]
        for colour in range(min(self.channels, self.conv_body.out_channels)):
            samples = slice(colour * self.multiple**2, (colour + 1) * self.multiple**2)
            self.conv_first.weight[colour, samples, 1, 1] = 1 / self.multiple**2
            for layer in self.ups:
                layer.weight[colour, colour] = tent[:, None] * tent
            self.conv_hr.weight[colour, colour] = self.conv_last.weight[colour, colour] = spot[:, None] * spot

    def forward(self, image: Tensor) -> Tensor:
        """Upscale `image` (B, 3, H, W) in [0, 1] to (B, 3, scale * H, scale * W), unclamped.

        Raises:
            ValueError: H or W is not a multiple of `multiple`.
        """
        height, width = image.shape[-2:]
        if height % self.multiple or width % self.multiple:
            raise ValueError(f"a {self.scale}x RRDBNet takes multiples of {self.multiple}, not {height} x {width}")
        planes = image.reshape(-1, self.channels, height, width)  # (B, 3, H, W), or (3B, 1, H, W)
        shallow = self.conv_first(F.pixel_unshuffle(planes, self.multiple))  # (…, features, H / multiple, W / multiple)
        x = shallow + self.conv_body(self.body(shallow))
        for layer in self.ups:
            x = F.leaky_relu(layer(F.interpolate(x, scale_factor=2)), 0.2)  # twice the size
        x = self.conv_last(F.leaky_relu(self.conv_hr(x), 0.2))
        return x.reshape(*image.shape[:2], *x.shape[2:])  # type: ignore[no-any-return]
