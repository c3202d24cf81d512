"""Trains the face detector, distilled from one that was trained on far more pictures."""

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F

from daguerre import weights
from daguerre.errors import RecipeError
from daguerre.networks.yunet import STRIDES, YuNet, boxes_of, landmarks_of, overlap, scores_of
from daguerre.progress import ProgressCallback
from daguerre.training.batchnorm_folding import fold, normalize
from daguerre.training.build import check_losses, initial_network
from daguerre.training.data.face_crops import FaceCrops, faces_in
from daguerre.training.prefetch import Prefetcher
from daguerre.training.recipe import Recipe
from daguerre.training.trainers.base import Trainer

__all__ = ["FaceDetectionTrainer"]

MIN_TEACHER_SCORE = 0.1  # teacher's score from which a cell's box and landmarks are learned
SURE_SCORE, POSSIBLE_SCORE = 0.7, 0.35  # teacher's scores: a face in validation, and a possible one
MIN_SCORE = 0.6  # minimum score of a detected face in validation
LEAST_VARIANCE = 0.1  # of the mean of all channels; dead ones are divided by no less
MIN_OVERLAP = 0.4  # minimum intersection over union of two boxes of the same face


class FaceStudent(nn.Module):
    """A YuNet and linear maps from its features to its teacher's, which are discarded in the end."""

    def __init__(self, network: YuNet, channels: int) -> None:
        super().__init__()
        self.network = network
        self.maps = nn.ModuleList(nn.Conv2d(network.deep, channels, 1) for _ in STRIDES)

    def forward(self, image: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """The network's maps for `image` (B, 3, H, W) in [0, 1], and the teacher's features as it sees them."""
        features = self.network.features(image)
        return self.network.heads_of(features), [linear(x) for linear, x in zip(self.maps, features, strict=True)]


class FaceDetectionTrainer(Trainer):
    """Learn from worn crops what a teacher outputs for the clean ones.

    Both networks output the same maps, so no boxes are assigned to cells: each cell learns the teacher's score there,
    and box and landmarks in proportion to it (Hinton et al. 2015, https://arxiv.org/abs/1503.02531).

    Losses: `score`, quality focal (Li et al. 2020, https://arxiv.org/abs/2006.04388); `box`, generalized IoU
    (Rezatofighi et al. 2019, https://arxiv.org/abs/1902.09630); `landmarks`, relative to the size of the face;
    `features`, squared differences of the features before the heads, each of the teacher's channels having variance 1
    (Romero et al. 2015, https://arxiv.org/abs/1412.6550): most cells are not faces, and say hardly anything otherwise.
    """

    def __init__(self, recipe: Recipe, data: Path, fabric: Fabric, progress: ProgressCallback) -> None:
        super().__init__(recipe, fabric)
        check_losses(recipe.losses, {"score", "box", "landmarks", "features"})
        network = initial_network(recipe, YuNet)
        if recipe.teachers is None or len(recipe.teachers.weights) != 1:
            raise RecipeError("this step learns from one network; name it in teachers.weights")
        teacher = weights.load(recipe.teachers.weights[0])
        self.teacher = teacher.on(teacher.device).expect(YuNet).requires_grad_(False)
        self.crops = FaceCrops(recipe, data, self.teacher, progress)
        self.left_out = self.crops.left_out
        self.validation_set = [
            (picture, faces_in(picture, self.teacher, POSSIBLE_SCORE)) for picture in self.crops.held_out
        ]
        self.teacher = self.teacher.to(fabric.device)
        self.prefetch = Prefetcher(self.crops.draw, recipe, fabric)
        if not recipe.init:
            normalize(network.stages)
            normalize(network.lateral)
        self.optimize(FaceStudent(network, self.teacher.deep))

    def training_step(self, step: int, generator: torch.Generator) -> dict[str, Tensor]:
        clean, seen = (
            image.to(self.fabric.device).contiguous(memory_format=torch.channels_last)
            for image in self.prefetch(step, generator)
        )
        with torch.inference_mode():
            taught = self.teacher.features(clean)
            told = self.teacher.heads_of(taught)
        made, learned = self.model.network(seen)
        totals = {name: torch.zeros((), device=clean.device) for name in ("score", "box", "landmarks")}
        count = sum(scores_of(one).sum() for one in told) + len(clean)
        for ours, theirs, stride in zip(made, told, STRIDES, strict=True):
            for name, part in parts_of(ours.float(), theirs.float(), stride).items():
                totals[name] = totals[name] + part / count
        pairs = zip(learned, taught, strict=True)
        totals["features"] = torch.stack([unlike(ours.float(), theirs.float()) for ours, theirs in pairs]).mean()
        return self.optimizer_step(self.weighted_sum(totals), totals, step)

    @property
    def averaged(self) -> YuNet:
        return cast(FaceStudent, self.ema.network).network

    def export(self) -> tuple[nn.Module, Mapping[str, Tensor]]:
        """The averaged detector, without the maps to its teacher's features."""
        return self.averaged, fold(self.averaged)

    def validate(self) -> dict[str, float]:
        """Recall of the teacher's certain faces in held-out pictures, and false detections per picture."""
        found, wanted, wrong = 0, 0, 0
        network = self.averaged
        for picture, theirs in self.validation_set:
            ours = faces_in(picture, network, MIN_SCORE)
            sure = theirs[theirs[:, 14] >= SURE_SCORE]
            found += sum(bool((overlap(face, ours) >= MIN_OVERLAP).any()) for face in sure)
            wrong += sum(not bool((overlap(face, theirs) >= MIN_OVERLAP).any()) for face in ours)
            wanted += len(sure)
        return {"recall": found / max(wanted, 1), "wrong_per_picture": wrong / len(self.validation_set)}


def unlike(ours: Tensor, theirs: Tensor) -> Tensor:
    """The mean squared difference of features (B, C, h, w), relative to the variance of each channel of `theirs`."""
    variance = theirs.var((0, 2, 3), keepdim=True)
    return ((ours - theirs).square() / (variance + variance.mean() * LEAST_VARIANCE + 1e-12)).mean()


def parts_of(ours: Tensor, theirs: Tensor, stride: int) -> dict[str, Tensor]:
    """The losses of a map (B, 16, h, w) against the teacher's, summed over its cells."""
    goal = theirs[:, :2].sigmoid()
    weight = scores_of(theirs)
    focus = (ours[:, :2].sigmoid() - goal).abs().square()
    entropy = F.binary_cross_entropy_with_logits(ours[:, :2], goal, reduction="none")
    # The teacher was trained on `cls` only where there is a face; elsewhere it means nothing.
    score = (focus * entropy * torch.stack([goal[:, 1], torch.ones_like(goal[:, 1])], 1)).sum()
    clear = weight * (weight > MIN_TEACHER_SCORE)
    boxes = boxes_of(theirs, stride)
    box = (clear * (1 - generalized_iou(boxes_of(ours, stride), boxes))).sum()
    size = (boxes[:, 2:] - boxes[:, :2]).amax(1, keepdim=True).clamp(min=1.0)
    away = (landmarks_of(ours, stride) - landmarks_of(theirs, stride)) / size
    landmarks = (clear[:, None] * F.smooth_l1_loss(away, torch.zeros_like(away), beta=0.05, reduction="none")).sum()
    return {"score": score, "box": box, "landmarks": landmarks / 10}


def generalized_iou(ours: Tensor, theirs: Tensor) -> Tensor:
    """The generalized IoU of boxes (B, 4, h, w): (B, h, w) in [-1, 1]."""

    def area(first: Tensor, last: Tensor) -> Tensor:
        return (last - first).clamp(min=0).prod(1)

    first, last = torch.maximum(ours[:, :2], theirs[:, :2]), torch.minimum(ours[:, 2:], theirs[:, 2:])
    common = area(first, last)
    union = area(ours[:, :2], ours[:, 2:]) + area(theirs[:, :2], theirs[:, 2:]) - common
    hull = area(torch.minimum(ours[:, :2], theirs[:, :2]), torch.maximum(ours[:, 2:], theirs[:, 2:])).clamp(min=1e-6)
    return common / union.clamp(min=1e-6) - (hull - union) / hull
