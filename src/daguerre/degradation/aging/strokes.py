"""Random antialiased curves, drawn by dabs of a round pen, many at once, independently for each picture of a batch."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from daguerre.degradation.aging.noise import uniform

__all__ = ["cover", "jitter", "wander"]

CHUNK = 2_000_000  # pen pixels processed at once: 100 MB


def wander(
    like: Tensor, count: int, *, length: float, stride: float, heading: Tensor, turn: float, generator: torch.Generator
) -> Tensor:
    """Points (B, count, steps, 2) in rows and columns along curves that start anywhere in the picture `like`.

    Args:
        length, stride: of a curve and between its points, in pixels.
        heading: first direction (B, count, 1, 1) in radians from the columns' axis.
        turn: approximate change of direction along the whole curve, in radians, plus a little tremble.
    """
    height, width = like.shape[-2:]
    steps = max(2, round(length / stride))
    way = torch.linspace(-0.5, 0.5, steps, device=like.device)  # the starting point is the curve's center
    bend, swing, beat, phase = (uniform(like, -1, 1, generator, count)[..., 0] for _ in range(4))
    tremble = 0.2 * swing * torch.sin(way * (8 + 4 * beat) + 3 * phase)
    angle = heading[..., 0] + 1.7 * turn * (bend * way + tremble)
    path = torch.stack([torch.sin(angle), torch.cos(angle)], -1).cumsum(2) * stride
    path = path - path[:, :, steps // 2 : steps // 2 + 1]
    middle = torch.cat([uniform(like, 0, height, generator, count), uniform(like, 0, width, generator, count)], -1)
    return path + middle


def jitter(like: Tensor, count: int, steps: int, every: float, generator: torch.Generator) -> Tensor:
    """Noise (B, count, steps) along curves, of mean 0 and deviation about 1: waves of `every` points with ripples."""
    total = like.new_zeros(like.shape[0], count, 1, steps)
    for part, weight in ((1, 0.9), (4, 0.6)):
        knots = max(2, math.ceil(steps / every * part) + 1)
        drawn = torch.randn(like.shape[0], count, 1, knots, generator=generator, device=generator.device).to(like)
        total = total + weight * F.interpolate(drawn, size=(1, steps), mode="bicubic", align_corners=True)
    return 1.1 * total[:, :, 0]


def cover(like: Tensor, points: Tensor, radius: Tensor, opacity: Tensor, *, soft: float = 1.0) -> Tensor:
    """Coverage (B, 1, H, W) in [0, 1] of a pen set down at every point.

    Where dabs overlap the strongest counts, so the order does not matter and results repeat exactly.

    Args:
        points: (B, count, steps, 2) rows and columns in pixels; points outside the picture are clipped.
        radius: of the pen (B, count, steps) in pixels; nothing is drawn where it is 0 or less.
        opacity: (B, count, steps) in [0, 1].
        soft: width of the pen's edge in pixels; 1 is antialiasing.
    """
    batch, (height, width) = like.shape[0], like.shape[-2:]
    canvas = torch.zeros(batch * height * width, device=like.device, dtype=like.dtype)
    picture = torch.arange(batch, device=like.device)[:, None, None].expand(radius.shape)
    y, x = points.unbind(-1)
    reach = math.ceil(float(radius.max()) + soft / 2) if radius.numel() else 0
    near = (y > -reach) & (y < height + reach) & (x > -reach) & (x < width + reach) & (radius > 0) & (opacity > 0)
    y, x, r, strength, of = y[near], x[near], radius[near], opacity[near], picture[near]
    pen = torch.arange(-reach, reach + 1, device=like.device)
    rows, columns = torch.cartesian_prod(pen, pen).unbind(1)
    step = max(1, CHUNK // len(rows))
    for part in (slice(first, first + step) for first in range(0, len(r), step)):
        py, px = y[part].round().long()[:, None] + rows, x[part].round().long()[:, None] + columns  # (dabs, pen)
        away = torch.hypot(py - y[part, None], px - x[part, None])
        value = ((r[part, None] - away) / soft + 0.5).clamp(0, 1) * strength[part, None]
        inside = (value > 0) & (py >= 0) & (py < height) & (px >= 0) & (px < width)
        index = (of[part, None] * height + py) * width + px
        canvas.scatter_reduce_(0, index[inside], value[inside], "amax")
    return canvas.view(batch, 1, height, width)
