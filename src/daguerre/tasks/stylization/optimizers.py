"""Optimizers of a picture: Adam and L-BFGS on a pyramid in the principal axes of its colors."""

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from daguerre.tasks.stylization.objective import Losses

__all__ = ["optimize_adam", "optimize_lbfgs"]

LEVELS = 5  # halvings in the pyramid
SMALLEST_LEVEL = 16  # pixels; shorter side that is not halved further
# With shorter steps in wide areas, pixels turned into speckle; docs/experiments/style.md has the measurements.
COARSER_STEP_RATIO = (1.7, 2.2, 2.2)  # step size of a level along each color axis, relative to the next finer one
MAX_EVALUATIONS = 5  # maximum evaluations per step of L-BFGS
LBFGS_HISTORY = 10  # steps that L-BFGS remembers


def optimize_adam(
    image: Tensor,
    objective: Callable[[Tensor], tuple[Losses, Tensor]],
    steps: int,
    *,
    rate: float,
    axes: Tensor,
    step_scale: float = 1.0,
    betas: tuple[float, float] = (0.9, 0.99),
) -> Iterator[Losses]:
    """Change `image` (1, 3, H, W) in place by Adam, one step before each of the losses that are yielded.

    The variables are a pyramid whose levels sum to the picture, in colors along axes (3, 3) such as those of
    `colour_transfer.axes_of`. Adam moves all values alike, so these give a step the spectrum of pictures: wide areas
    move far, single pixels little, least of all in hues that the styles lack. On plain pixels the same optimization
    ends in colored speckle. `step_scale` is the power that their ratios are raised to: less than 1 where wide areas are
    nearly right. Values stay in [0, 1]. The rate falls to 0 along a half cosine, so that the last picture is the best.
    Kingma and Ba 2015, https://arxiv.org/abs/1412.6980, algorithm 1; the change of variables is that of Olah et al.
    2017, "Feature visualization", https://distill.pub/2017/feature-visualization, with a pyramid in place of Fourier
    coefficients.
    """
    levels = build_pyramid(image, axes)
    means, squares = ([torch.zeros_like(level) for level in levels] for _ in range(2))
    coarser = image.new_tensor(COARSER_STEP_RATIO).pow(step_scale).view(1, 3, 1, 1)
    for step in range(1, steps + 1):
        losses, gradient = objective(image)
        size = rate * (1 + math.cos(math.pi * (step - 1) / steps)) / 2 / (1 - betas[0] ** step)
        sizes = torch.full_like(coarser, size)
        for level, slope, mean, square in zip(
            levels, pyramid_gradients(levels, gradient, axes), means, squares, strict=True
        ):
            mean.lerp_(slope, 1 - betas[0])
            square.mul_(betas[1]).addcmul_(slope, slope, value=1 - betas[1])
            root = slope.copy_(square).div_(1 - betas[1] ** step).sqrt_().clamp_min_(1e-30)
            level.sub_(root.reciprocal_().mul_(mean).mul_(sizes))
            sizes = sizes * coarser
        image.copy_(collapse_pyramid(levels, axes)).clamp_(0, 1)
        yield losses


def optimize_lbfgs(
    image: Tensor, objective: Callable[[Tensor], tuple[Losses, Tensor]], steps: int, *, axes: Tensor
) -> Iterator[Losses]:
    """Like `optimize_adam`, by L-BFGS with a line search, which chooses the step sizes: there is no rate.

    A step evaluates the picture two to `MAX_EVALUATIONS` times; twice `LBFGS_HISTORY` pyramids are kept.
    Liu and Nocedal 1989, "On the limited memory BFGS method for large scale optimization".
    """
    levels = [level.requires_grad_() for level in build_pyramid(image, axes)]
    search = torch.optim.LBFGS(
        levels, max_iter=1, max_eval=MAX_EVALUATIONS, tolerance_grad=0, tolerance_change=0, history_size=LBFGS_HISTORY,
        line_search_fn="strong_wolfe",
    )  # fmt: skip
    found: list[Losses] = []

    def evaluate() -> float:
        with torch.no_grad():
            image.copy_(collapse_pyramid(levels, axes)).clamp_(0, 1)
        losses, gradient = objective(image)
        found.append(losses)
        for level, slope in zip(levels, pyramid_gradients(levels, gradient, axes), strict=True):
            level.grad = slope
        return losses.total

    for _ in range(steps):
        found.clear()
        search.step(evaluate)  # type: ignore[no-untyped-call]
        with torch.no_grad():
            image.copy_(collapse_pyramid(levels, axes)).clamp_(0, 1)
        yield found[0]


def build_pyramid(image: Tensor, axes: Tensor) -> list[Tensor]:
    """Split an image (1, 3, H, W) into levels, each half as large as the one before; `collapse_pyramid` inverts this.

    Colors are multiples of the columns of `axes` (3, 3).
    """
    levels: list[Tensor] = []
    image = change_axes(image, axes.inverse())
    while len(levels) < LEVELS and min(image.shape[-2:]) > SMALLEST_LEVEL:
        size = [(side + 1) // 2 for side in image.shape[-2:]]
        small = F.interpolate(image, size, mode="bilinear", antialias=True)
        levels.append(image - enlarge(small, image))
        image = small
    return [*levels, image.clone()]


def collapse_pyramid(levels: Sequence[Tensor], axes: Tensor) -> Tensor:
    image = levels[-1]
    for level in reversed(levels[:-1]):
        image = enlarge(image, level) + level
    return change_axes(image, axes)


def change_axes(image: Tensor, matrix: Tensor) -> Tensor:
    """An image (1, 3, H, W) with each pixel's color multiplied by a matrix (3, 3)."""
    return F.conv2d(image, matrix.to(image)[..., None, None])


def enlarge(image: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(image, like.shape[-2:], mode="bilinear")


def pyramid_gradients(levels: Sequence[Tensor], gradient: Tensor, axes: Tensor) -> list[Tensor]:
    """Gradient with respect to each level, from that with respect to their sum, clamped to [0, 1].

    Where the sum is outside, gradients that would lead it further out are dropped.
    """
    leaves = [level.detach().requires_grad_() for level in levels]
    with torch.enable_grad():
        made = collapse_pyramid(leaves, axes)
    outwards = ((made < 0) & (gradient > 0)) | ((made > 1) & (gradient < 0))
    return list(torch.autograd.grad(made, leaves, gradient.masked_fill(outwards, 0)))
