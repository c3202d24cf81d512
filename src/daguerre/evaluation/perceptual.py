"""Perceptual distances between two pictures: distances between their features in a pretrained network."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from daguerre.errors import MissingExtra

__all__ = ["LAYERS", "VGG16_LAYERS", "Distance", "Features", "lpips_distance", "perceptual_distance"]

Features = Callable[[Tensor, Sequence[str]], Mapping[str, Tensor]]
"""Maps (B, 3, H, W) in [0, 1] and layer names to feature maps (B, C, h, w) by name; `VGG19` is one."""

Distance = Callable[[Tensor, Tensor], Tensor]
"""Maps two (B, 3, H, W) in [0, 1] to (B,): 0 for equal pictures, larger for more different ones."""

LAYERS = {"relu1_2": 1.0, "relu2_2": 1.0, "relu3_4": 1.0, "relu4_4": 1.0, "relu5_4": 1.0}
"""The last layer before each pooling of VGG-19, equally weighted."""

VGG16_LAYERS = {"relu1_2": 1.0, "relu2_2": 1.0, "relu3_3": 1.0, "relu4_3": 1.0, "relu5_3": 1.0}
"""The same of VGG-16."""

ALEXNET = "alexnet-owt-7be5be79.pth"


def perceptual_distance(features: Features, layers: Mapping[str, float] = LAYERS) -> Distance:
    """Distance between two pictures in the features of a network.

    At each position of each layer the vectors of features are scaled to length 1; the distance is the mean over
    positions of their squared difference, summed over channels, averaged over the layers by their weights. In [0, 4];
    at most 2 for features after a ReLU. By hand: features (3, 4) against (6, 8) have distance 0, (1, 0) against (0, 1)
    have distance 2.
    Zhang et al. 2018, https://arxiv.org/abs/1801.03924, eq. 1, with one weight per layer instead of one per channel,
    without human judgments to fit those to.

    Args:
        layers: weight of each layer, by its name.
    """

    def distance(a: Tensor, b: Tensor) -> Tensor:
        seen_a, seen_b = (features(image, list(layers)) for image in (a, b))
        total = sum(
            weight * (direction(seen_a[name]) - direction(seen_b[name])).square().sum(dim=1).mean(dim=(1, 2))
            for name, weight in layers.items()
        )
        return torch.as_tensor(total) / sum(layers.values())

    return distance


def lpips_distance() -> Distance:
    """LPIPS with AlexNet, as its authors' package `lpips` computes it; nothing is downloaded.

    Zhang et al. 2018, https://arxiv.org/abs/1801.03924, version 0.1.

    Raises:
        MissingExtra: the package, or the AlexNet weights that it would download, are missing.
    """
    try:
        lpips = importlib.import_module("lpips")
    except ImportError as error:
        raise MissingExtra("LPIPS comes with its authors' package; install it with `pip install lpips`") from error
    file = Path(torch.hub.get_dir()) / "checkpoints" / ALEXNET
    if not file.exists():
        source = f"https://download.pytorch.org/models/{ALEXNET}"
        raise MissingExtra(f"LPIPS needs AlexNet's weights; fetch {source} and put it at {file}")
    network = lpips.LPIPS(net="alex", verbose=False).eval()
    return lambda a, b: network(a, b, normalize=True).flatten()


def direction(features: Tensor) -> Tensor:
    """Scale (B, C, H, W) to length 1 over the channels; zeros stay zero."""
    return features / features.square().sum(dim=1, keepdim=True).sqrt().clamp_min(1e-10)
