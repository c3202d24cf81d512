"""Bright and dark things that belong to what was photographed, and are no damage, though a detector may think so."""

import math

import torch
from torch import Tensor

from daguerre.degradation.aging.noise import Colour, colour, places, smooth_noise, uniform

__all__ = ["bordered", "things"]

RAILS = 0.2  # of the things are rails or wires
LONG = 5.0  # times the length of other things
INKS: list[Colour] = [(0.98, 0.97, 0.95), (1.0, 1.0, 1.0), (0.92, 0.90, 0.86), (0.80, 0.79, 0.77), (0.06, 0.06, 0.06)]
CARDS: list[Colour] = [*INKS, (0.87, 0.80, 0.66), (0.55, 0.46, 0.36), (0.45, 0.45, 0.44)]  # of borders and mounts
ASKEW = 0.02  # the most a border is turned, in radians
SWAY = 80.0  # pixels; the least distance from one bend of a border to the next


def things(image: Tensor, *, count: int = 3, size: float = 60.0, generator: torch.Generator) -> Tensor:
    """Put hats, plates, rims, sticks, gleams and rails into a scene: what fools a detector of scratches and tears.

    To be called before a picture is aged, so that blur, grain and fading befall them as the rest of the scene, which is
    all that tells them from damage.

    Args:
        image: one picture (1, 3, H, W) in [0, 1].
        count: how many.
        size: of the largest, from its middle to its end, in pixels; rails and wires are `LONG` times as long.
    """
    y, x = places(image)
    height, width = image.shape[-2:]
    for _ in range(count):
        drawn = uniform(image, 0, 1, generator, 13).flatten().tolist()
        turn, way = math.pi * drawn[0], (y - height * drawn[1], x - width * drawn[2])
        along = way[1] * math.cos(turn) + way[0] * math.sin(turn)
        across = way[0] * math.cos(turn) - way[1] * math.sin(turn)
        if drawn[12] < RAILS:
            image = rail(image, along, across, drawn, LONG * size)
            continue
        long = max(size * drawn[3] ** 2, 2.0)  # small ones are more frequent
        wide = max(long * (0.03 if drawn[4] < 0.3 else drawn[5]), 1.5)
        if drawn[6] < 0.6:  # an ellipse, else a rectangle
            edge = ((along / long) ** 2 + (across / wide) ** 2).sqrt().sub(1) * wide
        else:
            edge = torch.maximum(along.abs() - long, across.abs() - wide)
        lit = (0.5 + along / (2 * long)).clamp(0, 1)  # from one end
        strength = torch.ones_like(lit)
        if drawn[7] < 0.4:  # its rim alone, which gleams at that end
            edge, strength = edge.abs() - (1 + 2.5 * drawn[8]), lit ** (4 * drawn[10])
        soft = 0.4 + 3 * drawn[9] ** 3
        shade = 1 - 0.35 * drawn[10] * lit
        ink = colour(INKS[int(drawn[11] * 0.9999 * len(INKS))], image) * shade
        image = torch.lerp(image, ink.expand_as(image), strength * torch.sigmoid(-2 * edge / soft))
    return image


def rail(image: Tensor, along: Tensor, across: Tensor, drawn: list[float], length: float) -> Tensor:
    """A rail, wire or mast: it bends a little, narrows with the distance, and has a shady side more often than not."""
    far = (0.5 + along / (2 * length)).clamp(0, 1)
    across = across + (drawn[3] - 0.5) * along.square() / length
    wide = (0.5 + 2.5 * drawn[4] ** 2) * (0.3 + far)
    there = torch.sigmoid(4 * (length - along.abs()))
    soft = 0.4 + 0.6 * drawn[9]
    ink = colour(INKS[int(drawn[11] * 0.9999 * len(INKS))], image) * (1 - 0.3 * drawn[10])
    if drawn[6] < 0.6:
        shady = torch.sigmoid(-2 * ((across - 1.5 * wide).abs() - wide) / soft) * there
        image = image * (1 - 0.6 * drawn[7] * shady)
    return torch.lerp(image, ink.expand_as(image), torch.sigmoid(-2 * (across.abs() - wide) / soft) * there)


def bordered(image: Tensor, *, generator: torch.Generator) -> Tensor:
    """Put the border of a print, its mount, the mask of a slide or the rebate of a film around one (1, 3, H, W).

    To be called before the picture is aged. It is nearly straight or sways slowly, which tells it from a torn edge; it
    may lie askew, differ from side to side and miss at some.
    """
    y, x = places(image)
    height, width = image.shape[-2:]
    drawn = uniform(image, 0, 1, generator, 17).flatten().tolist()
    wide = (0.008 + 0.09 * drawn[0] ** 2) * min(height, width)
    tilt = ASKEW * (2 * drawn[9] - 1) if drawn[10] < 0.5 else 0.0
    y, x = y + tilt * (x - width / 2), x - tilt * (y - height / 2)
    top, left, bottom, right = (
        wide * (0.4 + 1.2 * own) if chance < 0.6 else -2.0 * max(height, width)
        for chance, own in zip(drawn[1:5], drawn[11:15], strict=True)
    )
    radius = 0.15 * min(height, width) * drawn[5] ** 2 if drawn[5] > 0.5 else 0.0
    down = (y - (top + height - bottom) / 2).abs() - ((height - bottom - top) / 2 - radius)
    across = (x - (left + width - right) / 2).abs() - ((width - right - left) / 2 - radius)
    outside = torch.hypot(down.clamp(min=0), across.clamp(min=0)) + torch.maximum(down, across).clamp(max=0) - radius
    sway = 0.3 * wide * drawn[15] ** 2 * smooth_noise(image, SWAY * (1 + 2 * drawn[16]), generator)
    ink = colour(CARDS[int(drawn[6] * 0.9999 * len(CARDS))], image) * (1 - 0.1 * drawn[7])
    return torch.lerp(image, ink.expand_as(image), torch.sigmoid(2 * (outside + sway) / (0.4 + 1.2 * drawn[8])))
