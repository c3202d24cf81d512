"""Large damage to the paper: folds, tears, lost corners, holes, stains, tape, tide lines; each with its exact mask.

Every function takes an image (B, 3, H, W) in [0, 1] and returns the damaged image and its mask (B, 1, H, W), 1 =
damaged, as `surface_damage.lay` (opaque) or `tint` (soft) defines it. Each picture of a batch gets its own damage.
"""

import math

import torch
from torch import Tensor

from daguerre.degradation.aging.noise import (
    Colour,
    border_distance,
    colour,
    pixel_coordinates,
    smooth_noise,
    smoothstep,
    uniform,
)
from daguerre.degradation.aging.surface_damage import lay, tint

__all__ = ["crease", "hole", "stain", "tape", "tide_line", "torn_corner", "torn_edge"]

PAPER = (0.93, 0.90, 0.84)


def crease(
    image: Tensor,
    *,
    width: float = 2.5,
    lost: float = 0.7,
    shade: float = 0.12,
    angle: float | None = None,
    paper: Colour = PAPER,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Fold the print from border to border: emulsion flakes off along the line, its sides catch light and shadow.

    Args:
        width: of the lost emulsion in pixels, at its widest.
        lost: from 0, a fine crack, to 1, bare paper almost all along.
        shade: how much lighter and darker the two sides are at the fold, in [0, 1].
        angle: of the fold in degrees from the columns' axis; None for a random one.
        paper: color where emulsion is lost.
    """
    y, x = pixel_coordinates(image)
    height, width_of_all = image.shape[-2:]
    turn = uniform(image, 0, math.pi, generator) if angle is None else math.radians(angle)
    turn = turn + uniform(image, -0.05, 0.05, generator)
    row, column = uniform(image, 0.15, 0.85, generator) * height, uniform(image, 0.15, 0.85, generator) * width_of_all
    away = (y - row) * torch.cos(turn) - (x - column) * torch.sin(turn)
    away = away + 1.5 * width * smooth_noise(image, 40 * width, generator)  # folds are never quite straight
    sides = torch.sign(away) * torch.exp(-away.abs() / (2.5 * width)) * uniform(image, -shade, shade, generator).sign()
    folded = image * (1 + shade * sides)
    # Half the width of the loss here: a crack where the coarse noise is low, flakes where it is high.
    loss = (
        lost
        - 0.4
        + 0.35 * smooth_noise(image, 25 * width, generator)
        + 0.55 * smooth_noise(image, 6 * width, generator, 4)
    )
    folded, _ = lay(folded, colour(paper, image), (width / 2 * loss.clamp(-1, 2) - away.abs() + 0.5).clamp(0, 1))
    return tint(image, folded)


def tear(
    image: Tensor, inside: Tensor, rim: float, paper: Colour, backing: Colour, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Take the paper away where `inside` (B, 1, H, W), the distance to the tear in pixels, is negative.

    Along the tear the paper's white core shows, `rim` pixels wide and ragged.
    """
    rough = inside + 0.7 * rim * smooth_noise(image, 6 * rim, generator, 4)
    core = rough - rim * (1 + 0.6 * smooth_noise(image, 10 * rim, generator, 4)).clamp(min=0)
    fibrous = colour(paper, image) * (1 + 0.04 * smooth_noise(image, 2, generator))
    over = torch.lerp(fibrous, colour(backing, image).expand_as(fibrous), (0.5 - rough).clamp(0, 1))
    return lay(image, over.clamp(0, 1), (0.5 - core).clamp(0, 1), gone=True)


def torn_edge(
    image: Tensor,
    *,
    depth: float = 8.0,
    rim: float = 2.5,
    paper: Colour = PAPER,
    backing: Colour = (0.05, 0.05, 0.05),
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Fray the borders: paper is torn away unevenly, deep in places, not at all over two thirds of the way around.

    Args:
        depth: typical depth in pixels; about three times that at the worst.
        rim: width of the torn paper that shows its white core, in pixels.
        paper: its color.
        backing: color behind the print.
    """
    bites = depth * (2 * smooth_noise(image, min(image.shape[-2:]) / 3, generator, 3) - 1)
    return tear(image, border_distance(image) - bites, rim, paper, backing, generator)


def torn_corner(
    image: Tensor,
    *,
    size: float = 40.0,
    rim: float = 4.0,
    paper: Colour = PAPER,
    backing: Colour = (0.05, 0.05, 0.05),
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Tear one corner off.

    Args:
        size: distance of the tear from the corner, in pixels.
        rim, paper, backing: as in `torn_edge`.
    """
    y, x = pixel_coordinates(image)
    height, width = image.shape[-2:]
    bottom, right = (uniform(image, -1, 1, generator) > 0 for _ in range(2))
    down, across = torch.where(bottom, height - 1 - y, y), torch.where(right, width - 1 - x, x)
    turn = uniform(image, 0.25, 1.3, generator)
    inside = (
        down * torch.sin(turn) + across * torch.cos(turn) - size + size / 8 * smooth_noise(image, size, generator, 4)
    )
    return tear(image, inside, rim, paper, backing, generator)


def outline_distance(image: Tensor, radius: float, rough: float, generator: torch.Generator) -> Tensor:
    """Signed distance in pixels to a roundish outline anywhere in the picture, (B, 1, H, W), negative inside."""
    y, x = pixel_coordinates(image)
    height, width = image.shape[-2:]
    row, column = uniform(image, 0, height, generator), uniform(image, 0, width, generator)
    stretch = uniform(image, 0.7, 1.4, generator)
    away = torch.hypot((y - row) * stretch, (x - column) / stretch)
    return away - radius + radius * rough * smooth_noise(image, radius, generator, 4)


def hole(
    image: Tensor,
    *,
    radius: float = 10.0,
    rim: float = 2.0,
    paper: Colour = PAPER,
    backing: Colour = (0.05, 0.05, 0.05),
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Make a ragged hole, as insects, pins and wear do.

    Args:
        radius: in pixels.
        rim, paper, backing: as in `torn_edge`.
    """
    return tear(image, outline_distance(image, radius, 0.15, generator), rim, paper, backing, generator)


def stain(
    image: Tensor,
    *,
    radius: float = 50.0,
    ink: Colour = (0.72, 0.56, 0.36),
    opacity: float = 0.6,
    soft: float = 0.8,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Spill something: a soft, cloudy, colored patch that darkens the paper.

    Args:
        radius: in pixels.
        ink: color of stained white at full opacity.
        opacity: at its center, in [0, 1].
        soft: width of its edge relative to the radius.
    """
    within = smoothstep(0.5 - outline_distance(image, radius, 0.25, generator) / (soft * radius))
    cloudy = 1 + 0.25 * smooth_noise(image, radius / 2, generator, 4)
    density = (opacity * within * cloudy).clamp(0, 1)
    return tint(image, image * torch.lerp(torch.ones_like(image), colour(ink, image).expand_as(image), density))


def tide_line(
    image: Tensor,
    *,
    radius: float = 90.0,
    width: float = 3.0,
    ink: Colour = (0.60, 0.45, 0.30),
    opacity: float = 0.6,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """A dried water stain: slightly washed inside, with a brown line of dirt, sharp on the outside, soft on the inside.

    Args:
        radius: of the wet part in pixels.
        width: of the line's soft side in pixels.
        ink, opacity: of the line, as in `stain`.
    """
    outside = outline_distance(image, radius, 0.3, generator)
    depth = outside.clamp(max=0).abs()
    line = torch.exp(-depth / width) + 0.5 * torch.exp(-((depth - 5 * width) / width).abs())  # it dried in two steps
    wet = (0.5 - outside).clamp(0, 1)
    density = opacity * wet * (line * (1 + 0.3 * smooth_noise(image, 12 * width, generator)) + 0.12)
    dirty = torch.lerp(torch.ones_like(image), colour(ink, image).expand_as(image), density.clamp(0, 1))
    return tint(image, (image + 0.08 * opacity * wet * (1 - image)) * dirty)


def tape(
    image: Tensor,
    *,
    width: float = 30.0,
    length: float = 140.0,
    ink: Colour = (0.86, 0.72, 0.42),
    opacity: float = 0.7,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Old adhesive tape, now amber: a strip with straight sides, jagged ends and streaks of glue.

    Args:
        width, length: in pixels.
        ink, opacity: as in `stain`.
    """
    y, x = pixel_coordinates(image)
    height, width_of_all = image.shape[-2:]
    turn = uniform(image, -0.4, 0.4, generator) + math.pi / 2 * (uniform(image, 0, 1, generator) > 0.5)
    row, column = uniform(image, 0.1, 0.9, generator) * height, uniform(image, 0.1, 0.9, generator) * width_of_all
    along = (x - column) * torch.cos(turn) + (y - row) * torch.sin(turn)
    across = (y - row) * torch.cos(turn) - (x - column) * torch.sin(turn)
    teeth = (across / width * 8).frac().abs() * width / 10  # the dispenser's blade
    side = torch.minimum(width / 2 - across.abs(), length / 2 - along.abs() - teeth)
    on = (side + 0.5).clamp(0, 1)
    streaks = 0.85 + 0.2 * smooth_noise(image, width, generator) + 0.25 * torch.exp(-side.clamp(min=0) / (width / 12))
    amber = torch.lerp(
        torch.ones_like(image), colour(ink, image).expand_as(image), (opacity * on * streaks).clamp(0, 1)
    )
    return tint(image, image * amber + 0.06 * opacity * on)
