"""Find prints on a scanner bed or a mount, and slides in their frames; straighten them and cut them out."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from daguerre.images import Picture
from daguerre.images.pixels import luma
from daguerre.images.resize import read_resized
from daguerre.images.vips import pyvips
from daguerre.tiling import Window

__all__ = ["Print", "find_prints", "straightened"]

COPY_SIDE = 640  # pixels of the longer side of the copy in which prints are detected
MIN_SIDE = 64  # pixels of the shorter side, below which nothing is detected
EDGE_STRIP = 0.008  # width of the strip along the edge that shows the background, relative to the longer side
GROUND_TOLERANCE = 0.07  # maximum difference from the background, in any channel, that still counts as background
WHITE_LID = 0.8  # minimum lightness of a white scanner lid ...
BLACK_LID = 0.15  # ... and maximum of a black one
MAX_LID_COLOUR = 0.1
MIN_BED_SHARE = 0.4  # fraction of that strip that must be background if that is white or black ...
MIN_MOUNT_SHARE = 0.9  # ... and if it is anything else
MIN_PRINT_AREA = 0.02  # minimum, relative to the picture
MIN_PRINT_SIDE = 0.08  # minimum, relative to its shorter side
MIN_RECTANGLE_SHARE = 0.9  # fraction of a rectangle that must be inside the object's hull
MIN_STRAIGHT_SHARE = 0.6  # fraction of a print's side that must be close to a straight line
LINE_TOLERANCE = 2.5  # pixels of the copy; distance that counts as close
CUT_RIM = 1.5  # pixels of the copy that are trimmed all around, because they show background
MIN_ANGLE = 0.15  # degrees; smaller angles are not corrected


@dataclass(frozen=True)
class Print:
    """A rectangle of a picture.

    Args:
        row, column: its center, in pixels.
        height, width: its size, in pixels.
        angle: clockwise rotation in degrees, from -45 to 45.
    """

    row: float
    column: float
    height: float
    width: float
    angle: float

    @property
    def turn(self) -> tuple[float, float]:
        """Cosine and sine of the angle."""
        return math.cos(math.radians(self.angle)), math.sin(math.radians(self.angle))

    def box(self, height: int, width: int) -> Window:
        """The smallest window in a picture of (height, width) that contains it."""
        cos, sin = (abs(part) for part in self.turn)
        down, across = (self.height * cos + self.width * sin) / 2, (self.height * sin + self.width * cos) / 2
        top, left = max(math.floor(self.row - down), 0), max(math.floor(self.column - across), 0)
        bottom, right = min(math.ceil(self.row + down), height), min(math.ceil(self.column + across), width)
        return Window(top, left, bottom - top, right - left)

    def inside(self, window: Window) -> Tensor:
        """Mask of a window's pixels inside it: (1, 1, h, w)."""
        rows = torch.arange(window.top, window.bottom)[:, None] + 0.5 - self.row
        columns = torch.arange(window.left, window.right) + 0.5 - self.column
        cos, sin = self.turn
        across, down = columns * cos + rows * sin, rows * cos - columns * sin
        return ((across.abs() <= self.width / 2) & (down.abs() <= self.height / 2))[None, None]


def find_prints(picture: Picture) -> list[Print]:
    """Prints on an even background, from top to bottom; none if a single print fills the picture.

    The background is what lies along the picture's edge, if it is even; a print is a rectangle on it with straight
    sides, at least two of which border the background. A person in front of a white wall is not a print, nor is land
    below a white sky.
    """
    if min(picture.height, picture.width) < MIN_SIDE:
        return []
    share = min(COPY_SIDE / max(picture.height, picture.width), 1.0)
    size = tuple(max(round(length * share), 1) for length in (picture.height, picture.width))
    copy, alpha = read_resized(picture, *size)
    if alpha is not None and (alpha < 0.5).any():  # cut out already
        return []
    figure = figure_on_ground(copy)
    found = [] if figure is None else rectangles(figure)
    across, down = picture.width / size[1], picture.height / size[0]
    prints = [
        Print(one.row * down, one.column * across, one.height * down, one.width * across, one.angle) for one in found
    ]
    return sorted(prints, key=lambda one: (one.row, one.column))


def figure_on_ground(copy: Tensor) -> NDArray[np.uint8] | None:
    """Mask of the foreground in a copy (1, 3, h, w): (h, w) of 0 and 1; None without an even background."""
    import cv2

    strip = math.ceil(EDGE_STRIP * max(copy.shape[2:]))
    edge = torch.ones_like(copy[0, 0], dtype=torch.bool)
    edge[strip:-strip, strip:-strip] = False
    around = copy[0][:, edge]  # (3, n)
    ground = around.median(1).values
    even = ((around - ground[:, None]).abs().amax(0) < GROUND_TOLERANCE).float().mean()
    light, colour = luma(ground.view(1, 3, 1, 1)).item(), (ground.max() - ground.min()).item()
    scanned = (light > WHITE_LID or light < BLACK_LID) and colour < MAX_LID_COLOUR
    if even < (MIN_BED_SHARE if scanned else MIN_MOUNT_SHARE):
        return None
    figure = ((copy[0] - ground.view(3, 1, 1)).abs().amax(0) > GROUND_TOLERANCE).numpy().astype(np.uint8)
    square = np.ones((3, 3), np.uint8)
    return cv2.morphologyEx(figure, cv2.MORPH_OPEN, square).astype(np.uint8)


def rectangles(figure: NDArray[np.uint8]) -> list[Print]:
    """The components of a mask (h, w) that are rectangles, in its pixels."""
    import cv2

    height, width = figure.shape
    closed = cv2.morphologyEx(figure, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)).astype(np.uint8)
    outlines, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    found: list[Print] = []
    for outline in sorted(outlines, key=cv2.contourArea, reverse=True):
        hull = cv2.convexHull(outline)
        (column, row), (across, down), angle = cv2.minAreaRect(hull)
        if min(across, down) < MIN_PRINT_SIDE * min(height, width) or across * down < MIN_PRINT_AREA * height * width:
            continue
        if abs(angle) > 45:
            across, down, angle = down, across, angle - math.copysign(90, angle)
        one = Print(row + 0.5, column + 0.5, down + 1, across + 1, angle)
        full = cv2.contourArea(hull) >= MIN_RECTANGLE_SHARE * across * down
        if full and is_framed(closed, one) and not any(bool(other.inside(middle(one)).all()) for other in found):
            found.append(
                Print(one.row, one.column, max(one.height - 2 * CUT_RIM, 1), max(one.width - 2 * CUT_RIM, 1), one.angle)
            )
    return found


def middle(one: Print) -> Window:
    return Window(int(one.row), int(one.column), 1, 1)


def is_framed(figure: NDArray[np.uint8], one: Print) -> bool:
    """Whether all sides of a rectangle that border the background are straight, and at least two do."""
    import cv2

    far = math.ceil(LINE_TOLERANCE) + 1
    wide, high = round(one.width) + 2 * far, round(one.height) + 2 * far
    cos, sin = one.turn
    turn = np.array([[cos, -sin], [sin, cos]])  # from the straightened rectangle to the figure
    shift = np.array([one.column, one.row]) - 0.5 - turn @ [(wide - 1) / 2, (high - 1) / 2]
    upright, known = (
        cv2.warpAffine(
            image, np.column_stack([turn, shift]), (wide, high), flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
        )
        for image in (figure, np.ones_like(figure))
    )
    facing = 0
    for turned, seen in (
        (upright, known),
        (upright[::-1], known[::-1]),
        (upright.T, known.T),
        (upright.T[::-1], known.T[::-1]),
    ):
        if seen[0, far:-far].mean() < 0.5:  # this side is the picture's own
            continue
        facing += 1
        begins = turned[: far + math.ceil(LINE_TOLERANCE), far:-far].any(0)
        if begins.mean() < MIN_STRAIGHT_SHARE:
            return False
    return facing >= 2


def straightened(picture: Picture, one: Print) -> Picture:
    """A print by itself, upright; its pixels are decoded, and rotated if necessary, on reading."""
    image = picture.image
    width, height = max(math.floor(one.width), 1), max(math.floor(one.height), 1)
    if abs(one.angle) < MIN_ANGLE:
        left = min(max(round(one.column - width / 2), 0), picture.width - width)
        top = min(max(round(one.row - height / 2), 0), picture.height - height)
        image = image.crop(left, top, width, height)
    else:
        cos, sin = one.turn
        image = image.affine(
            [cos, sin, -sin, cos],
            odx=width / 2 - cos * one.column - sin * one.row,
            ody=height / 2 + sin * one.column - cos * one.row,
            oarea=[0, 0, width, height],
            interpolate=pyvips.Interpolate.new("bicubic"),
            extend="copy",
        )
    return Picture(image, bits=picture.bits, colour=picture.colour, metadata=picture.metadata, path=picture.path)
