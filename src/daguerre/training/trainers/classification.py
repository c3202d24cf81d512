"""Trains a classifier for its features, which perceptual losses use."""

from collections.abc import Mapping
from pathlib import Path

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F

from daguerre.errors import RecipeError
from daguerre.progress import ProgressCallback
from daguerre.training.batchnorm_folding import fold, normalize
from daguerre.training.build import check_losses, initial_network
from daguerre.training.data.classification import LabelledCrops, class_words, load_labelled
from daguerre.training.data.pictures import hold_out
from daguerre.training.recipe import Recipe
from daguerre.training.trainers.base import Trainer

__all__ = ["ClassificationTrainer", "NormalizedClassifier", "jitter_colours"]

SMOOTHING = 0.1  # of the labels (Szegedy et al. 2016, section 7)


class NormalizedClassifier(nn.Module):
    """A network with `classify`, batch-normalized during training."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = normalize(network)

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, classes) of `image` (B, 3, H, W) in [0, 1]."""
        return self.network.classify(image)  # type: ignore[no-any-return, operator]


class ClassificationTrainer(Trainer):
    """Classify pictures, whose class is the folder they come from.

    Loss: `cross_entropy`.
    """

    def __init__(self, recipe: Recipe, data: Path, fabric: Fabric, progress: ProgressCallback) -> None:
        super().__init__(recipe, fabric)
        check_losses(recipe.losses, {"cross_entropy"})
        pictures, self.left_out = load_labelled(data, recipe.data.parts, progress=progress)
        held_out = hold_out(pictures, recipe.validation.fraction)
        classes = sorted({label for label, _ in pictures.values()})
        if recipe.network.arguments.get("classes") != len(classes):
            raise RecipeError(f"the pictures have {len(classes)} classes; set network.arguments.classes to that")
        words = class_words(data, recipe.data.parts)
        self.labels = [words.get(label, label) for label in classes]
        self.crops = LabelledCrops([pictures[n] for n in pictures if n not in held_out], classes)
        self.validation_set = LabelledCrops([pictures[n] for n in sorted(held_out)], classes).all(recipe.crop)
        self.optimize(NormalizedClassifier(initial_network(recipe, nn.Module)))

    def training_step(self, step: int, generator: torch.Generator) -> dict[str, Tensor]:
        images, labels = self.crops.draw(self.recipe.batch, self.recipe.crop, generator)
        logits = self.model.network(jitter_colours(self.to_device(images), generator))
        loss = F.cross_entropy(logits, labels.to(self.fabric.device), label_smoothing=SMOOTHING)
        parts = {"cross_entropy": loss}
        return self.optimizer_step(self.weighted_sum(parts), parts, step)

    def to_device(self, images: Tensor) -> Tensor:
        """[0, 255] on the CPU to [0, 1] on the device."""
        return images.to(self.fabric.device).div(255).contiguous(memory_format=torch.channels_last)

    def validate(self) -> dict[str, float]:
        """Fractions of the validation set whose class is the first guess, `top1`, or among the first five, `top5`."""
        first, five = 0, 0
        for images, labels in zip(*(torch.split(part, self.recipe.batch) for part in self.validation_set), strict=True):
            logits = self.predict(images / 255)
            hits = logits.topk(min(5, logits.shape[1])).indices == labels[:, None]
            first, five = first + int(hits[:, 0].sum()), five + int(hits.sum())
        count = len(self.validation_set[1])
        return {"top1": first / count, "top5": five / count}

    def export(self) -> tuple[nn.Module, Mapping[str, Tensor]]:
        network = self.ema.network.get_submodule("network")
        return network, fold(network)


def jitter_colours(images: Tensor, generator: torch.Generator, strength: float = 0.4) -> Tensor:
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
