"""Classify a picture with a VGG, or with a published classifier that was imported."""

import torch
from torch import Tensor

from daguerre import weights
from daguerre.errors import OptionError
from daguerre.images import Picture
from daguerre.images.resize import read_resized
from daguerre.networks.efficientnet_lite import EfficientNetLite0
from daguerre.networks.vgg import VGG

__all__ = ["check_labels", "guess_labels", "labeling_network"]

PUBLISHED, OURS = "efficientnet-lite0", "vgg19-slim"  # weights; ours tells 210 things apart, one in six rightly at once


def labeling_network() -> str:
    """The published classifier if it was imported under its name, else the network that ships with labels."""
    return PUBLISHED if (weights.weights_folder() / f"{PUBLISHED}.safetensors").is_file() else OURS


def guess_labels(picture: Picture, features: str | None = None, count: int = 5) -> list[tuple[str, float]]:
    """The most likely labels of a picture with their probabilities.

    The whole picture is classified, downscaled to the size of the network's training pictures.

    Args:
        features: the network's name, or a weights file; by default `labeling_network`.

    Raises:
        OptionError: the weights have no labels.
    """
    loaded, network = labelling(features or labeling_network())
    trained = int((loaded.header.recipe or {}).get("crop", 224))
    share = trained / min(picture.height, picture.width)
    image, _ = read_resized(picture, *(max(round(side * share), 1) for side in (picture.height, picture.width)))
    with torch.inference_mode():
        chances: Tensor = network.classify(image).softmax(dim=1)[0]
    best = chances.topk(min(count, len(chances)))
    return [
        (loaded.header.labels[place], round(chance, 4))
        for chance, place in zip(best.values.tolist(), best.indices.tolist(), strict=True)
    ]


def check_labels(features: str) -> None:
    """Make sure that weights have labels.

    Raises:
        OptionError: they do not.
    """
    labelling(features)


def labelling(features: str) -> tuple[weights.Model, VGG | EfficientNetLite0]:
    loaded = weights.load(features)
    network = loaded.network
    tells = isinstance(network, EfficientNetLite0) or (isinstance(network, VGG) and network.head is not None)
    if not tells or not loaded.header.labels:
        raise OptionError(f"{features} names no labels; those of {OURS} do")
    assert isinstance(network, VGG | EfficientNetLite0)
    return loaded, network
