"""Freely redistributable styles, drawn here: pictures of 512 x 512 pixels, always the same."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["STYLES", "draw_style"]

SIDE = 512
DRAWN = 2 * SIDE  # drawn at twice the size and downscaled, for antialiasing

Colours = NDArray[Any]
"""A picture (H, W, 3), float32 in [0, 1]."""


def painted(values: Any) -> Colours:
    """Computed values as a picture."""
    return np.asarray(values, np.float32)


def palette(*colours: str) -> Colours:
    """Colors from words such as `c2452d`, (n, 3)."""
    return np.array([[int(word[i : i + 2], 16) / 255 for i in (0, 2, 4)] for word in colours], np.float32)


def smooth(random: np.random.Generator, cells: int) -> NDArray[Any]:
    """Soft noise in [0, 1] whose hills are as wide as one of `cells`."""
    noise = random.random((cells, cells)).astype(np.float32)
    return np.clip(cv2.resize(noise, (DRAWN, DRAWN), interpolation=cv2.INTER_CUBIC), 0, 1)


def ramp(values: NDArray[Any], colours: Colours) -> Colours:
    """Colors along a ramp, by values in [0, 1]."""
    steps = np.linspace(0, 1, len(colours))
    return np.stack([np.interp(values, steps, colours[:, c]) for c in range(3)], -1).astype(np.float32)


def strokes(random: np.random.Generator, colours: Colours, *, long: int, wide: int, count: int) -> Colours:
    """Brush strokes that follow a soft flow, lighter and darker hairs in each."""
    angle, light = 2 * np.pi * smooth(random, 5), smooth(random, 6)
    canvas = np.rint(255 * ramp(light, colours)).astype(np.uint8)
    for y, x in random.integers(0, DRAWN, (count, 2)):
        tint = ramp(np.clip(light[y, x] + random.normal(0, 0.12, (1,)), 0, 1).astype(np.float32), colours)[0]
        points, at = [], np.array([x, y], np.float32)
        for _ in range(8):
            row, column = (int(np.clip(v, 0, DRAWN - 1)) for v in (at[1], at[0]))
            at = at + long / 8 * np.array([np.cos(angle[row, column]), np.sin(angle[row, column])], np.float32)
            points.append(at.copy())
        path = np.array(points)
        for hair in range(-wide // 2, wide // 2 + 1, 5):
            shade = 255 * np.clip(tint + random.normal(0, 0.05), 0, 1)
            moved = (path + np.array([hair * 0.7, hair * 0.7])).astype(np.int32)
            cv2.polylines(canvas, [moved], False, shade.tolist(), 6)
    return painted(canvas / 255)


def oil(random: np.random.Generator) -> Colours:
    colours = palette("1b2a49", "2f5d8a", "6f9fb5", "d9b45b", "f3e4b0")
    return strokes(random, colours, long=110, wide=22, count=4200)


def pastel(random: np.random.Generator) -> Colours:
    colours = palette("7a5c78", "c98b8b", "e8c4a0", "f4e7d3", "a9c5b8")
    return strokes(random, colours, long=70, wide=12, count=6000)


def waves(random: np.random.Generator) -> Colours:
    """Overlapping circles in rows, as on Japanese cloth."""
    canvas = np.ones((DRAWN, DRAWN, 3), np.float32) * palette("f2ead8")[0]
    blue, paper = palette("1f3f66", "f2ead8")
    side = 128
    for row in range(-1, 4 * DRAWN // side + 2):
        for column in range(-1, DRAWN // side + 2):
            middle = (column * side + row % 2 * side // 2, row * side // 4)
            for ring, radius in enumerate(range(side // 2, 6, -11)):
                shade = (blue if ring % 2 == 0 else paper) + random.normal(0, 0.03)
                cv2.circle(canvas, middle, radius, np.clip(shade, 0, 1).tolist(), -1, cv2.LINE_AA)
    return painted(canvas)


def nearest_seeds(random: np.random.Generator, count: int) -> tuple[Any, Any, Any]:
    """For every pixel the nearest seed and its distance; and the seeds' positions."""
    seeds = random.integers(0, DRAWN, (count, 2))
    blank = np.full((DRAWN, DRAWN), 255, np.uint8)
    blank[seeds[:, 0], seeds[:, 1]] = 0
    distance, labels = cv2.distanceTransformWithLabels(blank, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    return labels, distance, seeds


def mosaic(random: np.random.Generator) -> Colours:
    """Small stones in mortar."""
    labels, _, _ = nearest_seeds(random, 2600)
    field = smooth(random, 6)
    total = np.bincount(labels.ravel(), field.ravel())
    mean = (total / np.maximum(np.bincount(labels.ravel()), 1)).astype(np.float32)
    mean = np.clip(mean + random.normal(0, 0.07, mean.shape), 0, 1).astype(np.float32)
    stones = ramp(mean, palette("27474e", "4f8a8b", "e3c16f", "d9793d", "8c2f39", "f1e6cf"))[labels]
    return mortar(stones, labels, palette("d8cfc0")[0], 5)


def glass(random: np.random.Generator) -> Colours:
    """Leaded panes."""
    labels, distance, _ = nearest_seeds(random, 150)
    colours = palette("b3202c", "1d4f91", "f0b323", "2e7d4f", "6a2c70", "e9e4d0", "d96c2c")
    panes = colours[random.integers(0, len(colours), labels.max() + 1)][labels]
    light = 0.75 + 0.35 * smooth(random, 40)[..., None] - 0.002 * distance[..., None]
    return mortar(np.clip(panes * light, 0, 1).astype(np.float32), labels, palette("17140f")[0], 11)


def mortar(picture: Colours, labels: Any, colour: Any, wide: int) -> Colours:
    """Lines between pieces."""
    edge = (cv2.Laplacian(labels.astype(np.float32), cv2.CV_32F) != 0).astype(np.uint8)
    edge = cv2.dilate(edge, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (wide, wide)))
    return painted(np.where(edge[..., None] > 0, colour, picture))


def woodcut(random: np.random.Generator) -> Colours:
    """Black lines that swell, on warm paper."""
    field = smooth(random, 6)
    rows = np.arange(DRAWN, dtype=np.float32)[:, None]
    lines = np.sin((rows + 160 * field) * 2 * np.pi / 22)
    ink = lines > 1.7 * smooth(random, 5) - 0.75
    return painted(np.where(ink[..., None], palette("211d1a")[0], palette("efe3c8")[0]))


def points(random: np.random.Generator) -> Colours:
    """Dots of pure color side by side."""
    canvas = np.ones((DRAWN, DRAWN, 3), np.float32) * palette("efe6d2")[0]
    field, colours = smooth(random, 5), palette("274690", "3f88c5", "8fc0a9", "f2c14e", "f78154", "b4436c")
    for y, x in random.integers(0, DRAWN, (14000, 2)):
        value = np.clip(field[y, x] + random.normal(0, 0.16), 0, 0.999)
        shade = colours[int(value * len(colours))]
        cv2.circle(canvas, (int(x), int(y)), int(random.integers(5, 9)), shade.tolist(), -1, cv2.LINE_AA)
    return painted(canvas)


def watercolour(random: np.random.Generator) -> Colours:
    """Washes with darker rims, on paper."""
    canvas = np.ones((DRAWN, DRAWN, 3), np.float32)
    for colour in palette("4a7c8c", "88b7a5", "e2a56f", "c4668a", "6a6fa8", "f0cf85"):
        field = smooth(random, 4) + 0.12 * smooth(random, 24)
        inside = np.clip((field - 0.58) * 14, 0, 1)
        rim = np.exp(-(((field - 0.61) / 0.02) ** 2))
        canvas *= 1 - (0.34 * inside + 0.2 * rim)[..., None] * (1 - colour)
    return painted(canvas * (0.955 + 0.045 * smooth(random, 300))[..., None])


def hatching(random: np.random.Generator) -> Colours:
    """Ink in three directions, denser where it is dark."""
    canvas = np.ones((DRAWN, DRAWN), np.float32)
    dark = smooth(random, 5)
    for angle, least in ((0.6, 0.25), (-0.7, 0.5), (1.45, 0.68)):
        for y, x in random.integers(0, DRAWN, (2600, 2)):
            if dark[y, x] > least:
                turn, length = angle + random.normal(0, 0.06), random.integers(30, 70)
                end = (int(x + length * np.cos(turn)), int(y + length * np.sin(turn)))
                cv2.line(canvas, (int(x), int(y)), end, 0.0, 2, cv2.LINE_AA)
    return painted(canvas[..., None] * (palette("f4efe4") - palette("1d2433"))[0] + palette("1d2433")[0])


STYLES: dict[str, Callable[[np.random.Generator], Colours]] = {  # gallery.py has their names, too
    "oil": oil,
    "pastel": pastel,
    "watercolour": watercolour,
    "points": points,
    "waves": waves,
    "woodcut": woodcut,
    "hatching": hatching,
    "mosaic": mosaic,
    "glass": glass,
}
"""How every style is drawn, by name."""


def draw_style(name: str) -> NDArray[np.uint8]:
    """A style as a picture (512, 512, 3)."""
    drawn = STYLES[name](np.random.default_rng(7))
    small = cv2.resize(drawn, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.rint(np.clip(small, 0, 1) * 255).astype(np.uint8)
