"""Face crops: what the network sees of a face, and the detail it adds."""

import cmath
import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from daguerre.images import Picture
from daguerre.images.resample import resample_axis, support
from daguerre.images.resize import read_resized
from daguerre.tasks.faces.detection import Face, soft_ellipse
from daguerre.tiling import Window

__all__ = ["Frame", "Sight", "calmed", "changed", "common", "cut", "turned"]

FULL_EFFECT_RADIUS = 0.78  # of the way from a face's center to its frame's border
MIN_TURN = 15.0  # degrees from which a face is turned upright; the network was trained on tilts up to 12
# Limit on the change around a place: the local mean of its absolute values.
# Of 22 faces on 9 real photographs 16 stay at or below 0.05 everywhere, and so does one blurred by 1 to 4 pixels; the
# others, whose outlines were redrawn, come to 0.08 to 0.24.
MAX_LOCAL_CHANGE = 0.06
CHANGE_RADIUS = 4  # network pixels


@dataclass(frozen=True)
class Frame:
    """A face's square in the picture, and the detail that the network adds to it.

    Args:
        inside: the part of the square within the picture.
        detail: (1, 3, h, w), added to `inside`, at the network's size.
    """

    top: float
    left: float
    side: float
    inside: Window
    detail: Tensor

    def touches(self, window: Window) -> bool:
        rows = self.inside.top < window.bottom and window.top < self.inside.bottom
        return rows and self.inside.left < window.right and window.left < self.inside.right

    def weight(self, window: Window) -> Tensor:
        """Weight of the face in each pixel of a window: an ellipse with a soft border, (1, 1, h, w) in [0, 1]."""
        half = self.side / 2
        return soft_ellipse(window, (self.top + half, self.left + half), (half, half), FULL_EFFECT_RADIUS)

    def change(self, window: Window) -> Tensor:
        """The change in a window within `inside`: (1, 3, h, w)."""
        made, inner = self.detail, window.within(self.inside)
        spans = ((-2, inner.top, inner.bottom, self.inside.height), (-1, inner.left, inner.right, self.inside.width))
        for dim, start, stop, length in spans:
            size = made.shape[dim]
            first, last = support(size, length, length / size, start, stop)
            made = made.narrow(dim, first, last - first)
            made = resample_axis(
                made, dim, length / size, size=size, out_size=length, start=start, stop=stop, offset=first
            )
        return made


@dataclass(frozen=True)
class Sight:
    """A face's square in the picture, as the network sees it.

    Args:
        top, left, side: the square as if it were upright, in pixels of the picture; it may extend beyond the border.
        inside: the part of the picture that is read: the square, or an upright one around it if it is turned.
        image: (1, 3, h, h), that part at the network's resolution; the picture's border is replicated.
        rows, columns: rows and columns of `image` within the picture.
        turn: degrees by which the square is turned clockwise.
        size: pixels of the network's input.
    """

    top: float
    left: float
    side: float
    inside: Window
    image: Tensor
    rows: slice
    columns: slice
    turn: float
    size: int

    @classmethod
    def of(cls, photo: Picture, face: Face, frame: tuple[float, float, float], size: int) -> "Sight":
        """The square of a face for a network whose input has `size` pixels.

        Args:
            frame: left, top and side of the square, relative to the side of the face.
        """
        x, y, part = frame
        side, turn = part * face.side, face.turn if abs(face.turn) >= MIN_TURN else 0.0
        away = cmath.rect(face.side, math.radians(turn)) * complex(x + part / 2 - 0.5, y + part / 2 - 0.5)
        row, column = face.top + face.side / 2 + away.imag, face.left + face.side / 2 + away.real
        reach = abs(math.cos(math.radians(turn))) + abs(math.sin(math.radians(turn)))
        around, pixels = side * reach, round(size * reach)
        top, left = row - around / 2, column - around / 2
        first_row, first_column = max(math.floor(top), 0), max(math.floor(left), 0)
        last_row, last_column = (
            min(math.ceil(start + around), length) for start, length in ((top, photo.height), (left, photo.width))
        )
        inside = Window(first_row, first_column, last_row - first_row, last_column - first_column)
        share = pixels / around
        height, width = (min(max(round(length * share), 1), pixels) for length in (inside.height, inside.width))
        seen = read_resized(cut(photo, inside), height, width)[0]
        above = min(max(round((first_row - top) * share), 0), pixels - height)
        before = min(max(round((first_column - left) * share), 0), pixels - width)
        margin = (before, pixels - width - before, above, pixels - height - above)
        image = F.pad(seen, margin, mode="replicate")
        rows, columns = slice(above, above + height), slice(before, before + width)
        return cls(row - side / 2, column - side / 2, side, inside, image, rows, columns, turn, size)

    def upright(self) -> Tensor:
        """The network's input: (1, 3, size, size)."""
        return turned(self.image, self.turn, self.size, padding="border").clamp(0, 1) if self.turn else self.image

    def laid_back(self, detail: Tensor) -> Tensor:
        """The network's residual (1, 3, size, size), turned back and placed in `inside`: (1, 3, h, w)."""
        if self.turn:
            detail = turned(detail, -self.turn, self.image.shape[-1], padding="zeros")
        return detail[..., self.rows, self.columns]


def turned(image: Tensor, degrees: float, size: int, *, padding: str) -> Tensor:
    """The center of an image (1, 3, h, h), turned counterclockwise, as (1, 3, size, size) at the same resolution."""
    share = size / image.shape[-1]
    across, down = share * math.cos(math.radians(degrees)), share * math.sin(math.radians(degrees))
    grid = F.affine_grid(
        torch.tensor([[[across, -down, 0], [down, across, 0]]]), [1, 3, size, size], align_corners=False
    )
    return F.grid_sample(image, grid, mode="bicubic", padding_mode=padding, align_corners=False)


def cut(photo: Picture, window: Window) -> Picture:
    """A part of a picture as a picture; its pixels are decoded on reading."""
    part = photo.image.crop(window.left, window.top, window.width, window.height)
    return Picture(part, bits=photo.bits, colour=photo.colour, metadata=photo.metadata, path=photo.path)


def common(a: Window, b: Window) -> Window:
    """Intersection of two windows."""
    top, left = max(a.top, b.top), max(a.left, b.left)
    return Window(top, left, min(a.bottom, b.bottom) - top, min(a.right, b.right) - left)


def changed(frame: Frame) -> float:
    """Mean absolute change within a face, in [0, 1]."""
    height, width = frame.detail.shape[2:]
    scale = frame.inside.height / height
    top, left = (frame.top - frame.inside.top) / scale, (frame.left - frame.inside.left) / scale
    small = Frame(top, left, frame.side / scale, Window(0, 0, height, width), frame.detail)
    weight = small.weight(small.inside)
    return float((frame.detail.abs() * weight).mean(1).sum() / weight.sum().clamp(min=1e-6))


def calmed(detail: Tensor) -> tuple[Tensor, Tensor]:
    """A face's residual (1, 3, h, w), reduced where it is locally large, which would make another face.

    Returns:
        The residual, and the fraction by which each place was reduced: (1, 1, h, w) in [0, 1].
    """
    side = 2 * CHANGE_RADIUS + 1
    around = F.avg_pool2d(
        detail.abs().mean(1, keepdim=True), side, stride=1, padding=CHANGE_RADIUS, count_include_pad=False
    )
    share = (MAX_LOCAL_CHANGE / F.max_pool2d(around, side, stride=1, padding=CHANGE_RADIUS).clamp(min=1e-6)).clamp(
        max=1
    )
    return detail * share, 1 - share
