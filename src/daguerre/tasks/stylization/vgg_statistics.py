"""VGG features of pictures of any size, and their statistics.

A picture may be processed by windows: statistics are sums over positions, gathered over all windows.
"""

import contextlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from daguerre.devices import Device
from daguerre.errors import DeviceError
from daguerre.networks.vgg import VGG, Pooling
from daguerre.tiling import Window, plan_windows

__all__ = [
    "Descriptor",
    "FeatureExtractor",
    "FeatureSums",
    "Statistics",
    "Tile",
    "add_sums",
    "blend",
    "feature_slices",
    "feature_weights",
    "gather",
]

Statistics = Literal["gram", "moments"]
Descriptor = tuple[Tensor, ...]
"""Statistics of a layer's features: (Gram matrix,), or (means, covariances)."""

Made = TypeVar("Made")

ALIGNMENT = 32  # pixels; windows begin at cells of a VGG's deepest pooling
PROCESSOR_ALLOWANCE = 2**30  # bytes for the features of one window and their gradients
MIN_DIVISOR = 1e-6  # minimum weight to divide by
HELD_PER_FEATURE_BYTE = (
    5  # bytes held at a time per byte of the features of all convolutions; measured at 512 and 768 pixels
)


@dataclass(frozen=True)
class Tile:
    """A window, and the larger one that its features depend on."""

    core: Window
    source: Window

    def features(self, stride: int) -> tuple[slice, slice]:
        """Rows and columns of the source's features of this stride that belong to the core."""
        core = self.core.within(self.source)
        return slice(core.top // stride, core.bottom // stride), slice(core.left // stride, core.right // stride)


class FeatureExtractor:
    """A VGG prepared for pictures of any size and for differentiation.

    Args:
        network: its pooling and padding are changed.
        layers: names of the layers to extract.
        pooling: pooling of the network; the paper recommends average, and average with soft edges (smooth) does better.
    """

    def __init__(self, network: VGG, device: Device, layers: Sequence[str], *, pooling: Pooling = "average") -> None:
        self.layers = sorted(set(layers), key=network.layers.index)
        self.stride = {layer: network.stride(layer) for layer in self.layers}
        network.soften(pooling)
        self.halo = -(-network.halo(self.layers[-1]) // ALIGNMENT) * ALIGNMENT
        self.network = device.place(network).requires_grad_(False)
        self.device = device
        values, stride = 0.0, 1
        for module in list(network.features)[: network.place_of(self.layers[-1]) + 1]:
            stride *= 1 if isinstance(module, nn.Conv2d | nn.ReLU) else 2
            values += module.out_channels / stride**2 if isinstance(module, nn.Conv2d) else 0
        self.bytes_per_pixel = HELD_PER_FEATURE_BYTE * values * device.dtype.itemsize
        on_gpu = device.torch_device.type == "cuda"
        self.allowed = torch.cuda.mem_get_info(device.torch_device)[0] // 2 if on_gpu else PROCESSOR_ALLOWANCE

    def tiles(self, height: int, width: int) -> list[Tile]:
        """Cover a picture with windows that fit in memory, a single one if possible."""
        seen = int(math.sqrt(self.allowed / self.bytes_per_pixel))  # side of what is processed at once
        side = max((seen - 2 * self.halo) // ALIGNMENT, 1) * ALIGNMENT
        if height * width <= seen**2:
            side = max(height, width)
        return [Tile(core, core.grown(self.halo, height, width)) for core in plan_windows(height, width, side)]

    def with_tiles(self, image: Tensor, work: Callable[[list[Tile]], Made]) -> Made:
        """Run a function on the tiles of `image` (1, 3, H, W), on smaller ones if they do not fit in memory.

        Raises:
            DeviceError: even the smallest do not fit.
        """
        while True:
            tiles = self.tiles(*image.shape[-2:])
            with contextlib.suppress(torch.OutOfMemoryError):
                return work(tiles)
            if max(max(tile.core.height, tile.core.width) for tile in tiles) <= ALIGNMENT:
                raise DeviceError(
                    "the device has no memory left to paint with; close other programs, or use --device cpu"
                )
            self.allowed //= 2
            torch.cuda.empty_cache()

    def extract(self, image: Tensor, tile: Tile) -> dict[str, Tensor]:
        """Features of a tile's core by layer, (1, C, h, w); `image` (1, 3, h, w) is its source, in [0, 1]."""
        with self.device.autocast():
            seen = self.network(image.contiguous(memory_format=torch.channels_last), self.layers)
        return {layer: seen[layer][(..., *tile.features(self.stride[layer]))] for layer in self.layers}


@dataclass(frozen=True)
class FeatureSums:
    """Weighted sums over the positions of a feature map, from which its statistics are computed; they can be added.

    Args:
        weight: sum of the weights, ().
        first: sum of the features, (C,).
        second: sum of the features' outer products with themselves, (C, C).
    """

    weight: Tensor
    first: Tensor
    second: Tensor

    @classmethod
    def of(cls, features: Tensor, weights: Tensor | None) -> "FeatureSums":
        """The sums of features (1, C, h, w), with positions weighted by (1, 1, h, w), or equally.

        Products are of differences from the mean, which is added in float32: for a strong feature that hardly varies,
        bfloat16's three digits would leave zero or even negative variance.
        """
        x = features.detach()[0].flatten(1)  # (C, N)
        weight = x.new_tensor(float(x.shape[1])) if weights is None else weights.sum()
        weight, w = weight.float(), None if weights is None else weights.flatten().to(x)
        first = (x if w is None else x * w).sum(1, dtype=torch.float32)
        mean = first / weight.clamp_min(MIN_DIVISOR)
        apart = (x - mean[:, None]).to(x)
        second = ((apart if w is None else apart * w) @ apart.T).float()
        return cls(weight, first, second + first[:, None] * mean)

    def __add__(self, other: "FeatureSums") -> "FeatureSums":
        return FeatureSums(self.weight + other.weight, self.first + other.first, self.second + other.second)

    @property
    def mean(self) -> Tensor:
        return self.first / self.weight.clamp_min(MIN_DIVISOR)

    def descriptor(self, statistics: Statistics) -> Descriptor:
        gram = self.second / self.weight.clamp_min(MIN_DIVISOR)
        if statistics == "gram":
            return (gram,)
        return self.mean, gram - self.mean[:, None] * self.mean


def gather(
    extractor: FeatureExtractor, image: Tensor, regions: Sequence[Tensor | None]
) -> list[dict[str, FeatureSums]]:
    """Sums over a whole picture (1, 3, H, W), for each region and layer.

    Args:
        regions: weight of each pixel, (1, 1, H, W) in [0, 1], or None for equal weights.
    """

    def work(tiles: list[Tile]) -> list[dict[str, FeatureSums]]:
        found: list[dict[str, FeatureSums]] = [{} for _ in regions]
        for tile in tiles:
            with torch.no_grad():
                features = extractor.extract(image[(..., *tile.source.slices)], tile)
            add_sums(found, features, extractor, tile, regions)
        return found

    return extractor.with_tiles(image, work)


def add_sums(
    found: list[dict[str, FeatureSums]],
    features: Mapping[str, Tensor],
    extractor: FeatureExtractor,
    tile: Tile,
    regions: Sequence[Tensor | None],
) -> None:
    for region, sums in zip(regions, found, strict=True):
        for layer, seen in features.items():
            own = FeatureSums.of(seen, feature_weights(region, tile, extractor.stride[layer]))
            sums[layer] = sums[layer] + own if layer in sums else own


def feature_weights(region: Tensor | None, tile: Tile, stride: int) -> Tensor | None:
    """Weight of each feature of a tile's core: the mean of the region's weights below it."""
    if region is None:
        return None
    window = region[(..., *tile.core.slices)]
    if min(window.shape[-2:]) < stride:
        return window.new_zeros(1, 1, window.shape[-2] // stride, window.shape[-1] // stride)
    return F.avg_pool2d(window, stride)


def blend(descriptors: Sequence[Mapping[str, Descriptor]], weights: Sequence[float]) -> dict[str, Descriptor]:
    """The weighted mean of styles. The distance from it differs from the mean of their distances by a constant."""
    total = sum(weights)
    return {
        layer: tuple(
            torch.stack([part * (weight / total) for part, weight in zip(parts, weights, strict=True)]).sum(0)
            for parts in zip(*(descriptor[layer] for descriptor in descriptors), strict=True)
        )
        for layer in descriptors[0]
    }


def feature_slices(core: Window, stride: int) -> tuple[slice, slice]:
    """Rows and columns of the features of this stride that lie in a window of the picture."""
    return slice(core.top // stride, core.bottom // stride), slice(core.left // stride, core.right // stride)
