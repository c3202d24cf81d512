"""Small damage on top of a photograph: scratches, dust, fibers, spots, writing; each with its exact mask.

Every function takes an image (B, 3, H, W) in [0, 1] and returns the damaged image and its mask (B, 1, H, W), 1 =
damaged; each picture of a batch gets its own damage. `lay` and `tint` define the mask.

Only what is drawn here is in a mask. Thin structures of the picture itself (hair, wires, branches, window bars,
whiskers, lettering) are not: they are the hard negatives that a scratch detector must learn to ignore, so it should be
trained on pictures that are full of them.
"""

import math

import torch
from torch import Tensor

from daguerre.degradation.aging.noise import Colour, colour, uniform
from daguerre.degradation.aging.strokes import cover, jitter, wander

__all__ = ["VISIBLE", "dust", "fibres", "lay", "scratches", "spots", "tint", "writing"]

VISIBLE = 0.04
"""Smallest change of a channel that counts as damage, in [0, 1]: ten steps of 8 bits, about what an eye notices."""


def lay(image: Tensor, over: Tensor, coverage: Tensor, *, gone: bool = False) -> tuple[Tensor, Tensor]:
    """Lay something opaque over an image; pixels that would change by less than `VISIBLE` stay as they are.

    So the mask holds exactly the pixels that changed. An invisible scratch, white on a white sky, is not in it.

    Args:
        over: its color, (B or 1, 3, H or 1, W or 1).
        coverage: (B, 1, H, W) in [0, 1].
        gone: the paper is missing where the coverage is over a half, which always counts as damage.
    """
    changed = torch.lerp(image, over.expand_as(image), coverage)
    mask = (changed - image).abs().amax(1, keepdim=True) >= VISIBLE
    if gone:
        mask |= coverage > 0.5
    return torch.where(mask, changed, image), mask.to(image.dtype)


def tint(image: Tensor, changed: Tensor) -> tuple[Tensor, Tensor]:
    """Accept a change with soft edges; the mask holds the pixels that change by `VISIBLE` or more."""
    changed = changed.clamp(0, 1)
    return changed, ((changed - image).abs().amax(1, keepdim=True) >= VISIBLE).to(image.dtype)


def scratches(
    image: Tensor,
    *,
    count: int = 5,
    length: float = 200.0,
    width: float = 1.5,
    ink: Colour = (0.95, 0.95, 0.93),
    opacity: float = 0.9,
    angle: float | None = None,
    curve: float = 0.3,
    broken: float = 0.3,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Scratch the emulsion: thin lines that waver in width and strength and break off.

    Bright lines are scratches in a print or on the back of a negative, dark ones go through a negative's emulsion.

    Args:
        count: lines in each picture.
        length, width: of the longest and widest, in pixels; others have at least a quarter, or half, of that.
        ink: their color.
        opacity: of the strongest, in [0, 1].
        angle: common direction in degrees from the columns' axis, give or take 4; 90 is upright, as in film that ran
            through a machine; None for random directions.
        curve: how far they bend, in radians.
        broken: missing part of their length, in [0, 1], give or take a tenth.
    """
    if count < 1 or opacity <= 0:
        return image, torch.zeros_like(image[:, :1])
    stride = max(0.5, width / 4)
    if angle is None:
        heading = uniform(image, 0, 2 * math.pi, generator, count)
    else:
        heading = math.radians(angle) + uniform(image, -0.07, 0.07, generator, count)
    points = wander(image, count, length=length, stride=stride, heading=heading, turn=curve, generator=generator)
    steps = points.shape[2]
    way = torch.linspace(-1, 1, steps, device=image.device).abs()
    part = uniform(image, 0.25, 1, generator, count)[..., 0]
    ends = ((part - way) * part * length / 12 / 2).clamp(0, 1)  # (B, count, steps): they thin out over some pixels
    waver = 1 + 0.3 * jitter(image, count, steps, 15 * (width + 1) / stride, generator)
    radius = width / 2 * uniform(image, 0.5, 1, generator, count)[..., 0] * waver * ends.sqrt()
    gone = torch.special.ndtri(torch.tensor(min(max(broken, 1e-6), 0.999), dtype=image.dtype))
    there = ((jitter(image, count, steps, 0.15 * length / stride, generator) - gone) * 4 + 0.5).clamp(0, 1)
    strength = opacity * uniform(image, 0.6, 1, generator, count)[..., 0] * there
    # A pen thinner than a pixel covers only part of it: fade it instead of dropping it.
    fine = (2 * radius).clamp(max=1)
    return lay(image, colour(ink, image), cover(image, points, radius.clamp(min=0.3) * (ends > 0), strength * fine))


def fibres(
    image: Tensor,
    *,
    count: int = 2,
    length: float = 60.0,
    width: float = 1.2,
    ink: Colour = (0.12, 0.11, 0.10),
    opacity: float = 0.8,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Drop hairs and fibers on the photograph: whole, even, curled lines.

    Args:
        count: fibers in each picture.
        length, width: in pixels.
        ink: dark for hairs on the scanner's glass, light for those on a negative.
        opacity: in [0, 1].
    """
    if count < 1 or opacity <= 0:
        return image, torch.zeros_like(image[:, :1])
    heading = uniform(image, 0, 2 * math.pi, generator, count)
    points = wander(
        image, count, length=length, stride=max(0.5, width / 4), heading=heading, turn=2.5, generator=generator
    )
    even = torch.ones(points.shape[:3], device=image.device)
    return lay(
        image, colour(ink, image), cover(image, points, even * max(width / 2, 0.3), even * opacity * min(width, 1))
    )


def dust(
    image: Tensor,
    *,
    count: int = 40,
    radius: float = 1.5,
    ink: Colour = (0.95, 0.95, 0.93),
    opacity: float = 0.9,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Sprinkle specks: small, lumpy, sharp.

    Args:
        count: specks in each picture.
        radius: of the largest in pixels; small ones are far more frequent.
        ink: white for dust on a negative, dark for dirt on a print.
        opacity: of the strongest, in [0, 1].
    """
    return lay(image, colour(ink, image), lumps(image, count, radius, opacity, 1.0, generator))


def spots(
    image: Tensor,
    *,
    count: int = 12,
    radius: float = 5.0,
    ink: Colour = (0.66, 0.47, 0.28),
    opacity: float = 0.6,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Let foxing grow: soft brown spots of mold and rust that darken the paper.

    Args:
        count: spots in each picture.
        radius: of the largest in pixels.
        ink: color of stained white paper.
        opacity: of the strongest, in [0, 1].
    """
    grown = lumps(image, count, radius, opacity, max(1.0, radius * 0.8), generator)
    return tint(image, image * torch.lerp(torch.ones_like(image), colour(ink, image).expand_as(image), grown))


def lumps(image: Tensor, count: int, radius: float, opacity: float, soft: float, generator: torch.Generator) -> Tensor:
    """Coverage (B, 1, H, W) of specks, each five dabs of different size close together."""
    if count < 1 or opacity <= 0:
        return torch.zeros_like(image[:, :1])
    height, width = image.shape[-2:]
    size = radius * (0.25 + 0.75 * uniform(image, 0, 1, generator, count) ** 3)  # (B, count, 1, 1)
    middle = torch.cat([uniform(image, 0, height, generator, count), uniform(image, 0, width, generator, count)], -1)
    away = uniform(image, -1, 1, generator, 10 * count).reshape(-1, count, 5, 2)
    part = 0.3 + 0.6 * uniform(image, 0, 1, generator, 5 * count).reshape(-1, count, 5)
    strength = opacity * uniform(image, 0.5, 1, generator, count)[..., 0].expand_as(part)
    return cover(image, middle + away * size, part * size[..., 0], strength, soft=soft)


def writing(
    image: Tensor,
    *,
    height: float = 14.0,
    letters: int = 12,
    ink: Colour = (0.10, 0.10, 0.25),
    opacity: float = 0.85,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Write a line over the photograph: joined loops with ascenders, descenders and gaps, like quick handwriting.

    Args:
        height: of a small letter in pixels.
        letters: number of letters; about every sixth is a gap between words.
        ink: blue-black ink on a print, white for a negative that was written on.
        opacity: in [0, 1].
    """
    if letters < 1 or opacity <= 0:
        return image, torch.zeros_like(image[:, :1])
    stride = max(0.5, height / 40)
    steps = round(letters * height * 2.2 / stride)
    t = torch.linspace(0, letters, steps, device=image.device)  # (steps,): one letter a unit
    letter = t.long().clamp(max=letters - 1)
    kind, tall, wide = (uniform(image, 0, 1, generator, letters)[..., 0, 0][:, letter] for _ in range(3))  # (B, steps)
    rise = torch.where(tall > 0.8, 2.0, torch.where(tall < 0.12, -1.2, 1.0)) * (0.8 + 0.3 * wide)
    turn = 2 * math.pi * t * torch.where(kind > 0.5, 2.0, 1.0)
    up = rise * (0.5 - 0.5 * torch.cos(turn)) * height
    forward = (t * 0.8 + (0.1 + 0.2 * wide) * torch.sin(turn)) * height + 0.3 * up
    lean = uniform(image, -0.12, 0.12, generator)[..., 0, 0]
    top = uniform(image, 0.08, 0.95, generator)[..., 0, 0] * image.shape[-2]
    left = uniform(image, -0.1, 0.6, generator)[..., 0, 0] * image.shape[-1]
    points = torch.stack([top + lean * forward - up, left + forward], -1)[:, None]  # (B, 1, steps, 2)
    slant = torch.atan2(up.diff(prepend=up[:, :1]), forward.diff(prepend=forward[:, :1]))
    pen = (height / 18 * (1 + 0.5 * torch.sin(-slant)))[:, None]  # the nib is wide downwards and fine upwards
    strength = opacity * (kind > 0.16)[:, None].to(image.dtype).expand_as(pen)
    return lay(image, colour(ink, image), cover(image, points, pen.clamp(min=0.4), strength))
