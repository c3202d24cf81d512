"""Arbitrary style transfer: a transformer conditioned on a style vector, and the network that predicts the vector."""

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from daguerre.networks.vgg import VGG19, VGG19_LAYERS, Pooling
from daguerre.tiling.rows import traced_halo

__all__ = ["AnyStyle", "StylePredictor", "StyleTransformer", "magenta_state"]

Padding = Literal["zeros", "reflect", "replicate"]


class StyleNorm(nn.Module):
    """Conditional instance normalization: statistics of the picture, scale and shift linear in the style vector.

    Dumoulin et al. 2017, https://arxiv.org/abs/1610.07629, sec. 2.2; Ghiasi et al. 2017, sec. 2.
    """

    def __init__(self, features: int, style: int) -> None:
        super().__init__()
        self.scale = nn.Linear(style, features)
        self.shift = nn.Linear(style, features)
        nn.init.ones_(self.scale.bias)
        nn.init.zeros_(self.shift.bias)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        scale, shift = self.scale(style)[:, :, None, None], self.shift(style)[:, :, None, None]
        normal: Tensor = F.instance_norm(x, eps=1e-5)
        styled: Tensor = normal * scale + shift
        return styled


class StyledConv(nn.Module):
    """A convolution that keeps the size, then normalization by style; separable: each channel alone, then 1x1."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, style: int, separable: bool, padding: Padding
    ) -> None:
        super().__init__()
        between, groups = (inputs, inputs) if separable else (outputs, 1)
        spatial = nn.Conv2d(
            inputs, between, kernel, padding=kernel // 2, padding_mode=padding, groups=groups, bias=False
        )
        self.conv = nn.Sequential(spatial, nn.Conv2d(inputs, outputs, 1, bias=False)) if separable else spatial
        self.norm = StyleNorm(outputs, style)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        styled: Tensor = self.norm(self.conv(x), style)
        return styled


class StyledBlock(nn.Module):
    """Two styled 3x3 convolutions, a ReLU between them, added to the input."""

    def __init__(self, features: int, *, style: int, separable: bool, padding: Padding) -> None:
        super().__init__()
        self.conv1 = StyledConv(features, features, 3, style=style, separable=separable, padding=padding)
        self.conv2 = StyledConv(features, features, 3, style=style, separable=separable, padding=padding)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        deeper: Tensor = self.conv2(F.relu(self.conv1(x, style)), style)
        return x + deeper


class StyleTransformer(nn.Module):
    """Stylizes a picture by a style vector.

    Ghiasi et al. 2017, https://arxiv.org/abs/1705.06830, sec. 2 and its table of layers, which is Dumoulin et al. 2017,
    https://arxiv.org/abs/1610.07629, with batch normalization instead of style in the first three layers.
    Magenta's published transformer has `padding="reflect"` (1,953,886 numbers); its separable port for the browser has
    `separable=True, padding="zeros"` (569,406).

    Every pixel depends on the statistics of the whole picture; `tiling.streamed` gives it those at any size.

    Args:
        style: length of the style vector.
        features: channels at full size; twice as many at half the size.
        deep: channels at a quarter of the size; four times `features` by default.
        blocks: residual blocks.
        separable: separable convolutions, except for the first three.
        padding: "reflect", "replicate" or "zeros"; zeros draw a frame around the picture.
    """

    scale = 1
    multiple = 4

    def __init__(
        self,
        *,
        style: int = 100,
        features: int = 32,
        deep: int | None = None,
        blocks: int = 5,
        separable: bool = False,
        padding: Padding = "reflect",
    ) -> None:
        super().__init__()
        self.style = style
        deep = deep or 4 * features

        def contracted(inputs: int, outputs: int, kernel: int, stride: int) -> list[nn.Module]:
            return [
                nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, padding_mode=padding, bias=False),
                nn.BatchNorm2d(outputs, eps=1e-3),
                nn.ReLU(),
            ]

        def styled(inputs: int, outputs: int, kernel: int) -> StyledConv:
            return StyledConv(inputs, outputs, kernel, style=style, separable=separable, padding=padding)

        self.contract = nn.Sequential(
            *contracted(3, features, 9, 1),
            *contracted(features, 2 * features, 3, 2),
            *contracted(2 * features, deep, 3, 2),
        )
        self.residual = nn.ModuleList(
            StyledBlock(deep, style=style, separable=separable, padding=padding) for _ in range(blocks)
        )
        self.expand = nn.ModuleList(
            [styled(deep, 2 * features, 3), styled(2 * features, features, 3), styled(features, 3, 9)]
        )

    @property
    def halo(self) -> int:
        """Input pixels on each side that influence an output pixel, given the statistics of the whole picture."""
        style = next(self.parameters()).new_zeros(1, self.style)
        return traced_halo(lambda image: self(image, style), multiple=self.multiple)

    def forward(self, image: Tensor, style: Tensor) -> Tensor:
        """Stylize `image` (B, 3, H, W) in [0, 1] by `style` (B, style); the result has the same shape and range.

        H and W may be anything; windows of a larger picture would have to begin at multiples of 4.
        """
        return torch.sigmoid(self.logits(image, style))

    def logits(self, image: Tensor, style: Tensor) -> Tensor:
        """Like `forward`, before the sigmoid."""
        x = self.contract(image)
        for block in self.residual:
            x = block(x, style)
        for conv in self.expand[:-1]:
            x = F.relu(conv(F.interpolate(x, scale_factor=2, mode="nearest"), style))
        x = self.expand[-1](x, style)
        height, width = image.shape[2:]
        return F.pad(x, (0, width - x.shape[3], 0, height - x.shape[2]))  # cropped to the size of the image


class StylePredictor(nn.Module):
    """Predicts the style vector of a picture from statistics of its colors and its VGG-19 features.

    Replaces Ghiasi et al. 2017, sec. 2.2, where Inception-v3's last features are averaged.
    Differs from the paper: style is the statistics of features (Huang and Belongie 2017,
    https://arxiv.org/abs/1703.06868), so a small network that is given those of a fixed VGG-19 generalizes from
    hundreds of styles, not tens of thousands. Linear dependencies, such as the palette, have a path of their own.

    Args:
        style: length of the style vector.
        width: channels of VGG-19, as a fraction of the paper's, of all layers or of each block's.
        hidden: units between statistics and vector.
        pooling: of VGG-19.
    """

    layers = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
    """VGG-19 layers whose statistics are used."""

    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        *,
        style: int = 100,
        width: float | Sequence[float] = 0.34375,
        hidden: int = 256,
        pooling: Pooling = "average",
    ) -> None:
        super().__init__()
        eye = VGG19(width=width)
        eye.soften(pooling)
        eye.features = nn.Sequential(*list(eye.features)[: 1 + VGG19_LAYERS.index(self.layers[-1])])
        self.eye = eye.requires_grad_(False)
        channels = [module.out_channels for module in eye.features if isinstance(module, nn.Conv2d)]
        first = channels[0]
        seen = sum(channels[i] for i in (0, 2, 4, 8))  # the first convolution of each block
        self.statistics = 9 + 2 * seen + first * (first - 1) // 2
        self.register_buffer("mean", torch.zeros(self.statistics))  # over the training styles
        self.register_buffer("deviation", torch.ones(self.statistics))
        self.linear = nn.Linear(self.statistics, style)
        self.deeper = nn.Sequential(nn.Linear(self.statistics, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, style))

    def forward(self, image: Tensor, visible: Tensor | None = None) -> Tensor:
        """The style vector (B, style) of `image` (B, 3, H, W) in [0, 1]; H and W at least 8.

        Args:
            visible: weight of each pixel, (B, 1, H, W) in [0, 1]; equal by default.
        """
        return self.vector(self.describe(image, self.eye(image, self.layers), visible))

    def vector(self, statistics: Tensor) -> Tensor:
        """Style vectors (..., style) from (..., statistics)."""
        x = (statistics - self.mean) / self.deviation
        vector: Tensor = self.linear(x) + self.deeper(x)
        return vector

    def describe(self, image: Tensor, features: Mapping[str, Tensor], visible: Tensor | None = None) -> Tensor:
        """Statistics (B, statistics) of an image (B, 3, H, W) in [0, 1] and of its features at `layers`.

        For colors (as logits, since the transformer ends in a sigmoid) and for the first layer: means, logarithms of
        standard deviations, correlations; for the other layers without correlations.
        """
        colours = image.float().clamp(0.02, 0.98).logit()
        share = shares_of(colours, visible)
        parts = [*moments(colours, share), correlations(colours, share)]
        for layer in self.layers:
            seen = features[layer].float()
            parts += moments(seen, shares_of(seen, visible))
        first = features[self.layers[0]].float()
        return torch.cat([*parts, correlations(first, shares_of(first, visible))], 1)


def shares_of(x: Tensor, visible: Tensor | None) -> Tensor | None:
    """Weight of each place of maps (B, C, h, w), (B, 1, h, w), with mean 1; None if all are equal."""
    if visible is None:
        return None
    share = F.adaptive_avg_pool2d(visible, (x.shape[2], x.shape[3]))
    return share / share.mean((2, 3), keepdim=True).clamp_min(1e-6)


def moments(x: Tensor, share: Tensor | None) -> tuple[Tensor, Tensor]:
    """Means and log standard deviations (B, C) of maps (B, C, H, W)."""
    weighted = x if share is None else x * share
    mean = weighted.mean((2, 3))
    variance = ((weighted * x).mean((2, 3)) - mean.square()).clamp_min(0)
    return mean, (variance + 1e-4).log() / 2


def correlations(x: Tensor, share: Tensor | None) -> Tensor:
    """Correlations of all pairs of channels of maps (B, C, H, W): (B, C (C - 1) / 2)."""
    mean = (x if share is None else x * share).mean((2, 3), keepdim=True)
    x = x - mean if share is None else (x - mean) * share.sqrt()
    x = x / (x.square().mean((2, 3), keepdim=True) + 1e-4).sqrt()
    x = x.flatten(2)
    both = x @ x.transpose(1, 2) / x.shape[2]
    down, across = torch.tril_indices(x.shape[1], x.shape[1], -1, device=x.device)
    return both[:, down, across]


class AnyStyle(nn.Module):
    """The transformer with its style predictor.

    Args:
        style, features, deep, blocks: of the transformer.
        width, hidden, pooling: of the predictor.
    """

    scale = 1
    multiple = 4

    def __init__(
        self,
        *,
        style: int = 100,
        features: int = 24,
        deep: int | None = None,
        blocks: int = 5,
        width: float | Sequence[float] = 0.34375,
        hidden: int = 256,
        pooling: Pooling = "average",
    ) -> None:
        super().__init__()
        self.transformer = StyleTransformer(style=style, features=features, deep=deep, blocks=blocks)
        self.predictor = StylePredictor(style=style, width=width, hidden=hidden, pooling=pooling)

    def forward(self, image: Tensor, statistics: Tensor, shares: Tensor) -> Tensor:
        """Logits of `image` (B, 3, H, W) in [0, 1] in mixtures of styles; their sigmoid is the picture.

        Args:
            statistics: of each of S styles, (B, S, statistics), from the predictor's `describe`.
            shares: weight of each style, (B, S); they sum to 1.
        """
        vectors = self.predictor.vector(statistics)
        return self.transformer.logits(image, (vectors * shares[..., None]).sum(1))


def magenta_state(variables: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state dict of a `StyleTransformer` from Magenta's variables, separable or not.

    Args:
        variables: by their TensorFlow names, in TensorFlow's axis order; variables outside the transformer are ignored.
    """
    state = {}
    for name, value in variables.items():
        match name.removeprefix("style_params/").split("/"):
            case ["transformer", "contract", conv, *rest]:
                place = 3 * (int(conv[-1]) - 1)
                match rest:
                    case ["weights"]:
                        state[f"contract.{place}.weight"] = value.permute(3, 2, 0, 1)
                    case ["BatchNorm", leaf]:
                        state[f"contract.{place + 1}.{BATCH_NORM[leaf]}"] = value
            case ["transformer", "residual" | "expand" as part, unit, conv, *rest]:
                layer = f"{part}.{int(unit[-1]) - 1}" + (f".conv{conv[-1]}" if part == "residual" else "")
                match rest:
                    case ["weights"]:
                        state[f"{layer}.conv.weight"] = value.permute(3, 2, 0, 1)
                    case ["depthwise_weights"]:
                        state[f"{layer}.conv.0.weight"] = value.permute(2, 3, 0, 1)
                    case ["pointwise_weights"]:
                        state[f"{layer}.conv.1.weight"] = value.permute(3, 2, 0, 1)
                    case ["StyleNorm", which, "weights"]:
                        state[f"{layer}.norm.{STYLE_NORM[which]}.weight"] = value[0, 0].T
                    case ["StyleNorm", which, "biases"]:
                        state[f"{layer}.norm.{STYLE_NORM[which]}.bias"] = value
    for place in (1, 4, 7):  # torch counts batches, TensorFlow does not
        state[f"contract.{place}.num_batches_tracked"] = torch.tensor(0)
    return {name: value.contiguous() for name, value in state.items()}


BATCH_NORM = {
    "Const": "weight",
    "beta": "bias",
    "gamma": "weight",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
STYLE_NORM = {"Conv": "shift", "Conv_1": "scale"}
