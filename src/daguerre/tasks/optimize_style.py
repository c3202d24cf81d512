"""Style transfer by optimisation: change a picture until VGG-19 sees the content's features and the style's statistics.

Gatys, Ecker and Bethge 2016, "Image style transfer using convolutional neural networks" (CVPR).
Differs from the paper: every loss is relative to what it is compared with, so that weights mean the same at any size
and any width of the network; means and covariances instead of Gram matrices, which are an option; Adam, or L-BFGS, on a
pyramid instead of L-BFGS on pixels; convolutions repeat the border instead of putting zeros there.

A picture may be looked at through windows. Everything that is minimised depends on sums over positions: those are
gathered over all windows first, then the gradient is made window by window. It is that of the whole picture.
"""

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from daguerre.devices import Device
from daguerre.errors import DeviceError
from daguerre.networks.vgg import VGG19, VGG19_LAYERS, Pooling, style_distance
from daguerre.tiling import Window, plan_windows

__all__ = [
    "Best",
    "Descriptor",
    "Eye",
    "Losses",
    "Objective",
    "Statistics",
    "Sums",
    "View",
    "blend",
    "descend",
    "gather",
]

Statistics = Literal["gram", "moments"]
Descriptor = tuple[Tensor, ...]
"""Statistics of a layer's features: (Gram matrix,), or (means, covariances)."""

Made = TypeVar("Made")

ALIGNMENT = 32  # pixels; windows begin where VGG-19's deepest poolings do
PROCESSOR_ALLOWANCE = 2**30  # bytes for the features of one window and their gradients
LEVELS = 5  # halvings in the pyramid that is changed
SMALLEST_LEVEL = 16  # pixels of the shorter side that are halved no more
# With steps that were shorter in wide areas, pixels turned to speckle; docs/experiments/style.md has the measurements.
COARSER = (1.7, 2.2, 2.2)  # how far a step may change a level along each colour axis, by the next finer one's
TRIES = 5  # looks at the picture that L-BFGS takes for a step at most
HISTORY = 10  # steps that L-BFGS remembers
HELD = 5  # bytes held at a time for one byte of the features of all convolutions; measured at 512 and 768 pixels


@dataclass(frozen=True)
class View:
    """A window, and the larger one that its features depend on."""

    core: Window
    source: Window

    def features(self, stride: int) -> tuple[slice, slice]:
        """Rows and columns of the source's features of this stride that are the core's own."""
        core = self.core.within(self.source)
        return slice(core.top // stride, core.bottom // stride), slice(core.left // stride, core.right // stride)


class Eye:
    """VGG-19 made ready to look at pictures of any size and to be differentiated.

    Args:
        network: its pooling and padding are changed.
        layers: names of the layers to look at.
        pooling: of the network; the paper recommends averages, and those with soft edges (smooth) do better.
    """

    def __init__(self, network: VGG19, device: Device, layers: Sequence[str], *, pooling: Pooling = "average") -> None:
        self.layers = sorted(set(layers), key=VGG19_LAYERS.index)
        self.stride = {layer: stride_of(layer) for layer in self.layers}
        # Pooling with soft edges reaches one feature further to each side than VGG-19's own, which is traced here.
        further = self.stride[self.layers[-1]] - 1 if pooling == "smooth" else 0
        self.halo = -(-(network.halo(self.layers[-1]) + further) // ALIGNMENT) * ALIGNMENT
        network.soften(pooling)
        self.network = device.place(network).requires_grad_(False)
        self.device = device
        values, stride = 0.0, 1
        for module in list(network.features)[: VGG19_LAYERS.index(self.layers[-1]) + 1]:
            stride *= 1 if isinstance(module, nn.Conv2d | nn.ReLU) else 2
            values += module.out_channels / stride**2 if isinstance(module, nn.Conv2d) else 0
        self.bytes_per_pixel = HELD * values * device.dtype.itemsize
        on_gpu = device.torch_device.type == "cuda"
        self.allowed = torch.cuda.mem_get_info(device.torch_device)[0] // 2 if on_gpu else PROCESSOR_ALLOWANCE

    def views(self, height: int, width: int) -> list[View]:
        """Cover a picture with windows that fit in the memory allowed; one if it fits whole."""
        seen = int(math.sqrt(self.allowed / self.bytes_per_pixel))  # side of what is seen at once
        side = max((seen - 2 * self.halo) // ALIGNMENT, 1) * ALIGNMENT
        if height * width <= seen**2:
            side = max(height, width)
        return [View(core, core.grown(self.halo, height, width)) for core in plan_windows(height, width, side)]

    def over(self, image: Tensor, work: Callable[[list[View]], Made]) -> Made:
        """Do something that needs the views of `image` (1, 3, H, W), with smaller ones if they do not fit in memory.

        Raises:
            DeviceError: the smallest do not fit.
        """
        while True:
            views = self.views(*image.shape[-2:])
            with contextlib.suppress(torch.OutOfMemoryError):
                return work(views)
            if max(max(view.core.height, view.core.width) for view in views) <= ALIGNMENT:
                raise DeviceError(
                    "the device has no memory left to paint with; close other programs, or use --device cpu"
                )
            self.allowed //= 2
            torch.cuda.empty_cache()

    def look(self, image: Tensor, view: View) -> dict[str, Tensor]:
        """Features of a view's core by layer, (1, C, h, w); `image` (1, 3, h, w) is its source, in [0, 1]."""
        with self.device.autocast():
            seen = self.network(image.contiguous(memory_format=torch.channels_last), self.layers)
        return {layer: seen[layer][(..., *view.features(self.stride[layer]))] for layer in self.layers}


@dataclass(frozen=True)
class Sums:
    """Weighted sums over the positions of a feature map, of which all its statistics are made; they add up.

    Args:
        weight: sum of the weights, ().
        first: sum of the features, (C,).
        second: sum of the features' outer products with themselves, (C, C).
    """

    weight: Tensor
    first: Tensor
    second: Tensor

    @classmethod
    def of(cls, features: Tensor, weights: Tensor | None) -> "Sums":
        """Those of features (1, C, h, w), each position weighted by (1, 1, h, w), or alike."""
        x = features.detach()[0].flatten(1)  # (C, N)
        weighted = x if weights is None else x * weights.flatten().to(x)
        total = x.new_tensor(float(x.shape[1])) if weights is None else weights.sum()
        return cls(total.float(), weighted.sum(1, dtype=torch.float32), (weighted @ x.T).float())

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(self.weight + other.weight, self.first + other.first, self.second + other.second)

    def describe(self, statistics: Statistics) -> Descriptor:
        weight = self.weight.clamp_min(1e-6)
        gram = self.second / weight
        if statistics == "gram":
            return (gram,)
        mean = self.first / weight
        return mean, gram - mean[:, None] * mean


def gather(eye: Eye, image: Tensor, regions: Sequence[Tensor | None]) -> list[dict[str, Sums]]:
    """Sums over a whole picture (1, 3, H, W), for each region and layer.

    Args:
        regions: how much each pixel counts, (1, 1, H, W) in [0, 1], or None where all count alike.
    """

    def work(views: list[View]) -> list[dict[str, Sums]]:
        found: list[dict[str, Sums]] = [{} for _ in regions]
        for view in views:
            with torch.no_grad():
                features = eye.look(image[(..., *view.source.slices)], view)
            add_sums(found, features, eye, view, regions)
        return found

    return eye.over(image, work)


def add_sums(
    found: list[dict[str, Sums]], features: Mapping[str, Tensor], eye: Eye, view: View, regions: Sequence[Tensor | None]
) -> None:
    for region, sums in zip(regions, found, strict=True):
        for layer, seen in features.items():
            own = Sums.of(seen, weights_of(region, view, eye.stride[layer]))
            sums[layer] = sums[layer] + own if layer in sums else own


def weights_of(region: Tensor | None, view: View, stride: int) -> Tensor | None:
    """What each feature of a view's core counts: the mean of the region's pixels that it stands on."""
    if region is None:
        return None
    window = region[(..., *view.core.slices)]
    if min(window.shape[-2:]) < stride:
        return window.new_zeros(1, 1, window.shape[-2] // stride, window.shape[-1] // stride)
    return F.avg_pool2d(window, stride)


def blend(descriptors: Sequence[Mapping[str, Descriptor]], weights: Sequence[float]) -> dict[str, Descriptor]:
    """The weighted mean of styles. A distance from it differs from the mean of their distances by a constant."""
    total = sum(weights)
    return {
        layer: tuple(
            torch.stack([part * (weight / total) for part, weight in zip(parts, weights, strict=True)]).sum(0)
            for parts in zip(*(descriptor[layer] for descriptor in descriptors), strict=True)
        )
        for layer in descriptors[0]
    }


@dataclass(frozen=True, kw_only=True)
class Losses:
    """What a picture was worth at one step, before that step.

    Args:
        content: mean over layers of |F - F'|² / |F'|², F' the features of the content. From 0.
        style: mean over layers of |G - G'|² / |G'|², G' the style's Gram matrices, in the norm that
            `vgg.style_distance` explains. From 0. For means and covariances the sum of both.
        variation: mean of the squared differences of neighbouring pixels, down and across. In [0, 2].
        total: their weighted sum.
    """

    content: float
    style: float
    variation: float
    total: float


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a region of the picture should look like.

    Args:
        descriptors: of its style, by layer.
        region: how much each pixel counts, (1, 1, H, W), or None for the whole picture.
        share: part of the picture that the region makes up, in (0, 1].
    """

    descriptors: Mapping[str, Descriptor]
    region: Tensor | None = None
    share: float = 1.0


class Objective:
    """What is minimised, for pictures of one size; call it for the losses and the gradient.

    Args:
        content: the photograph, (1, 3, H, W) in [0, 1].
        wanted: the style of each region.
        content_layers, style_layers: how much each layer counts; the sum does not matter.
        weights: of the content, style and variation losses.
    """

    def __init__(
        self,
        eye: Eye,
        content: Tensor,
        wanted: Sequence[Wanted],
        *,
        content_layers: Mapping[str, float],
        style_layers: Mapping[str, float],
        weights: tuple[float, float, float],
        statistics: Statistics = "gram",
    ) -> None:
        self.eye, self.wanted, self.statistics = eye, list(wanted), statistics
        self.content_layers, self.style_layers = shares(content_layers), shares(style_layers)
        self.weights = weights
        self.content = eye.over(content, lambda views: self.remember(content, views))
        self.energy = {layer: float(x.float().square().sum()) + 1e-12 for layer, x in self.content.items()}

    def remember(self, content: Tensor, views: Sequence[View]) -> dict[str, Tensor]:
        """The content's features, whole, in the number format that the network computes in."""
        found: dict[str, Tensor] = {}
        for view in views:
            with torch.no_grad():
                features = self.eye.look(content[(..., *view.source.slices)], view)
            for layer in self.content_layers:
                seen, stride = features[layer], self.eye.stride[layer]
                if layer not in found:
                    size = (side // stride for side in content.shape[-2:])
                    found[layer] = seen.new_empty(1, seen.shape[1], *size)
                found[layer][(..., *places(view.core, stride))] = seen
        return found

    def __call__(self, image: Tensor) -> tuple[Losses, Tensor]:
        """Losses of `image` (1, 3, H, W) and their gradient with respect to it, which are the same for any windows."""
        return self.eye.over(image, lambda views: self.evaluate(image, views))

    def evaluate(self, image: Tensor, views: Sequence[View]) -> tuple[Losses, Tensor]:
        regions = [wanted.region for wanted in self.wanted]
        sums: list[dict[str, Sums]] = [{} for _ in regions]
        held = None
        for view in views:
            # The only view of a small picture is kept for the gradient, those of a large one are looked at again.
            with torch.set_grad_enabled(len(views) == 1):
                held = self.see(image, view)
            add_sums(sums, held[1], self.eye, view, regions)
        style, slopes = self.style(sums)
        content = 0.0
        variation, gradient = total_variation(image)
        gradient *= self.weights[2]
        for view in views:
            leaf, features = held if held is not None and len(views) == 1 else self.see(image, view)
            seeds = {layer: torch.zeros_like(seen) for layer, seen in features.items()}
            for layer in self.style_layers:
                seeds[layer] += self.style_seed(features[layer], layer, view, slopes)
            for layer, share in self.content_layers.items():
                apart = (
                    features[layer].detach() - self.content[layer][(..., *places(view.core, self.eye.stride[layer]))]
                )
                content += share * float(apart.float().square().sum()) / self.energy[layer]
                seeds[layer] += apart * (2 * self.weights[0] * share / self.energy[layer])
            torch.autograd.backward(list(features.values()), list(seeds.values()))
            gradient[(..., *view.source.slices)] += cast(Tensor, leaf.grad)
        total = sum(weight * loss for weight, loss in zip(self.weights, (content, style, variation), strict=True))
        return Losses(content=content, style=style, variation=variation, total=total), gradient

    def see(self, image: Tensor, view: View) -> tuple[Tensor, dict[str, Tensor]]:
        """A view's source as the start of a gradient, and the features of its core."""
        leaf = image[(..., *view.source.slices)].detach().clone().requires_grad_()
        return leaf, self.eye.look(leaf, view)

    def style(self, found: Sequence[Mapping[str, Sums]]) -> tuple[float, list[dict[str, Sums]]]:
        """The style loss, and how the weighted loss changes with the sums of each region and layer."""
        loss = 0.0
        slopes: list[dict[str, Sums]] = []
        for wanted, sums in zip(self.wanted, found, strict=True):
            slopes.append({})
            for layer, share in self.style_layers.items():
                first, second = (part.clone().requires_grad_() for part in (sums[layer].first, sums[layer].second))
                described = Sums(sums[layer].weight, first, second).describe(self.statistics)
                part = wanted.share * share * relative(described, wanted.descriptors[layer])
                torch.autograd.backward(self.weights[1] * part)
                loss += part.item()
                missing = torch.zeros_like(first) if first.grad is None else first.grad
                slopes[-1][layer] = Sums(sums[layer].weight, missing, cast(Tensor, second.grad))
        return loss, slopes

    def style_seed(self, features: Tensor, layer: str, view: View, slopes: Sequence[Mapping[str, Sums]]) -> Tensor:
        """Gradient of the style loss with respect to features (1, C, h, w) of a view.

        For sums p = F m and P = F diag(m) F^T it is (dP + dP^T) F diag(m) + dp m.
        """
        x = features.detach()[0].flatten(1)  # (C, N)
        total = torch.zeros_like(x)
        for wanted, slope in zip(self.wanted, slopes, strict=True):
            own = slope[layer]
            seed = (own.second + own.second.T).to(x) @ x + own.first.to(x)[:, None]
            weights = weights_of(wanted.region, view, self.eye.stride[layer])
            total += seed if weights is None else seed * weights.flatten().to(x)
        return total.view_as(features)


class Best:
    """An objective that keeps the picture with the least loss among those it was asked about.

    That costs one more picture beside the ten or so that a step holds.
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

    def among(self, image: Tensor) -> tuple[Losses, Tensor]:
        """The best so far, once `image` was looked at, too."""
        self(image)
        return cast(tuple[Losses, Tensor], self.found)


def stride_of(layer: str) -> int:
    """Pixels from one feature of a layer to the next."""
    return 1 << sum(name.startswith("pool") for name in VGG19_LAYERS[: VGG19_LAYERS.index(layer) + 1])


def places(core: Window, stride: int) -> tuple[slice, slice]:
    """Rows and columns of the features of this stride that lie in a window of the picture."""
    return slice(core.top // stride, core.bottom // stride), slice(core.left // stride, core.right // stride)


def shares(weights: Mapping[str, float]) -> dict[str, float]:
    """Weights scaled to sum 1, without those that are 0."""
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items() if weight > 0}


def relative(found: Descriptor, wanted: Descriptor) -> Tensor:
    """How far statistics lie from those wanted, |found - wanted|² / |wanted|² for every part, and their sum.

    Of matrices in the norm that `vgg.style_distance` explains.
    """
    parts = [
        style_distance(ours, theirs)
        if theirs.ndim == 2
        else (ours - theirs).square().sum() / (theirs.square().sum() + 1e-12)
        for ours, theirs in zip(found, wanted, strict=True)
    ]
    return torch.stack(parts).sum()


def total_variation(image: Tensor) -> tuple[float, Tensor]:
    """Mean squared difference of neighbouring pixels, down and across, and its gradient.

    By hand: columns of 0 and 1 in turn have 1.
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


def descend(
    image: Tensor,
    objective: Callable[[Tensor], tuple[Losses, Tensor]],
    steps: int,
    *,
    rate: float,
    axes: Tensor,
    reach: float = 1.0,
    betas: tuple[float, float] = (0.9, 0.99),
) -> Iterator[Losses]:
    """Change `image` (1, 3, H, W) in place by Adam, one step before each of the losses that are yielded.

    What is changed is a pyramid whose levels sum to the picture, in colours turned to axes (3, 3) such as
    `palette.axes_of` finds them. Adam moves all values alike, so these give a step the spectrum of pictures: wide areas
    move far, single pixels little, least of all in hues that the styles lack. On plain pixels the same descent ends in
    coloured speckle. `reach` is the power that their ratios are raised to: less than 1 where wide areas are nearly
    right. Values stay in [0, 1].
    The rate falls to 0 along a half cosine, so that the last picture is the best.
    Kingma and Ba 2015, https://arxiv.org/abs/1412.6980, algorithm 1; the change of variables is that of
    Olah et al. 2017, "Feature visualization", https://distill.pub/2017/feature-visualization, with a pyramid in place
    of Fourier coefficients.
    """
    levels = split(image, axes)
    means, squares = ([torch.zeros_like(level) for level in levels] for _ in range(2))
    coarser = image.new_tensor(COARSER).pow(reach).view(1, 3, 1, 1)
    for step in range(1, steps + 1):
        losses, gradient = objective(image)
        size = rate * (1 + math.cos(math.pi * (step - 1) / steps)) / 2 / (1 - betas[0] ** step)
        sizes = torch.full_like(coarser, size)
        for level, slope, mean, square in zip(levels, slopes_of(levels, gradient, axes), means, squares, strict=True):
            mean.lerp_(slope, 1 - betas[0])
            square.mul_(betas[1]).addcmul_(slope, slope, value=1 - betas[1])
            root = slope.copy_(square).div_(1 - betas[1] ** step).sqrt_().clamp_min_(1e-30)
            level.sub_(root.reciprocal_().mul_(mean).mul_(sizes))
            sizes = sizes * coarser
        image.copy_(join(levels, axes)).clamp_(0, 1)
        yield losses


def descend_by_curvature(
    image: Tensor, objective: Callable[[Tensor], tuple[Losses, Tensor]], steps: int, *, axes: Tensor
) -> Iterator[Losses]:
    """As `descend`, by L-BFGS with a line search: it takes steps of the size that the losses allow, and no rate.

    A step looks at the picture two to `TRIES` times; twice `HISTORY` pyramids are held.
    Liu and Nocedal 1989, "On the limited memory BFGS method for large scale optimization".
    """
    levels = [level.requires_grad_() for level in split(image, axes)]
    search = torch.optim.LBFGS(
        levels, max_iter=1, max_eval=TRIES, tolerance_grad=0, tolerance_change=0, history_size=HISTORY,
        line_search_fn="strong_wolfe",
    )  # fmt: skip
    found: list[Losses] = []

    def evaluate() -> float:
        with torch.no_grad():
            image.copy_(join(levels, axes)).clamp_(0, 1)
        losses, gradient = objective(image)
        found.append(losses)
        for level, slope in zip(levels, slopes_of(levels, gradient, axes), strict=True):
            level.grad = slope
        return losses.total

    for _ in range(steps):
        found.clear()
        search.step(evaluate)  # type: ignore[no-untyped-call]
        with torch.no_grad():
            image.copy_(join(levels, axes)).clamp_(0, 1)
        yield found[0]


def split(image: Tensor, axes: Tensor) -> list[Tensor]:
    """An image (1, 3, H, W) as levels, each half as large as the one before, that `join` sums to it again.

    Colours are multiples of the columns of `axes` (3, 3).
    """
    levels: list[Tensor] = []
    image = turned(image, axes.inverse())
    while len(levels) < LEVELS and min(image.shape[-2:]) > SMALLEST_LEVEL:
        size = [(side + 1) // 2 for side in image.shape[-2:]]
        small = F.interpolate(image, size, mode="bilinear", antialias=True)
        levels.append(image - enlarge(small, image))
        image = small
    return [*levels, image.clone()]


def join(levels: Sequence[Tensor], axes: Tensor) -> Tensor:
    image = levels[-1]
    for level in reversed(levels[:-1]):
        image = enlarge(image, level) + level
    return turned(image, axes)


def turned(image: Tensor, matrix: Tensor) -> Tensor:
    """An image (1, 3, H, W) with each pixel's colour multiplied by a matrix (3, 3)."""
    return F.conv2d(image, matrix.to(image)[..., None, None])


def enlarge(image: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(image, like.shape[-2:], mode="bilinear")


def slopes_of(levels: Sequence[Tensor], gradient: Tensor, axes: Tensor) -> list[Tensor]:
    """Gradient with respect to each level, from that with respect to their sum, clamped to [0, 1].

    Where the sum lies outside, what would lead it further out is left out.
    """
    leaves = [level.detach().requires_grad_() for level in levels]
    with torch.enable_grad():
        made = join(leaves, axes)
    outwards = ((made < 0) & (gradient > 0)) | ((made > 1) & (gradient < 0))
    return list(torch.autograd.grad(made, leaves, gradient.masked_fill(outwards, 0)))
