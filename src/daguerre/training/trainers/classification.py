"""The step that trains a network to tell what is in a picture, so that its features can judge pictures."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F

from daguerre.errors import RecipeError
from daguerre.progress import ProgressCallback
from daguerre.training.batchnorm_folding import fold, normalise
from daguerre.training.build import check_losses, start
from daguerre.training.data.classification import LabelledCrops, class_words, load_labelled
from daguerre.training.data.pictures import hold_out
from daguerre.training.optimization import Average, Trainee
from daguerre.training.recipe import Recipe

__all__ = ["Classification", "Classifier", "jitter"]

SMOOTHING = 0.1  # of the labels (Szegedy et al. 2016, section 7)


class Classifier(nn.Module):
    """A network that can `classify`, normalised while it trains."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = normalise(network)

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, classes) of `image` (B, 3, H, W) in [0, 1]."""
        return self.network.classify(image)  # type: ignore[no-any-return, operator]


class Classification:
    """Tell which class a picture belongs to: which folder it came from."""

    def __init__(self, recipe: Recipe, data: Path, fabric: Fabric, progress: ProgressCallback) -> None:
        self.recipe, self.fabric = recipe, fabric
        check_losses(recipe.losses, {"cross_entropy"})
        pictures, self.left_out = load_labelled(data, recipe.data.parts, progress=progress)
        held_out = hold_out(pictures, recipe.validation.one_in)
        classes = sorted({label for label, _ in pictures.values()})
        if recipe.network.arguments.get("classes") != len(classes):
            raise RecipeError(f"the pictures have {len(classes)} classes; set network.arguments.classes to that")
        words = class_words(data, recipe.data.parts)
        self.labels = [words.get(label, label) for label in classes]
        self.crops = LabelledCrops([pictures[n] for n in pictures if n not in held_out], classes)
        self.trials = LabelledCrops([pictures[n] for n in sorted(held_out)], classes).all(recipe.crop)
        self.classifier = Trainee(fabric, Classifier(start(recipe)), recipe, recipe.optimizer)
        self.average = Average(self.classifier.bare, recipe.ema)

    def learn(self, step: int, generator: torch.Generator) -> dict[str, Tensor]:
        images, labels = self.crops.draw(self.recipe.batch, self.recipe.crop, generator)
        logits = self.classifier.network(jitter(self.ready(images), generator))
        loss = F.cross_entropy(logits, labels.to(self.fabric.device), label_smoothing=SMOOTHING)
        self.classifier.improve(loss * self.recipe.losses["cross_entropy"], step)
        self.average.follow(self.classifier.bare, step)
        return {"cross_entropy": loss.detach()}

    def ready(self, images: Tensor) -> Tensor:
        """[0, 255] on the processor to [0, 1] on the device."""
        return images.to(self.fabric.device).div_(255).contiguous(memory_format=torch.channels_last)

    @torch.inference_mode()
    def judge(self) -> dict[str, float]:
        """The part of the pictures held out whose class is the first guess, and among the first five."""
        first, five = 0, 0
        for images, labels in zip(
            *(part.chunk(-(-len(part) // self.recipe.batch)) for part in self.trials), strict=True
        ):
            with self.fabric.autocast():
                logits = self.average.network(self.ready(images.clone()))
            guesses = logits.topk(min(5, logits.shape[1])).indices.cpu() == labels[:, None]
            first, five = first + int(guesses[:, 0].sum()), five + int(guesses.sum())
        return {"top1": first / len(self.trials[1]), "top5": five / len(self.trials[1])}

    def show(self) -> None:
        return None

    def state(self) -> dict[str, Any]:
        return self.classifier.state("classifier") | {"average": self.average.network}

    def result(self) -> tuple[nn.Module, Mapping[str, Tensor]]:
        network = self.average.network.get_submodule("network")
        return network, fold(network)


def jitter(images: Tensor, generator: torch.Generator, strength: float = 0.4) -> Tensor:
    """Change brightness, contrast and saturation of each image at random.

    Args:
        images: (B, 3, H, W) in [0, 1].
        strength: factors lie between 1 - strength and 1 + strength.

    Returns:
        (B, 3, H, W) in [0, 1].
    """
    factors = 1 + strength * (2 * torch.rand(3, len(images), 1, 1, 1, generator=generator) - 1)
    brightness, contrast, saturation = factors.to(images.device)
    images = images * brightness
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    images = mean + (images - mean) * contrast
    grey = images.mean(dim=1, keepdim=True)
    return grey.lerp(images, saturation).clamp(0, 1)
