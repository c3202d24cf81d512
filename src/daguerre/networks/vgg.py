"""VGG-16 and VGG-19: feature extractors for style, content and perceptual distances, and classifiers."""

from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["VGG", "VGG16", "VGG16_LAYERS", "VGG19", "VGG19_LAYERS", "Pooling", "SmoothPool2d", "style_distance"]

Pooling = Literal["average", "smooth", "max"]
FAINT_POWER_SHARE = 0.05  # fraction of the mean power below which a feature counts less in a style

CHANNELS = (64, 128, 256, 512, 512)
"""Output channels of the convolutions between two poolings."""


def named_layers(convolutions: Sequence[int]) -> tuple[str, ...]:
    """Names of all layers in order, for the given number of convolutions in each block."""
    layers = []
    for block, count in enumerate(convolutions, 1):
        for position in range(1, count + 1):
            layers += [f"conv{block}_{position}", f"relu{block}_{position}"]
        layers.append(f"pool{block}")
    return tuple(layers)


VGG16_LAYERS = named_layers((2, 2, 3, 3, 3))
VGG19_LAYERS = named_layers((2, 2, 4, 4, 4))
"""Names of all layers in order: `conv1_1` (before activation), `relu1_1` (after), …, `pool1`, …, `pool5`."""


class VGG(nn.Module):
    """The convolutions of a VGG, with torchvision's key names, and an optional small classification head.

    Simonyan and Zisserman 2014, https://arxiv.org/abs/1409.1556, table 1.
    Differs from the paper: the head is a global average and one linear layer, not three of 123 million parameters;
    torchvision's `classifier.*` is not taken.

    Args:
        width: channels as a fraction of the paper's, of all layers or of each block's.
        classes: labels of the head; 0 for none.
        pooling: between the blocks; the paper's is `max`.
    """

    layers: ClassVar[tuple[str, ...]]
    """Names of all layers in order."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, *, width: float | Sequence[float] = 1.0, classes: int = 0, pooling: Pooling = "max") -> None:
        super().__init__()
        self.pooling: Pooling = pooling
        widths = list(width) if isinstance(width, Sequence) else [width] * len(CHANNELS)
        if len(widths) != len(CHANNELS):
            raise ValueError(f"a VGG has {len(CHANNELS)} blocks, not the {len(widths)} of width {widths}")
        layers: list[nn.Module] = []
        channels = 3
        for name in self.layers:
            if name.startswith("conv"):
                block = int(name[4]) - 1
                wider = max(round(CHANNELS[block] * widths[block]), 1)
                conv = nn.Conv2d(channels, wider, 3, padding=1)
                # With torch's default initialization, spatial differences fade to 1/750 over sixteen layers.
                nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
                conv.bias.data.zero_()  # type: ignore[union-attr]
                layers.append(conv)
                channels = wider
            else:
                layers.append(nn.ReLU() if name.startswith("relu") else pool_of(pooling))
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(channels, classes) if classes else None
        # Of ImageNet, as torchvision's weights expect; not part of the state dict.
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406])[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor([0.229, 0.224, 0.225])[:, None, None], persistent=False)

    def forward(self, image: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Features of `image` (B, 3, H, W) in [0, 1] at each of `layers`, by name, shallow to deep.

        Layers of block b are (B, channels, H // 2^(b-1), W // 2^(b-1)). Layers beyond the deepest are not computed.

        Raises:
            ValueError: an unknown layer, or a picture too small for one.
        """
        wanted = {self.place_of(layer) for layer in layers}
        deepest = max(wanted, default=-1)
        smallest = 2 ** sum(layer.startswith("pool") for layer in self.layers[: deepest + 1])
        height, width = image.shape[2:]
        if min(height, width) < smallest:
            raise ValueError(
                f"{self.layers[deepest]} needs pictures of at least {smallest} x {smallest}, not {height} x {width}"
            )
        x = (image - self.mean) / self.deviation
        found = {}
        for place in range(deepest + 1):
            x = self.features[place](x)
            if place in wanted:
                found[self.layers[place]] = x
        return found

    def place_of(self, layer: str) -> int:
        """Position of a layer in `features`.

        Raises:
            ValueError: an unknown name.
        """
        if layer not in self.layers:
            raise ValueError(f"{type(self).__name__} has no layer {layer!r}; it has {', '.join(self.layers)}")
        return self.layers.index(layer)

    def stride(self, layer: str) -> int:
        """Pixels from one feature of a layer to the next."""
        return 1 << sum(name.startswith("pool") for name in self.layers[: self.place_of(layer) + 1])

    def channels(self, layer: str) -> int:
        """Features of a layer."""
        reached = list(self.features)[: self.place_of(layer) + 1]
        return [module.out_channels for module in reached if isinstance(module, nn.Conv2d)][-1]

    def pool(self, pooling: Pooling) -> None:
        """Replace the pooling."""
        self.pooling = pooling
        for place, name in enumerate(self.layers[: len(self.features)]):
            if name.startswith("pool"):
                self.features[place] = pool_of(pooling)

    def end(self, layer: str) -> None:
        """Drop what comes after a layer, and the head."""
        del self.features[self.place_of(layer) + 1 :]
        self.head = None

    def soften(self, pooling: Pooling | None = None) -> None:
        """Use replicate padding, since the zero padding used in training draws a frame; pool as asked.

        Args:
            pooling: by default unchanged, but `average` instead of `max`.
        """
        self.pool(pooling or ("average" if self.pooling == "max" else self.pooling))
        for module in self.features:
            if isinstance(module, nn.Conv2d):
                module.padding_mode = "replicate"

    def classify(self, image: Tensor) -> Tensor:
        """Logits (B, classes) of the labels of `image` (B, 3, H, W) in [0, 1]; H and W at least 32.

        Raises:
            ValueError: built without classes.
        """
        if self.head is None:
            raise ValueError("this VGG has no labels: build it with classes=…, or load weights that have them")
        logits: Tensor = self.head(self(image, ["pool5"])["pool5"].mean((2, 3)))
        return logits

    def halo(self, layer: str) -> int:
        """Input pixels around a window that can influence its features at `layer`.

        The window's edges lie at multiples of the layer's stride (2^(b-1) for block b, 2^b for pool b).
        """
        reach, stride = 0, 1
        for name in self.layers[: self.place_of(layer) + 1]:
            if name.startswith("conv") or (name.startswith("pool") and self.pooling == "smooth"):
                reach += stride
            stride *= 2 if name.startswith("pool") else 1
        return reach


class VGG16(VGG):
    """Thirteen convolutions: the paper's column D (14,714,688 parameters)."""

    layers = VGG16_LAYERS


class VGG19(VGG):
    """Sixteen convolutions: the paper's column E (20,024,384 parameters)."""

    layers = VGG19_LAYERS


class SmoothPool2d(nn.Module):
    """Halve a map with the filter (1, 3, 3, 1) along each axis, which prevents aliasing.

    Beyond the border its outermost values are repeated.
    """

    def forward(self, x: Tensor) -> Tensor:
        wider = F.avg_pool2d(x, 2, stride=1, padding=1, count_include_pad=False)  # a repeated value is its own mean
        return F.avg_pool2d(F.avg_pool2d(wider, 2, stride=1), 2)


def pool_of(pooling: Pooling) -> nn.Module:
    """The pooling layer."""
    if pooling == "smooth":
        return SmoothPool2d()
    return nn.AvgPool2d(2) if pooling == "average" else nn.MaxPool2d(2)


def style_distance(found: Tensor, wanted: Tensor) -> Tensor:
    """Normalized distance of Gram matrices or covariances (..., C, C): |found - wanted|² / |wanted|², (...).

    In the norms, entry (i, j) is divided by the square root of the target's diagonal entries i and j, so that all
    features count alike whatever their magnitude: otherwise the few strongest dominate, and colors are lost. Very
    weak ones count less.
    By hand: twice the target has distance 1.
    After Gatys et al. 2016, eq. 3 and 4.
    """
    power = wanted.diagonal(dim1=-2, dim2=-1)
    power = power + FAINT_POWER_SHARE * power.mean(-1, keepdim=True)
    counts = 1 / (power[..., :, None] * power[..., None, :]).clamp_min(1e-20)
    apart, norm = ((x.square() * counts).sum((-2, -1)) for x in (found - wanted, wanted))
    return apart / (norm + 1e-12)
