"""Distractors: objects in the scene that a damage detector may mistake for damage."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from daguerre.degradation.aging.noise import Colour, colour, pixel_coordinates, smooth_noise, uniform

__all__ = ["add_border", "add_distractors"]

RAILS = 0.2  # probability that a distractor is a rail or wire
RAIL_LENGTH = 5.0  # relative to the length of the others
INKS: list[Colour] = [(0.98, 0.97, 0.95), (1.0, 1.0, 1.0), (0.92, 0.90, 0.86), (0.80, 0.79, 0.77), (0.06, 0.06, 0.06)]
CARDS: list[Colour] = [
    *INKS,
    (0.87, 0.80, 0.66),
    (0.55, 0.46, 0.36),
    (0.45, 0.45, 0.44),
]  # borders, mounts
MOST_TILT = 0.02  # of a border, in radians
LEAST_SWAY = 80.0  # pixels between bends of a border


class Distractor(NamedTuple):
    """Random numbers in [0, 1) that describe one distractor."""

    angle: float
    row: float
    column: float
    length: float  # of a rail, how far it bends, and where
    thinness: float  # whether it is a stick; of a rail, its width
    width: float
    shape: float  # an ellipse or a rectangle; whether a rail has a shady side
    outline: float  # whether only its rim is drawn; of a rail, how dark the shady side is
    rim: float
    softness: float
    shade: float
    ink: float
    kind: float  # whether it is a rail


class Border(NamedTuple):
    """Random numbers in [0, 1) that describe a border."""

    width: float
    has_top: float
    has_left: float
    has_bottom: float
    has_right: float
    roundness: float
    ink: float
    shade: float
    softness: float
    tilt: float
    is_tilted: float
    top: float
    left: float
    bottom: float
    right: float
    sway: float
    sway_length: float


def draw_ink(inks: list[Colour], number: float, like: Tensor) -> Tensor:
    """One of several colors, by a number in [0, 1)."""
    return colour(inks[int(number * 0.9999 * len(inks))], like)


def add_distractors(image: Tensor, *, count: int = 3, size: float = 60.0, generator: torch.Generator) -> Tensor:
    """Draw hats, plates, rims, sticks, gleams and rails into a scene: what fools a detector of scratches and tears.

    Call it before aging, so that blur, grain and fading affect them like the rest of the scene: only this distinguishes
    them from damage.

    Args:
        image: one picture (1, 3, H, W) in [0, 1].
        count: number of distractors.
        size: of the largest, from its center to its end, in pixels; rails are `RAIL_LENGTH` times as long.
    """
    y, x = pixel_coordinates(image)
    height, width = image.shape[-2:]
    for _ in range(count):
        it = Distractor(*uniform(image, 0, 1, generator, len(Distractor._fields)).flatten().tolist())
        angle, down, right = math.pi * it.angle, y - height * it.row, x - width * it.column
        along = right * math.cos(angle) + down * math.sin(angle)
        across = down * math.cos(angle) - right * math.sin(angle)
        draw = draw_rail if it.kind < RAILS else draw_object
        image = draw(image, along, across, it, size)
    return image


def draw_object(image: Tensor, along: Tensor, across: Tensor, it: Distractor, size: float) -> Tensor:
    """An ellipse or a rectangle, or its gleaming rim.

    Args:
        along, across: distance of each pixel from the center, along the object and across it, in pixels.
        size: of the largest, from its center to its end, in pixels.
    """
    length = max(size * it.length**2, 2.0)  # small ones are more frequent
    width = max(length * (0.03 if it.thinness < 0.3 else it.width), 1.5)
    if it.shape < 0.6:
        distance = ((along / length) ** 2 + (across / width) ** 2).sqrt().sub(1) * width
    else:
        distance = torch.maximum(along.abs() - length, across.abs() - width)
    light = (0.5 + along / (2 * length)).clamp(0, 1)  # it is lit from one end
    strength = torch.ones_like(light)
    if it.outline < 0.4:
        distance, strength = distance.abs() - (1 + 2.5 * it.rim), light ** (4 * it.shade)
    softness = 0.4 + 3 * it.softness**3
    ink = draw_ink(INKS, it.ink, image) * (1 - 0.35 * it.shade * light)
    return torch.lerp(image, ink.expand_as(image), strength * torch.sigmoid(-2 * distance / softness))


def draw_rail(image: Tensor, along: Tensor, across: Tensor, it: Distractor, size: float) -> Tensor:
    """A rail, wire or mast: it bends a little, narrows with distance, and usually has a shady side."""
    length = RAIL_LENGTH * size
    nearness = (0.5 + along / (2 * length)).clamp(0, 1)
    across = across + (it.length - 0.5) * along.square() / length
    width = (0.5 + 2.5 * it.thinness**2) * (0.3 + nearness)
    ends = torch.sigmoid(4 * (length - along.abs()))
    softness = 0.4 + 0.6 * it.softness
    ink = draw_ink(INKS, it.ink, image) * (1 - 0.3 * it.shade)
    if it.shape < 0.6:
        shadow = torch.sigmoid(-2 * ((across - 1.5 * width).abs() - width) / softness) * ends
        image = image * (1 - 0.6 * it.outline * shadow)
    return torch.lerp(image, ink.expand_as(image), torch.sigmoid(-2 * (across.abs() - width) / softness) * ends)


def add_border(image: Tensor, *, generator: torch.Generator) -> Tensor:
    """Put the border of a print, its mount, the mask of a slide or the rebate of a film around one (1, 3, H, W).

    Call it before aging. The border is nearly straight or sways slowly, unlike a torn edge; it may be tilted, differ
    from side to side and be missing on some.
    """
    y, x = pixel_coordinates(image)
    height, width = image.shape[-2:]
    it = Border(*uniform(image, 0, 1, generator, len(Border._fields)).flatten().tolist())
    wide = (0.008 + 0.09 * it.width**2) * min(height, width)
    tilt = MOST_TILT * (2 * it.tilt - 1) if it.is_tilted < 0.5 else 0.0
    y, x = y + tilt * (x - width / 2), x - tilt * (y - height / 2)
    top, left, bottom, right = (
        wide * (0.4 + 1.2 * own) if has < 0.6 else -2.0 * max(height, width)
        for has, own in (
            (it.has_top, it.top),
            (it.has_left, it.left),
            (it.has_bottom, it.bottom),
            (it.has_right, it.right),
        )
    )
    radius = 0.15 * min(height, width) * it.roundness**2 if it.roundness > 0.5 else 0.0
    down = (y - (top + height - bottom) / 2).abs() - ((height - bottom - top) / 2 - radius)
    across = (x - (left + width - right) / 2).abs() - ((width - right - left) / 2 - radius)
    outside = torch.hypot(down.clamp(min=0), across.clamp(min=0)) + torch.maximum(down, across).clamp(max=0) - radius
    sway = 0.3 * wide * it.sway**2 * smooth_noise(image, LEAST_SWAY * (1 + 2 * it.sway_length), generator)
    ink = draw_ink(CARDS, it.ink, image) * (1 - 0.1 * it.shade)
    return torch.lerp(image, ink.expand_as(image), torch.sigmoid(2 * (outside + sway) / (0.4 + 1.2 * it.softness)))
