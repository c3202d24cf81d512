"""Trains the network that looks at each piece of detected damage."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from lightning.fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from daguerre.errors import DataError
from daguerre.networks.damage_verifier import DamageVerifier
from daguerre.progress import Progress, ProgressCallback
from daguerre.training.batchnorm_folding import fold, normalize
from daguerre.training.build import check_losses, initial_network
from daguerre.training.data.damage_pieces import Pieces, joined, pieces_of
from daguerre.training.data.damaged_photos import load_marks
from daguerre.training.data.pictures import hold_out, load_pictures, orient
from daguerre.training.recipe import Recipe
from daguerre.training.trainers.base import Trainer

__all__ = ["DamageVerificationTrainer"]

LEAST_SIDE = 64  # pixels of a photograph
LONGEST_NEW_SIDE = 900  # pixels of a new picture, which is reduced to it
SMOOTHING = 0.05  # of the labels
GREY = 0.5  # of the batches
GAMMA, GAIN, OFFSET = 0.3, 0.15, 0.05  # standard deviations of what happens to the tones of a piece


class DamageVerificationTrainer(Trainer):
    """Tell damage from its look-alikes among the pieces that the detectors find, together.

    The pieces come from real photographs whose damage is marked, and from new pictures in grey, which have none: what
    is found there is sound.

    Loss: `cross_entropy`.
    """

    def __init__(self, recipe: Recipe, data: Path, fabric: Fabric, progress: ProgressCallback) -> None:
        from daguerre.tasks.restoration.damage_detection import ScratchDetector  # needs libvips

        super().__init__(recipe, fabric)
        check_losses(recipe.losses, {"cross_entropy"})
        network = initial_network(recipe, DamageVerifier)
        self.left_out: list[str] = []
        marks = load_marks(data, recipe.aging.marks)
        photographs = {
            name: (picture, marks[Path(name).stem])
            for name, picture in self.load(data, recipe.aging.real, progress).items()
            if Path(name).stem in marks
        }
        if not photographs:
            raise DataError("no photograph of aging.real has a mask of its name in aging.marks")
        new = {
            name: (picture, torch.zeros_like(picture[:1]))
            for name, picture in self.load(data, recipe.data.parts, progress, new=True).items()
        }
        held_out = hold_out(photographs, recipe.validation.fraction)
        detector = ScratchDetector()
        found: dict[bool, list[Pieces]] = {False: [], True: []}
        every = photographs | new
        for number, (name, (picture, marked)) in enumerate(sorted(every.items())):
            found[name in held_out].append(pieces_of(detector, picture, marked))
            progress(Progress(step="looking for damage", done=number + 1, total=len(every)))
        self.pieces, self.validation_set = joined(found[False]), joined(found[True])
        for some, where in ((self.pieces, "train with"), (self.validation_set, "validate with")):
            if len(np.unique(some.damaged)) < 2:
                raise DataError(f"there is nothing to {where}: both damage and look-alikes must be found")
        measures = torch.from_numpy(self.pieces.views.measures)
        network.middle.copy_(measures.mean(0))
        network.spread.copy_(measures.std(0).clamp(min=1e-3))
        self.optimize(network if recipe.init else normalize(network))

    def load(
        self, data: Path, parts: tuple[str, ...], progress: ProgressCallback, *, new: bool = False
    ) -> dict[str, Tensor]:
        """Pictures by name, except those excluded; new ones in grey."""
        pictures, left_out = load_pictures(data, parts, least=LEAST_SIDE, progress=progress)
        self.left_out += left_out
        kept = {name: one for name, one in pictures.items() if Path(name).name not in self.recipe.aging.exclude}
        return {name: greyed(picture) for name, picture in kept.items()} if new else kept

    def training_step(self, step: int, generator: torch.Generator) -> dict[str, Tensor]:
        weight = torch.from_numpy(self.pieces.weight)
        chosen = torch.multinomial(weight, self.recipe.batch, replacement=True, generator=generator).numpy()
        near, far, measures = self.pieces.views[chosen].tensors()
        way, grey = torch.rand(2, generator=generator).tolist()
        tones = torch.randn(3, len(chosen), 1, 1, 1, generator=generator)
        views = [altered(view, int(8 * way), grey < GREY, tones).to(self.fabric.device) for view in (near, far)]
        target = torch.from_numpy(self.pieces.damaged[chosen]).to(self.fabric.device)
        with self.fabric.autocast():
            logits = self.model.network(*views, measures.to(self.fabric.device))
        loss = F.binary_cross_entropy_with_logits(logits.float(), target * (1 - 2 * SMOOTHING) + SMOOTHING)
        parts = {"cross_entropy": loss}
        return self.optimizer_step(self.weighted_sum(parts), parts, step)

    @torch.inference_mode()
    def validate(self) -> dict[str, float]:
        """Area under the ROC curve for pieces of held-out photographs, counted as they are drawn."""
        some, size = self.validation_set, self.recipe.batch
        scores = [
            self.ema.network(*(part.to(self.fabric.device) for part in some.views[at : at + size].tensors()))
            for at in range(0, len(some.damaged), size)
        ]
        return {"roc_auc": area_under_curve(torch.cat(scores).float().cpu().numpy(), some.damaged, some.weight)}

    def export(self) -> tuple[nn.Module, Mapping[str, Tensor]]:
        return self.ema.network, fold(self.ema.network)


def greyed(picture: Tensor) -> Tensor:
    """A picture (3, H, W), 8 bits, without colors and not too large."""
    side = max(picture.shape[1:])
    share = min(LONGEST_NEW_SIDE / side, 1.0)
    size = [round(length * share) for length in picture.shape[1:]]
    grey = picture.float().mean(0, keepdim=True)[None]
    small = F.interpolate(grey, size=size, mode="bilinear", antialias=True) if share < 1 else grey
    return small[0].round().byte().expand(3, -1, -1).contiguous()


def altered(view: Tensor, orientation: int, grey: bool, tones: Tensor) -> Tensor:
    """Views (B, C, S, S) in another orientation, with other tones: gamma, gain and offset."""
    colours = view[:, :3].mean(1, keepdim=True).expand(-1, 3, -1, -1) if grey else view[:, :3]
    gamma, gain, offset = tones
    colours = colours.clamp(min=1e-3) ** torch.exp(GAMMA * gamma) * (1 + GAIN * gain) + OFFSET * offset
    return orient(torch.cat([colours.clamp(0, 1), view[:, 3:]], 1), orientation)


def area_under_curve(scores: NDArray[np.float32], truth: NDArray[np.float32], weight: NDArray[np.float32]) -> float:
    """Probability that something true, drawn by weight, has a higher score than something false."""
    order = np.argsort(scores, kind="stable")
    true, false = weight[order] * truth[order], weight[order] * (1 - truth[order])
    below = np.cumsum(false) - false / 2
    return float((true * below).sum() / (true.sum() * false.sum()))
