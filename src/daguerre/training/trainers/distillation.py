"""Trains a small VGG to match the features of a large one and the labels of a classifier."""

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F

from daguerre.errors import RecipeError
from daguerre.networks.vgg import VGG
from daguerre.progress import Progress, ProgressCallback
from daguerre.training.batchnorm_folding import fold, normalize
from daguerre.training.build import check_losses, initial_network
from daguerre.training.data.distillation_targets import (
    FeatureTeachers,
    TargetPool,
    Targets,
    direction_distance,
    gathered,
)
from daguerre.training.data.style_crops import StyleCrops, load_parts
from daguerre.training.prefetch import seeded_generator
from daguerre.training.recipe import Recipe, TeachersPlan
from daguerre.training.trainers.base import Trainer

__all__ = ["DistillationTrainer", "Student"]

VALIDATION_PAIRS = 64
TEACHER_BATCH = 8  # pictures per call of the teachers, each with its distorted copy
LEAST_DISTANCE = 1e-3  # of directions; smaller ones come from invisible changes
FAINT_VARIANCE = 1e-2  # of a feature's variance: below this a change counts little


class Student(nn.Module):
    """A VGG, batch-normalized during training, with linear maps from its features to its teacher's.

    The maps are discarded in the end: features that are linear functions of each other are equally useful.
    """

    def __init__(self, network: VGG, channels: Mapping[str, int]) -> None:
        super().__init__()
        self.strides = {layer: network.stride(layer) for layer in channels}
        self.maps = nn.ModuleDict({layer: nn.Linear(network.channels(layer), c) for layer, c in channels.items()})
        self.network = normalize(network)

    def forward(self, images: Tensor, positions: Mapping[int, Tensor]) -> Targets:
        """The teachers' features of the first N of `images` (B, 3, H, W) in [0, 1], and the logits of all.

        Args:
            positions: by stride, (N, n), positions of the wanted features in each map.
        """
        seen = self.network(images, [*self.strides, "pool5"])
        own = {layer: gathered(seen[layer], positions[stride]) for layer, stride in self.strides.items()}
        features = {layer: self.maps[layer](x) for layer, x in own.items()}
        distances = {layer: direction_distance(x[::2].float(), x[1::2].float()) for layer, x in own.items()}
        head = cast(nn.Module | None, self.network.head)
        return Targets(features, None if head is None else head(seen["pool5"].mean((2, 3))), distances)


class DistillationTrainer(Trainer):
    """Match the teacher's features, their changes when a picture is distorted, and a classifier's labels.

    The pool of targets is replaced only at intervals, since the teachers cost several times a step of the student.

    Losses: `features`, squared differences, each of the teacher's channels having variance 1; `changes`, of how they
    differ between a picture and its distorted copy, relative to the teacher's difference; `distances`, of the
    logarithms of the perceptual distance between those two, taken of the student's own features, whose mixture and
    scale the linear maps hide; `labels`, cross entropy with the classifier's; `logits`, squared differences relative to
    the classifier's (Ba and Caruana 2014, https://arxiv.org/abs/1312.6184), which carry more information about every
    picture.
    """

    def __init__(self, recipe: Recipe, data: Path, fabric: Fabric, progress: ProgressCallback) -> None:
        super().__init__(recipe, fabric)
        self.progress = progress
        if recipe.teachers is None or not recipe.teachers.features:
            raise RecipeError("this step distils the features of a VGG; add [teachers] with features = …")
        self.plan: TeachersPlan = recipe.teachers
        network = initial_network(recipe, VGG)
        self.teachers = FeatureTeachers(self.plan, type(network), network.pooling, fabric.device)
        self.labels = self.teachers.labels
        classes = recipe.network.arguments.get("classes", 0)
        if classes != len(self.labels):
            raise RecipeError(f"the teachers name {len(self.labels)} things; set network.arguments.classes to that")
        check_losses(
            recipe.losses, {"features", "changes", "distances", *(["labels", "logits"] if self.labels else [])}
        )
        pictures, held_out, self.left_out = load_parts(data, recipe.data.parts, recipe.validation.fraction, progress)
        shares = [recipe.data.shares.get(part, 1.0) for part in recipe.data.parts]
        self.crops, held_out_crops = (StyleCrops(some, shares, least=recipe.crop) for some in (pictures, held_out))
        self.pool: TargetPool | None = None
        self.round = -1
        self.validation_set = self.make_pool(held_out_crops, VALIDATION_PAIRS, self.seeded(0))
        self.moments = self.make_pool(self.crops, max(self.plan.pool // 5, 1), self.seeded(1)).moments()
        self.optimize(Student(network, self.teachers.channels))

    def seeded(self, more: int) -> torch.Generator:
        return torch.Generator().manual_seed(self.recipe.seed + more)

    def make_pool(self, crops: StyleCrops, pairs: int, generator: torch.Generator, named: int = 0) -> TargetPool:
        made = []
        for done in range(0, pairs, TEACHER_BATCH):
            images = crops.draw(min(TEACHER_BATCH, pairs - done), self.recipe.crop, generator, orientations=2)
            made.append(TargetPool.prepare(self.teachers, images, self.plan.positions, generator))
            self.progress(Progress(step="running the teachers", done=done + len(images), total=pairs))
        return TargetPool.joined(made, self.name(crops, named, generator) if named else None)

    def name(self, crops: StyleCrops, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Crops with labels only."""
        sizes = [min(TEACHER_BATCH, count - done) for done in range(0, count, TEACHER_BATCH)]
        made = [self.teachers.name(crops.draw(size, self.recipe.crop, generator, orientations=2)) for size in sizes]
        return torch.cat([images for images, _ in made]), torch.cat([labels for _, labels in made])

    def pool_of(self, step: int) -> TargetPool:
        """The targets of the round that a step belongs to; they depend on the recipe alone."""
        number = (step - 1) // self.plan.fresh
        if self.pool is None or number != self.round:
            self.pool = None  # release the old one first
            generator = seeded_generator(self.recipe.seed + 2, number, 0)
            self.pool = self.make_pool(self.crops, self.plan.pool, generator, self.plan.named)
            self.round = number
        return self.pool

    def training_step(self, step: int, generator: torch.Generator) -> dict[str, Tensor]:
        images, positions, wanted = self.pool_of(step).draw(self.recipe.batch, self.moments, generator)
        found = self.model.network(images.contiguous(memory_format=torch.channels_last), positions)
        parts = losses(found, wanted)
        return self.optimizer_step(self.weighted_sum(parts), parts, step)

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """The losses; by layer, the unexplained fraction of the variance; and how often the first labels agree."""
        scores: dict[str, list[float]] = {}
        agreeing = 0.0
        for which in torch.arange(VALIDATION_PAIRS).chunk(8):
            images, positions, wanted = self.validation_set.pairs(which, self.moments)
            with self.fabric.autocast():
                found = self.ema.network(images.contiguous(memory_format=torch.channels_last), positions)
            for name, part in losses(found, wanted).items():
                scores.setdefault(f"{name}_held_out", []).append(part.item())
            for layer, part in missed(found, wanted).items():
                scores.setdefault(layer, []).append(part.item())
            if found.labels is not None and wanted.labels is not None:
                agreeing += float((found.labels.argmax(1) == wanted.labels.argmax(1)).sum())
        means = {name: sum(values) / len(values) for name, values in scores.items()}
        return means | ({"top1": agreeing / (2 * VALIDATION_PAIRS)} if self.labels else {})

    def export(self) -> tuple[nn.Module, Mapping[str, Tensor]]:
        network = self.ema.network.get_submodule("network")
        return network, fold(network)


def losses(found: Targets, wanted: Targets) -> dict[str, Tensor]:
    """The losses of a student's features and logits; of pairs, each original before its distorted copy."""
    changes = []
    for layer, theirs in wanted.features.items():
        ours = found.features[layer].float()
        our_change, their_change = (x[1::2] - x[::2] for x in (ours, theirs))
        error, size = (x.square().mean((1, 2)) for x in (our_change - their_change, their_change))
        changes.append((error / (size + FAINT_VARIANCE)).mean())
    features = torch.stack([*missed(found, wanted).values()]).mean()
    logarithms = [
        (found.distances[layer] + LEAST_DISTANCE).log() - (theirs + LEAST_DISTANCE).log()
        for layer, theirs in wanted.distances.items()
    ]
    parts = {
        "features": features,
        "changes": torch.stack(changes).mean(),
        "distances": torch.stack(logarithms).square().mean(),
    }
    if found.labels is not None and wanted.labels is not None:
        ours, theirs = (x.float() - x.float().mean(1, keepdim=True) for x in (found.labels, wanted.labels))
        parts["labels"] = F.cross_entropy(ours, theirs.softmax(1))
        parts["logits"] = (ours - theirs).square().mean() / theirs.square().mean()
    return parts


def missed(found: Targets, wanted: Targets) -> dict[str, Tensor]:
    """By layer, the fraction of the variance of the teacher's features that the student's do not explain."""
    return {
        layer: (found.features[layer].float() - theirs).square().mean() for layer, theirs in wanted.features.items()
    }
