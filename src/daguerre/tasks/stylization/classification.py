"""Classify a picture with a VGG."""

import torch
from torch import Tensor

from daguerre import weights
from daguerre.errors import OptionError
from daguerre.images import Picture
from daguerre.images.resize import read_resized
from daguerre.networks.vgg import VGG

__all__ = ["LABELING_NETWORK", "check_labels", "guess_labels"]

LABELING_NETWORK = "vgg19-slim"
"""The network that ships with labels."""


def guess_labels(picture: Picture, features: str = LABELING_NETWORK, count: int = 5) -> list[tuple[str, float]]:
    """The most likely labels of a picture with their probabilities, from a VGG-19 with a classification head.

    The whole picture is classified, downscaled to the size of the network's training pictures.

    Args:
        features: the network's name, or a weights file.

    Raises:
        OptionError: the weights have no labels.
    """
    loaded, network = labelling(features)
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


def labelling(features: str) -> tuple[weights.Model, VGG]:
    loaded = weights.load(features)
    if not isinstance(loaded.network, VGG) or loaded.network.head is None or not loaded.header.labels:
        raise OptionError(f"{features} names no labels; those of {LABELING_NETWORK} do")
    return loaded, loaded.network
