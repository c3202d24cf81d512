"""Drawings that are made up: letters, lines, hatching and flat shapes, with small twins as they are found."""

import math
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn import functional as F

from daguerre.degradation.jpeg import jpeg
from daguerre.images.resample import resize_bicubic
from daguerre.training.data.draws import Draws
from daguerre.training.data.lettering import lettering

__all__ = ["drawing", "drawing_pair"]

FINENESS = 3  # pixels drawn for one of the result, along each side
THINNEST, THICKEST = 2.5, 14.0  # lines, in pixels
LOWEST, HIGHEST = 14.0, 110.0  # letters, in pixels
PAPERS = ((255, 255, 255), (255, 255, 255), (255, 255, 255), (250, 244, 226), (232, 219, 190), (12, 12, 12))
INKS = ((0, 0, 0), (0, 0, 0), (0, 0, 0), (40, 32, 28), (24, 36, 92), (150, 20, 24), (255, 255, 255))
FEWEST, MOST = 3, 12  # things in a drawing
MONOCHROME = 0.5  # of the drawings are black on white, or white on black
ONE_BIT, NEAREST, BICUBIC = 0.25, 0.08, 0.3  # shares of the twins; one bit only for monochrome ones
COMPRESSED, WORST, BEST = 0.4, 50.0, 96.0  # share, and JPEG quality
NOISY, MOST_NOISE = 0.2, 0.03

Colour = tuple[int, int, int]


class Pen(Draws):
    """Draws random things on a plate of `side` pixels, which is finer than the result."""

    def __init__(self, side: int, generator: torch.Generator) -> None:
        super().__init__(generator)
        self.side = side * FINENESS
        self.monochrome = self.maybe(MONOCHROME)
        self.paper, self.ink = self.colours()
        self.plate = Image.new("RGB", (self.side, self.side), self.paper)
        self.draw = ImageDraw.Draw(self.plate)

    def any_colour(self) -> Colour:
        red, green, blue = (int(self.number(0, 256)) for _ in range(3))
        return red, green, blue

    def colours(self) -> tuple[Colour, Colour]:
        """Paper and ink that differ plainly."""
        if self.monochrome:
            return ((255, 255, 255), (0, 0, 0)) if self.maybe(0.75) else ((0, 0, 0), (255, 255, 255))
        paper = self.pick(PAPERS) if self.maybe(0.6) else self.any_colour()
        ink = self.pick(INKS) if self.maybe(0.6) else self.any_colour()
        return (paper, ink) if max(abs(a - b) for a, b in zip(paper, ink, strict=True)) > 60 else self.colours()

    def colour(self) -> Colour:
        """The ink, or in colored drawings sometimes any color."""
        return self.ink if self.monochrome or self.maybe(0.6) else self.any_colour()

    def point(self) -> tuple[float, float]:
        return self.number(-0.1, 1.1) * self.side, self.number(-0.1, 1.1) * self.side

    def width(self) -> int:
        return round(self.log(THINNEST, THICKEST) * FINENESS)

    def lines(self) -> None:
        """A polyline with round joints."""
        corners = [self.point() for _ in range(2 + int(self.number(0, 4)))]
        self.draw.line(corners, fill=self.colour(), width=self.width(), joint="curve")

    def curve(self) -> None:
        """A cubic Bézier curve whose width swells and fades, as from a nib or a brush."""
        t = np.linspace(0, 1, 200)[:, None]
        a, b, c, d = (np.array(self.point()) for _ in range(4))
        places = (1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * d
        ends, middle = self.width() * self.number(), self.width()
        colour = self.colour()
        for place, share in zip(places, t[:, 0], strict=True):
            radius = max(ends + (middle - ends) * math.sin(math.pi * share), FINENESS) / 2
            self.draw.ellipse([*(place - radius), *(place + radius)], fill=colour)

    def round_shape(self) -> None:
        """A circle, an ellipse or an arc, outlined or filled."""
        (x, y), reach = self.point(), self.log(0.04, 0.6) * self.side
        box = [x, y, x + reach, y + reach * self.log(0.5, 2)]
        if self.maybe(0.35):
            self.draw.arc(box, self.number(0, 360), self.number(0, 360), fill=self.colour(), width=self.width())
        elif self.maybe(0.5):
            self.draw.ellipse(box, outline=self.colour(), width=self.width())
        else:
            self.draw.ellipse(box, fill=self.colour())

    def polygon(self) -> None:
        """A flat shape with corners, sometimes outlined."""
        (x, y), reach = self.point(), self.log(0.05, 0.6) * self.side
        angles = sorted(self.number(0, 2 * math.pi) for _ in range(3 + int(self.number(0, 5))))
        corners = [(x + reach * math.cos(a), y + reach * math.sin(a)) for a in angles]
        self.draw.polygon(corners, fill=self.colour())
        if self.maybe(0.4):
            self.draw.line([*corners, corners[0]], fill=self.ink, width=self.width(), joint="curve")

    def hatching(self) -> None:
        """Parallel lines, as in engravings, tables and maps."""
        angle, pitch = self.number(0, math.pi), self.log(7, 40) * FINENESS
        if self.maybe(0.4):
            angle = round(angle / math.pi * 2) * math.pi / 2
        along, across = (
            np.array([math.cos(angle), math.sin(angle)]),
            np.array([-math.sin(angle), math.cos(angle)]),
        )
        middle, reach = np.array(self.point()), self.number(0.1, 0.7) * self.side
        width, colour = round(max(pitch * self.number(0.2, 0.6), THINNEST * FINENESS)), self.colour()
        for number in range(-int(reach / pitch), int(reach / pitch) + 1):
            at = middle + across * number * pitch
            swing = reach * self.number(0.8, 1)
            self.draw.line([*(at - along * swing), *(at + along * swing)], fill=colour, width=width)

    def letters(self) -> None:
        """A few lines of text."""
        size = self.log(LOWEST, HIGHEST) * FINENESS
        cover = lettering(self.side, self.side, size=size, generator=self.generator)[0, 0]
        mask = Image.fromarray((cover.numpy() * 255).astype(np.uint8))
        shift = (round(self.number(-0.2, 0.5) * self.side), round(self.number(-0.7, 0.7) * self.side))
        self.plate.paste(self.colour(), (shift[0], shift[1]), mask)

    def picture(self) -> Tensor:
        """What was drawn, antialiased: (1, 3, side, side) in [0, 1]."""
        pixels = torch.from_numpy(np.asarray(self.plate).copy()).permute(2, 0, 1)[None].float() / 255
        return F.avg_pool2d(pixels, FINENESS)


def drawing(side: int, generator: torch.Generator) -> tuple[Tensor, bool]:
    """A drawing (1, 3, side, side) in [0, 1], and whether it is black and white.

    Edges are sharp and antialiased: every pixel is the mean of nine.
    """
    pen = Pen(side, generator)
    kinds: list[Callable[[], None]] = [pen.lines, pen.curve, pen.round_shape, pen.polygon, pen.hatching, pen.letters]
    kinds += [pen.letters, pen.letters, pen.curve]
    for _ in range(FEWEST + int(pen.number(0, 0.9999) * (MOST - FEWEST + 1))):
        pen.pick(kinds)()
    return pen.picture(), pen.monochrome


def drawing_pair(side: int, scale: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A small drawing and the large one that it was: (1, 3, side / scale, side / scale) and (1, 3, side, side).

    The small one is a reduction, or has one bit for a pixel, or every `scale`-th pixel; some are noisy or compressed.
    """
    large, monochrome = drawing(side, generator)
    kind, harm, noise = torch.rand(3, generator=generator).tolist()
    if kind < ONE_BIT and monochrome:
        small = (F.avg_pool2d(large, scale) >= 0.5).float()
    elif kind < ONE_BIT + NEAREST:
        small = large[..., scale // 2 :: scale, scale // 2 :: scale]
    elif kind < ONE_BIT + NEAREST + BICUBIC:
        small = resize_bicubic(large, side // scale, side // scale).clamp(0, 1)
    else:
        small = F.avg_pool2d(large, scale)
    if harm < NOISY:
        small = (small + MOST_NOISE * noise * torch.randn(small.shape, generator=generator)).clamp(0, 1)
    if harm > 1 - COMPRESSED:
        small = jpeg(small, torch.tensor([WORST + (BEST - WORST) * noise]))
    return small, large
