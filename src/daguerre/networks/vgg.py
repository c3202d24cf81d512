"""VGG-19 as a source of features, and of labels: what style, content and perceptual distances are measured in."""

from collections.abc import Iterable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from daguerre.tiling.rows import traced_halo

__all__ = ["VGG19", "VGG19_LAYERS", "Pooling", "SmoothPool2d", "style_distance"]

Pooling = Literal["average", "smooth", "max"]
FAINT = 0.05  # features with less than this part of the mean power count less in a style

BLOCKS = (64, 64), (128, 128), (256,) * 4, (512,) * 4, (512,) * 4
"""Output channels of the convolutions between two poolings."""


def named_layers() -> list[str]:
    layers = []
    for block, widths in enumerate(BLOCKS, 1):
        for position in range(1, len(widths) + 1):
            layers += [f"conv{block}_{position}", f"relu{block}_{position}"]
        layers.append(f"pool{block}")
    return layers


VGG19_LAYERS = tuple(named_layers())
"""Names of all layers in order: `conv1_1` (before activation), `relu1_1` (after), …, `pool1`, …, `pool5`."""


class VGG19(nn.Module):
    """The convolutions of VGG-19, with torchvision's key names, and an optional small head that names the picture.

    Simonyan and Zisserman 2014, https://arxiv.org/abs/1409.1556, table 1, column E (20,024,384 parameters).
    Differs from the paper: the head is a global average and one linear layer, not three of 123 million parameters;
    torchvision's `classifier.*` is not taken.

    Args:
        width: channels of every layer, as a fraction of the paper's.
        classes: labels of the head; 0 for none.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, *, width: float = 1.0, classes: int = 0) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for block in BLOCKS:
            for full in block:
                wider = max(round(full * width), 1)
                conv = nn.Conv2d(channels, wider, 3, padding=1)
                # With torch's own initialisation what differs from place to place fades to 1/750 in sixteen layers.
                nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
                conv.bias.data.zero_()  # type: ignore[union-attr]
                layers += [conv, nn.ReLU()]
                channels = wider
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(channels, classes) if classes else None
        # Of ImageNet, as torchvision's weights expect; not part of the state dict.
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406])[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor([0.229, 0.224, 0.225])[:, None, None], persistent=False)

    def forward(self, image: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Features of `image` (B, 3, H, W) in [0, 1] at each of `layers`, by name, shallow to deep.

        Layers of block b are (B, channels, H // 2^(b-1), W // 2^(b-1)). Nothing beyond the deepest is computed.

        Raises:
            ValueError: an unknown layer, or a picture too small for one.
        """
        wanted = {place_of(layer) for layer in layers}
        deepest = max(wanted, default=-1)
        smallest = 2 ** sum(layer.startswith("pool") for layer in VGG19_LAYERS[: deepest + 1])
        height, width = image.shape[2:]
        if min(height, width) < smallest:
            raise ValueError(
                f"{VGG19_LAYERS[deepest]} needs pictures of at least {smallest} x {smallest}, not {height} x {width}"
            )
        x = (image - self.mean) / self.deviation
        found = {}
        for place in range(deepest + 1):
            x = self.features[place](x)
            if place in wanted:
                found[VGG19_LAYERS[place]] = x
        return found

    def soften(self, pooling: Pooling = "average") -> None:
        """Repeat the border instead of the zeros of the training, which draw a frame; pool by averages, as asked."""
        for place, module in enumerate(self.features):
            if isinstance(module, nn.Conv2d):
                module.padding_mode = "replicate"
            elif isinstance(module, nn.MaxPool2d) and pooling != "max":
                self.features[place] = SmoothPool2d() if pooling == "smooth" else nn.AvgPool2d(2)

    def classify(self, image: Tensor) -> Tensor:
        """Logits (B, classes) of the labels of `image` (B, 3, H, W) in [0, 1]; H and W at least 32.

        Raises:
            ValueError: built without classes.
        """
        if self.head is None:
            raise ValueError("this VGG-19 has no labels: build it with classes=…, or load weights that have them")
        logits: Tensor = self.head(self(image, ["pool5"])["pool5"].mean((2, 3)))
        return logits

    def halo(self, layer: str) -> int:
        """Input pixels around a window that can influence its features at `layer`.

        The window's edges lie at multiples of the layer's stride (2^(b-1) for block b, 2^b for pool b).
        """
        return traced_halo(lambda image: self(image, [layer])[layer], multiple=32)


class SmoothPool2d(nn.Module):
    """Halve a map with the filter (1, 3, 3, 1) along each axis, so that nothing fine passes as something coarse."""

    def forward(self, x: Tensor) -> Tensor:
        padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
        return F.avg_pool2d(F.avg_pool2d(F.avg_pool2d(padded, 2, stride=1), 2, stride=1), 2)


def style_distance(found: Tensor, wanted: Tensor) -> Tensor:
    """How far Gram matrices or covariances (..., C, C) lie from those wanted: |found - wanted|² / |wanted|², (...).

    In the norms, the entry of a matrix for features i and j is divided by the square root of what features i and j
    have on the diagonal of the matrix wanted. So every feature counts alike, however strongly the network happens to
    express it: without that, the few strongest decide alone, and colours are lost. Very weak ones count less.
    By hand: twice the matrix wanted has 1.
    After Gatys et al. 2016, eq. 3 and 4.
    """
    power = wanted.diagonal(dim1=-2, dim2=-1)
    power = power + FAINT * power.mean(-1, keepdim=True)
    counts = 1 / (power[..., :, None] * power[..., None, :]).clamp_min(1e-20)
    apart, norm = ((x.square() * counts).sum((-2, -1)) for x in (found - wanted, wanted))
    return apart / (norm + 1e-12)


def place_of(layer: str) -> int:
    """Position of a layer in `features`.

    Raises:
        ValueError: an unknown name.
    """
    if layer not in VGG19_LAYERS:
        raise ValueError(f"VGG-19 has no layer {layer!r}; it has {', '.join(VGG19_LAYERS)}")
    return VGG19_LAYERS.index(layer)
