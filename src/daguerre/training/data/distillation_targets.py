"""Targets for a small VGG: a large one's features of pictures and distorted copies, and a classifier's logits."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from daguerre import weights
from daguerre.degradation.jpeg import jpeg
from daguerre.errors import RecipeError
from daguerre.networks.vgg import VGG, Pooling
from daguerre.training.recipe import TeachersPlan

__all__ = ["FeatureTeachers", "TargetPool", "Targets", "distort", "matched_layers"]

BLOCKS = range(1, 6)
CONSTANT_POWER_SHARE = 0.01  # of the power of a teacher's feature: one that varies less counts as constant


def matched_layers(learner: type[VGG], teacher: type[VGG]) -> dict[str, str]:
    """The student's layers to train, each with its teacher's: the first and last of each block, and relu4_2."""
    pairs = {"relu4_2": "relu4_2"}
    for block in BLOCKS:
        ours, theirs = ([x for x in kind.layers if x.startswith(f"relu{block}")] for kind in (learner, teacher))
        pairs |= {ours[0]: theirs[0], ours[-1]: theirs[-1]}
    return {layer: pairs[layer] for layer in learner.layers if layer in pairs}


class Targets(NamedTuple):
    """The teachers' targets for a batch.

    Args:
        features: of each layer at some positions, (B, positions, C), each channel with mean 0 and deviation 1.
        labels: logits, (B, classes), or None.
        distances: for each layer, the distance between feature directions in a picture and its copy, (B / 2,).
    """

    features: dict[str, Tensor]
    labels: Tensor | None
    distances: dict[str, Tensor]


class FeatureTeachers:
    """A VGG whose features are distilled, and a classifier whose labels are.

    Learning from hidden features: Romero et al. 2014, https://arxiv.org/abs/1412.6550.

    Args:
        pooling: the student's pooling, which the teacher then uses, too.

    Raises:
        RecipeError: a teacher is unsuitable.
    """

    def __init__(self, plan: TeachersPlan, learner: type[VGG], pooling: Pooling, device: torch.device) -> None:
        eye = weights.load(plan.features).network
        if not isinstance(eye, VGG):
            raise RecipeError(f"teachers.features are {plan.features!r}, a {type(eye).__name__}; name a VGG's weights")
        eye.pool(pooling)
        self.eye = eye.requires_grad_(False).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.layers = matched_layers(learner, type(eye))
        self.channels = {layer: self.eye.channels(theirs) for layer, theirs in self.layers.items()}
        self.labels: list[str] = []
        self.names: Callable[[Tensor], Tensor] | None = None
        if plan.labels:
            loaded = weights.load(plan.labels)
            if not loaded.header.labels:
                raise RecipeError(f"teachers.labels {plan.labels!r} name nothing; import them with --labels")
            namer = loaded.network.requires_grad_(False).to(device)
            self.names, self.labels = namer.classify, loaded.header.labels  # type: ignore[assignment]

    @torch.no_grad()
    def ask(self, images: Tensor, positions: Mapping[int, Tensor]) -> Targets:
        """Features of images (B, 3, H, W) in [0, 1] at positions of each stride, and their labels.

        Args:
            positions: by stride, positions (B, positions) in the feature map, row by row.
        """
        seen = self.eye(images.contiguous(memory_format=torch.channels_last), self.layers.values())
        features = {
            layer: gathered(seen[theirs], positions[self.eye.stride(theirs)]) for layer, theirs in self.layers.items()
        }
        return Targets(features, self.names(images) if self.names is not None else None, {})

    @torch.no_grad()
    def name(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Images (B, 3, H, W) in [0, 1] as uint8, and their labels (B, classes) as float16."""
        assert self.names is not None
        levels = images.mul(255).round().byte()
        return levels, self.names(levels.float().div(255)).half()


class TargetPool:
    """Pairs of a picture and a changed copy of it, with the teachers' targets for both; and pictures with labels alone.

    Features are kept at a few random positions, the same in both pictures of a pair; all of them would take a hundred
    times the memory.

    Args:
        images: (N, 2, 3, side, side) uint8.
        positions: by stride, (N, positions).
        features: by layer, (N, 2, positions, C) float16.
        labels: (N, 2, classes) float16, or None.
        named: images (M, 3, side, side) uint8 and labels (M, classes) float16, or None.
    """

    def __init__(
        self,
        images: Tensor,
        positions: dict[int, Tensor],
        features: dict[str, Tensor],
        labels: Tensor | None,
        named: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        self.images, self.positions, self.features, self.labels = images, positions, features, labels
        self.named = named

    @classmethod
    def prepare(cls, teachers: FeatureTeachers, images: Tensor, count: int, generator: torch.Generator) -> "TargetPool":
        """Distort images (N, 3, side, side) in [0, 1], and get the teachers' targets for both versions.

        Args:
            count: positions in each layer.
        """
        pairs = torch.stack([images, distort(images, generator)], 1).mul(255).round_().byte()  # (N, 2, 3, side, side)
        side = images.shape[-1]
        positions = {
            stride: torch.randint((side // stride) ** 2, (len(images), count), generator=generator)
            for stride in sorted({teachers.eye.stride(layer) for layer in teachers.layers.values()})
        }
        alike = {stride: at.repeat_interleave(2, 0) for stride, at in positions.items()}
        found = teachers.ask(pairs.flatten(0, 1).float().div(255), alike)
        features = {layer: in_pairs(seen) for layer, seen in found.features.items()}
        return cls(pairs, positions, features, None if found.labels is None else in_pairs(found.labels))

    @classmethod
    def joined(cls, parts: Sequence["TargetPool"], named: tuple[Tensor, Tensor] | None = None) -> "TargetPool":
        """Merge several pools, and add pictures with labels only."""
        labels = [part.labels for part in parts if part.labels is not None]
        return cls(
            torch.cat([part.images for part in parts]),
            {stride: torch.cat([part.positions[stride] for part in parts]) for stride in parts[0].positions},
            {layer: torch.cat([part.features[layer] for part in parts]) for layer in parts[0].features},
            torch.cat(labels) if labels else None,
            named,
        )

    def moments(self) -> dict[str, tuple[Tensor, Tensor]]:
        """Mean and deviation of each feature, by layer, (C,) each."""
        found = {}
        for layer, features in self.features.items():
            x = features.float().flatten(0, 2)
            mean, power = x.mean(0), x.square().mean()
            found[layer] = mean, (x.var(0) + CONSTANT_POWER_SHARE * power).sqrt()
        return found

    def draw(
        self, batch: int, moments: Mapping[str, tuple[Tensor, Tensor]], generator: torch.Generator
    ) -> tuple[Tensor, dict[int, Tensor], Targets]:
        """Images (batch, 3, side, side) in [0, 1], positions, targets: pairs, then pictures with labels alone."""
        alone = 0 if self.named is None else batch // 2
        images, positions, targets = self.pairs(
            torch.randint(len(self.images), ((batch - alone) // 2,), generator=generator), moments
        )
        if self.named is None or targets.labels is None:
            return images, positions, targets
        which = torch.randint(len(self.named[0]), (alone,), generator=generator)
        images = torch.cat([images, self.named[0][which].float().div(255)])
        return images, positions, targets._replace(labels=torch.cat([targets.labels, self.named[1][which].float()]))

    def pairs(
        self, which: Tensor, moments: Mapping[str, tuple[Tensor, Tensor]]
    ) -> tuple[Tensor, dict[int, Tensor], Targets]:
        """Images (2 n, 3, side, side) in [0, 1], positions and targets of n pairs; a copy follows its original."""
        positions = {stride: at[which].repeat_interleave(2, 0) for stride, at in self.positions.items()}
        seen = {layer: kept[which].float() for layer, kept in self.features.items()}
        features = {layer: (x.flatten(0, 1) - moments[layer][0]) / moments[layer][1] for layer, x in seen.items()}
        distances = {layer: direction_distance(*x.unbind(1)) for layer, x in seen.items()}
        labels = None if self.labels is None else self.labels[which].flatten(0, 1).float()
        return self.images[which].flatten(0, 1).float().div(255), positions, Targets(features, labels, distances)


def direction_distance(one: Tensor, other: Tensor) -> Tensor:
    """Mean over positions of the squared difference of features (B, positions, C) scaled to length 1: (B,).

    The same as `evaluation.perceptual.perceptual_distance` of one layer, at some positions.
    """
    return (F.normalize(one, dim=2, eps=1e-6) - F.normalize(other, dim=2, eps=1e-6)).square().sum(2).mean(1)


def in_pairs(x: Tensor) -> Tensor:
    """(2 N, ...) as (N, 2, ...) in float16."""
    return x.reshape(-1, 2, *x.shape[1:]).half()


def gathered(features: Tensor, positions: Tensor) -> Tensor:
    """Values of the first B maps (…, C, H, W) at positions (B, n), counted row by row: (B, n, C)."""
    rows = features[: len(positions)].permute(0, 2, 3, 1).flatten(1, 2)  # no copy where channels come last
    return rows.gather(1, positions[..., None].expand(-1, -1, rows.shape[2]))


def distort(images: Tensor, generator: torch.Generator) -> Tensor:
    """Distort each of images (B, 3, H, W) in [0, 1] in one random way that a perceptual distance must weigh.

    Noise of some scale, blur, JPEG, a shift, other tones, or a part of another picture of the batch pasted in.
    """
    ways = torch.randint(len(DISTORTIONS), (len(images),), generator=generator).tolist()
    others = images.roll(1, 0)
    changed = [
        DISTORTIONS[way](image[None], other[None], generator)[0]
        for image, other, way in zip(images, others, ways, strict=True)
    ]
    return torch.stack(changed).clamp(0, 1)


def between(least: float, most: float, generator: torch.Generator) -> float:
    """A log-uniform number between two."""
    return float(least * (most / least) ** torch.rand((), generator=generator).item())


def add_noise(image: Tensor, _: Tensor, generator: torch.Generator) -> Tensor:
    step = 2 ** int(torch.randint(4, (), generator=generator))
    height, width = (-(-side // step) for side in image.shape[2:])
    grey = torch.rand((), generator=generator) < 0.3
    noise = torch.randn(1, 1 if grey else 3, height, width, generator=generator)
    if step > 1:
        noise = F.interpolate(noise, scale_factor=step, mode="bilinear")[..., : image.shape[2], : image.shape[3]]
    return image + between(0.015, 0.2, generator) * noise


def blur(image: Tensor, _: Tensor, generator: torch.Generator) -> Tensor:
    sigma = between(0.4, 5, generator)
    radius = int(3 * sigma + 1)
    kernel = torch.exp(-(torch.arange(-radius, radius + 1.0) ** 2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).expand(3, 1, 1, -1)
    padded = F.pad(image, [radius] * 4, mode="reflect")
    return F.conv2d(F.conv2d(padded, kernel, groups=3), kernel.transpose(2, 3), groups=3)


def compress(image: Tensor, _: Tensor, generator: torch.Generator) -> Tensor:
    return jpeg(image, torch.tensor([between(4, 92, generator)]))


def shift(image: Tensor, _: Tensor, generator: torch.Generator) -> Tensor:
    by = torch.randint(-10, 11, (2,), generator=generator).tolist()
    height, width = image.shape[2:]
    top, left = (max(step, 0) for step in by)
    padded = F.pad(image, [abs(by[1])] * 2 + [abs(by[0])] * 2, mode="reflect")
    return padded[..., 2 * top : 2 * top + height, 2 * left : 2 * left + width]


def retone(image: Tensor, _: Tensor, generator: torch.Generator) -> Tensor:
    gamma, gain = (between(1 / most, most, generator) for most in (1.6, 1.3))
    cast = 1 + 0.15 * torch.randn(1, 3, 1, 1, generator=generator)
    grey = image.mean(1, keepdim=True)
    return torch.lerp(grey, image.clamp_min(1e-3) ** gamma * gain * cast, 2 * torch.rand((), generator=generator))


def lay_over(image: Tensor, other: Tensor, generator: torch.Generator) -> Tensor:
    return torch.lerp(image, other, between(0.03, 0.6, generator))


DISTORTIONS = (add_noise, add_noise, blur, compress, shift, retone, lay_over)
