"""Trains the network that looks at each piece of detected damage."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from lightning.fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from daguerre.degradation.aging.real_textures import Texture
from daguerre.errors import DataError
from daguerre.networks.damage_verifier import DamageVerifier
from daguerre.progress import Progress, ProgressCallback
from daguerre.training.build import check_losses, initial_network
from daguerre.training.data.damage_pieces import Pieces, pieces_of
from daguerre.training.data.damaged_photos import DAMAGED, EITHER, SOUND, damaged_photo, load_marks, load_textures
from daguerre.training.data.pictures import hold_out, load_pictures
from daguerre.training.recipe import Recipe
from daguerre.training.trainers.base import Trainer

__all__ = ["DamageVerificationTrainer"]

BATCH = 64  # pieces described together
LEAST_SIDE = 200  # pixels of a photograph
AGED_SIDE = 512  # pixels of a new photograph, aged
LEAST_DAMAGE, TRIALS = 0.002, 4  # fraction of it that is damaged; how often that is tried
AGED_WEIGHT = 0.15  # of a new photograph's pieces; those of a real one count in full
SMOOTHING = 0.05  # of the labels
GREY = 0.7  # of the new photographs


@dataclass(frozen=True)
class Described:
    """What the network is told of some pieces (n, C), whether each is damage, and how often it is drawn, (n,)."""

    described: Tensor
    damaged: Tensor
    weight: Tensor

    @classmethod
    @torch.inference_mode()
    def by(cls, network: DamageVerifier, pieces: Pieces) -> "Described":
        views, count = pieces.views, len(pieces.damaged)
        parts = [network.describe(*views[at : at + BATCH].tensors()) for at in range(0, count, BATCH)]
        described = torch.cat([torch.zeros(0, len(network.middle)), *parts])
        return cls(described, torch.from_numpy(pieces.damaged), torch.from_numpy(pieces.weight))

    @classmethod
    def joined(cls, some: Sequence["Described"]) -> "Described":
        return cls(*(torch.cat([getattr(one, name) for one in some]) for name in ("described", "damaged", "weight")))


class DamageVerificationTrainer(Trainer):
    """Tell damage from its look-alikes among the pieces that the detectors find, together.

    The pieces come from real photographs whose damage is marked, and from new ones, aged, most of them in gray.

    Loss: `cross_entropy`.
    """

    def __init__(self, recipe: Recipe, data: Path, fabric: Fabric, progress: ProgressCallback) -> None:
        from daguerre.tasks.restoration.damage_detection import ScratchDetector  # needs libvips

        super().__init__(recipe, fabric)
        check_losses(recipe.losses, {"cross_entropy"})
        network = initial_network(recipe, DamageVerifier)
        self.left_out: list[str] = []
        marks = load_marks(data, recipe.aging.marks)
        real = {name: one for name, one in self.load(data, recipe.aging.real, progress).items() if stem(name) in marks}
        if not real:
            raise DataError("no photograph of aging.real has a mask of its name in aging.marks")
        textures = load_textures(data, recipe.aging.textures, recipe.aging.exclude)
        aged = self.age(self.load(data, recipe.data.parts, progress), textures)
        held_out = hold_out(real, recipe.validation.fraction)
        detector = ScratchDetector()
        found: dict[bool, list[Described]] = {False: [], True: []}
        every = {name: (one, marks[stem(name)], 1.0) for name, one in real.items()} | aged
        for number, (name, (picture, marked, weight)) in enumerate(sorted(every.items())):
            pieces = pieces_of(detector, picture, marked, weight=weight)
            found[name in held_out].append(Described.by(network, pieces))
            progress(Progress(step="looking for damage", done=number + 1, total=len(every)))
        self.pieces, self.validation_set = (Described.joined(found[place]) for place in (False, True))
        for some, where in ((self.pieces, "train with"), (self.validation_set, "validate with")):
            if len(set(some.damaged.tolist())) < 2:
                raise DataError(f"there is nothing to {where}: both damage and look-alikes must be found")
        network.middle.copy_(self.pieces.described.mean(0))
        network.spread.copy_(self.pieces.described.std(0).clamp(min=1e-3))
        self.optimize(network)

    def age(self, photographs: dict[str, Tensor], textures: list[Texture]) -> dict[str, tuple[Tensor, Tensor, float]]:
        """New photographs by name, aged, 8 bits, with marks of their damage, and how much they count."""
        generator = torch.Generator().manual_seed(self.recipe.seed)
        made = {}
        for name, picture in sorted(photographs.items()):
            for _ in range(TRIALS):
                example = damaged_photo(picture, textures, AGED_SIDE, generator, old=False)
                if example.target[:, 0].mean() > LEAST_DAMAGE:
                    break
            image = example.image[0].clamp(0, 1)
            if torch.rand((), generator=generator) < GREY:
                image = image.mean(0, keepdim=True).expand(3, -1, -1)
            marks = torch.where(
                example.target[0, :1] > 0.5, DAMAGED, torch.where(example.certain[0] < 0.5, EITHER, SOUND)
            )
            made[name] = (255 * image).round().byte(), marks.byte(), AGED_WEIGHT
        return made

    def load(self, data: Path, parts: tuple[str, ...], progress: ProgressCallback) -> dict[str, Tensor]:
        """Pictures by name, except those excluded."""
        pictures, left_out = load_pictures(data, parts, least=LEAST_SIDE, progress=progress)
        self.left_out += left_out
        return {name: one for name, one in pictures.items() if Path(name).name not in self.recipe.aging.exclude}

    def training_step(self, step: int, generator: torch.Generator) -> dict[str, Tensor]:
        pieces = self.pieces
        chosen = torch.multinomial(pieces.weight, self.recipe.batch, replacement=True, generator=generator)
        described, damaged = (of[chosen].to(self.fabric.device) for of in (pieces.described, pieces.damaged))
        logits = self.model.network(described)
        loss = F.binary_cross_entropy_with_logits(logits, damaged * (1 - 2 * SMOOTHING) + SMOOTHING)
        parts = {"cross_entropy": loss}
        return self.optimizer_step(self.weighted_sum(parts), parts, step)

    @torch.inference_mode()
    def validate(self) -> dict[str, float]:
        """Area under the ROC curve for pieces of held-out photographs, counted as they are drawn."""
        pieces = self.validation_set
        scores = self.ema.network(pieces.described.to(self.fabric.device)).cpu()
        return {"roc_auc": area_under_curve(scores.numpy(), pieces.damaged.numpy(), pieces.weight.numpy())}


def stem(name: str) -> str:
    return Path(name).stem


def area_under_curve(scores: NDArray[np.float32], truth: NDArray[np.float32], weight: NDArray[np.float32]) -> float:
    """Probability that something true, drawn by weight, has a higher score than something false."""
    order = np.argsort(scores, kind="stable")
    true, false = weight[order] * truth[order], weight[order] * (1 - truth[order])
    below = np.cumsum(false) - false / 2
    return float((true * below).sum() / (true.sum() * false.sum()))
