"""Style transfer by optimization: change a picture until its VGG-19 features match the content and the style.

Gatys, Ecker and Bethge 2016, "Image style transfer using convolutional neural networks" (CVPR). Differs from the paper:
every loss is relative to its target, so that weights mean the same at any size and any width of the network; means and
covariances instead of Gram matrices, which are an option; Adam, or L-BFGS, on a pyramid instead of L-BFGS on pixels;
convolutions replicate the border instead of zero padding.

A picture may be processed by windows. All losses depend on sums over positions: these are gathered over all windows
first, then the gradient is computed window by window. It is that of the whole picture.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from daguerre.networks.vgg import style_distance
from daguerre.tasks.stylization.vgg_statistics import (
    Descriptor,
    FeatureExtractor,
    FeatureSums,
    Statistics,
    Tile,
    add_sums,
    feature_slices,
    feature_weights,
)

__all__ = ["BestIterate", "Losses", "Objective", "Target"]


@dataclass(frozen=True, kw_only=True)
class Losses:
    """Losses of the picture before a step.

    Args:
        content: mean over layers of |F - F'|² / |F'|², F' the features of the content. From 0.
        style: mean over layers of |G - G'|² / |G'|², G' the style's Gram matrices, in the norm that
            `vgg.style_distance` explains. From 0. For means and covariances the sum of both.
        variation: mean of the squared differences of neighboring pixels, down and across. In [0, 2].
        total: their weighted sum.
    """

    content: float
    style: float
    variation: float
    total: float


@dataclass(frozen=True, kw_only=True)
class GradientCoefficients:
    """Gradient of the weighted style loss by the features x of a region and layer: matrix (x - mean) + constant.

    Args:
        matrix: (C, C).
        mean, constant: (C,). The mean is subtracted first because of bfloat16; see `FeatureSums.of`.
    """

    matrix: Tensor
    mean: Tensor
    constant: Tensor


@dataclass(frozen=True, kw_only=True)
class Target:
    """Target of a region of the picture.

    Args:
        descriptors: of its style, by layer.
        region: weight of each pixel, (1, 1, H, W), or None for the whole picture.
        share: fraction of the picture that the region covers, in (0, 1].
    """

    descriptors: Mapping[str, Descriptor]
    region: Tensor | None = None
    share: float = 1.0


class Objective:
    """The objective for pictures of one size; call it for the losses and the gradient.

    Args:
        content: the photograph, (1, 3, H, W) in [0, 1].
        wanted: the style of each region.
        content_layers, style_layers: weight of each layer; the sum does not matter.
        weights: of the content, style and variation losses.
    """

    def __init__(
        self,
        extractor: FeatureExtractor,
        content: Tensor,
        wanted: Sequence[Target],
        *,
        content_layers: Mapping[str, float],
        style_layers: Mapping[str, float],
        weights: tuple[float, float, float],
        statistics: Statistics = "gram",
    ) -> None:
        self.extractor, self.wanted, self.statistics = extractor, list(wanted), statistics
        self.content_layers, self.style_layers = shares(content_layers), shares(style_layers)
        self.weights = weights
        self.content = extractor.with_tiles(content, lambda tiles: self.remember(content, tiles))
        self.energy = {layer: float(x.float().square().sum()) + 1e-12 for layer, x in self.content.items()}

    def remember(self, content: Tensor, tiles: Sequence[Tile]) -> dict[str, Tensor]:
        """Store the content's features, of the whole picture, in the network's number format."""
        found: dict[str, Tensor] = {}
        for tile in tiles:
            with torch.no_grad():
                features = self.extractor.extract(content[(..., *tile.source.slices)], tile)
            for layer in self.content_layers:
                seen, stride = features[layer], self.extractor.stride[layer]
                if layer not in found:
                    size = (side // stride for side in content.shape[-2:])
                    found[layer] = seen.new_empty(1, seen.shape[1], *size)
                found[layer][(..., *feature_slices(tile.core, stride))] = seen
        return found

    def __call__(self, image: Tensor) -> tuple[Losses, Tensor]:
        """Losses of `image` (1, 3, H, W) and their gradient with respect to it; both are independent of the windows."""
        return self.extractor.with_tiles(image, lambda tiles: self.evaluate(image, tiles))

    def evaluate(self, image: Tensor, tiles: Sequence[Tile]) -> tuple[Losses, Tensor]:
        regions = [wanted.region for wanted in self.wanted]
        sums: list[dict[str, FeatureSums]] = [{} for _ in regions]
        held = None
        for tile in tiles:
            # The only tile of a small picture is kept for the gradient; those of a large one are computed again.
            with torch.set_grad_enabled(len(tiles) == 1):
                held = self.extract_tile(image, tile)
            add_sums(sums, held[1], self.extractor, tile, regions)
        style, coefficients = self.style_loss(sums)
        content = 0.0
        variation, gradient = total_variation(image)
        gradient *= self.weights[2]
        for tile in tiles:
            leaf, features = held if held is not None and len(tiles) == 1 else self.extract_tile(image, tile)
            seeds = {layer: torch.zeros_like(seen) for layer, seen in features.items()}
            for layer in self.style_layers:
                seeds[layer] += self.style_gradient(features[layer], layer, tile, coefficients)
            for layer, share in self.content_layers.items():
                wanted = self.content[layer][(..., *feature_slices(tile.core, self.extractor.stride[layer]))]
                apart = features[layer].detach() - wanted
                content += share * float(apart.float().square().sum()) / self.energy[layer]
                seeds[layer] += apart * (2 * self.weights[0] * share / self.energy[layer])
            torch.autograd.backward(list(features.values()), list(seeds.values()))
            gradient[(..., *tile.source.slices)] += cast(Tensor, leaf.grad)
        total = sum(weight * loss for weight, loss in zip(self.weights, (content, style, variation), strict=True))
        return Losses(content=content, style=style, variation=variation, total=total), gradient

    def extract_tile(self, image: Tensor, tile: Tile) -> tuple[Tensor, dict[str, Tensor]]:
        """A tile's source as the start of a gradient, and the features of its core."""
        leaf = image[(..., *tile.source.slices)].detach().clone().requires_grad_()
        return leaf, self.extractor.extract(leaf, tile)

    def style_loss(
        self, found: Sequence[Mapping[str, FeatureSums]]
    ) -> tuple[float, list[dict[str, GradientCoefficients]]]:
        """The style loss, and the gradient of the weighted loss by the features of each region and layer.

        For sums p = F m and P = F diag(m) F^T the gradient is ((dP + dP^T) F + dp) diag(m).
        """
        loss = 0.0
        coefficients: list[dict[str, GradientCoefficients]] = []
        for wanted, sums in zip(self.wanted, found, strict=True):
            coefficients.append({})
            for layer, share in self.style_layers.items():
                first, second = (part.clone().requires_grad_() for part in (sums[layer].first, sums[layer].second))
                described = FeatureSums(sums[layer].weight, first, second).descriptor(self.statistics)
                part = wanted.share * share * relative(described, wanted.descriptors[layer])
                torch.autograd.backward(self.weights[1] * part)
                loss += part.item()
                matrix = cast(Tensor, second.grad) + cast(Tensor, second.grad).T
                mean = sums[layer].mean
                constant = matrix @ mean + (0 if first.grad is None else first.grad)
                coefficients[-1][layer] = GradientCoefficients(matrix=matrix, mean=mean, constant=constant)
        return loss, coefficients

    def style_gradient(
        self, features: Tensor, layer: str, tile: Tile, coefficients: Sequence[Mapping[str, GradientCoefficients]]
    ) -> Tensor:
        """Gradient of the style loss with respect to features (1, C, h, w) of a tile."""
        x = features.detach()[0].flatten(1)  # (C, N)
        total = torch.zeros_like(x)
        for wanted, slope in zip(self.wanted, coefficients, strict=True):
            own = slope[layer]
            seed = own.matrix.to(x) @ (x - own.mean[:, None]).to(x) + own.constant.to(x)[:, None]
            weights = feature_weights(wanted.region, tile, self.extractor.stride[layer])
            total += seed if weights is None else seed * weights.flatten().to(x)
        return total.view_as(features)


class BestIterate:
    """An objective that keeps the best of the pictures it was evaluated on.

    That costs one more picture besides the ten or so held during a step.
    """

    def __init__(self, objective: Callable[[Tensor], tuple[Losses, Tensor]]) -> None:
        self.objective = objective
        self.found: tuple[Losses, Tensor] | None = None

    def __call__(self, image: Tensor) -> tuple[Losses, Tensor]:
        losses, gradient = self.objective(image)
        if self.found is None:
            self.found = losses, image.clone()
        elif losses.total < self.found[0].total:
            self.found = losses, self.found[1].copy_(image)
        return losses, gradient

    def best_with(self, image: Tensor) -> tuple[Losses, Tensor]:
        """The best picture so far, including `image`."""
        self(image)
        return cast(tuple[Losses, Tensor], self.found)


def shares(weights: Mapping[str, float]) -> dict[str, float]:
    """Weights scaled to sum 1, without those that are 0."""
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items() if weight > 0}


def relative(found: Descriptor, wanted: Descriptor) -> Tensor:
    """Relative distance of statistics from the target, |found - wanted|² / |wanted|² for every part, and their sum.

    For matrices, in the norm that `vgg.style_distance` explains.
    """
    parts = [
        style_distance(ours, theirs)
        if theirs.ndim == 2
        else (ours - theirs).square().sum() / (theirs.square().sum() + 1e-12)
        for ours, theirs in zip(found, wanted, strict=True)
    ]
    return torch.stack(parts).sum()


def total_variation(image: Tensor) -> tuple[float, Tensor]:
    """Mean squared difference of neighboring pixels, down and across, and its gradient.

    By hand: alternating columns of 0 and 1 have 1.
    """
    gradient = torch.zeros_like(image)
    loss = 0.0
    for axis in (2, 3):
        if image.shape[axis] < 2:
            continue
        difference = image.diff(dim=axis)
        loss += float(difference.square().mean())
        difference *= 2 / difference.numel()
        gradient.narrow(axis, 1, image.shape[axis] - 1).add_(difference)
        gradient.narrow(axis, 0, image.shape[axis] - 1).sub_(difference)
    return loss, gradient
