"""Find faces: OpenCV's cascades, each of which votes, on a copy of bounded size."""

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from daguerre.errors import MissingExtra, OptionError
from daguerre.files import read_small
from daguerre.images import Picture
from daguerre.images.pixels import luma, to_levels
from daguerre.images.resize import read_resized
from daguerre.tiling import Window

__all__ = ["Boxes", "Face", "FaceDetector", "FaceFinder", "YuNet", "in_reading_order", "soft_ellipse"]

LONGEST = 1200  # pixels of the copy's longer side
LEAST = 26  # pixels of the smallest face on the copy; the cascades know faces of 20
STEP = 1.1  # from one size of the search to the next
FRONTAL = ("haarcascade_frontalface_alt2.xml", "haarcascade_frontalface_alt.xml")
PROFILE = "haarcascade_profileface.xml"  # knows one side; the other is found in the mirrored picture
TURNS = (-22.0, 22.0)  # degrees by which the picture is turned for heads that are inclined
LARGEST_BOX = 10  # sides of the picture; a face may reach over its border
SAME = 0.35  # part of two boxes' union that they share, from which they are of one face
YUNET = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"  # SHA-256 of its file of March 2023
HALF = 12.0  # votes that make a score of 1/2
# Where votes are few, eyes are looked for as well. Of what was found in 106 real old photographs after restoring, 123
# faces and 16 places that are none at a confidence of 0.5, 121 and 6 are left; at 0.4 there are 126 and 8.
CERTAIN = 0.75  # score from which votes are enough
EYES = ("haarcascade_eye.xml", "haarcascade_eye_tree_eyeglasses.xml")
SEEN = 6  # times that an eye must be seen
LARGE = (128, 176)  # pixels of a face in which eyes are looked for


@dataclass(frozen=True)
class Face:
    """A face: a square around it from above the brows to the chin, in pixels of the picture, and how sure it is.

    Args:
        left, top, side: of the square; it may reach over the picture's border.
        score: from 0, a guess, to 1.
    """

    left: int
    top: int
    side: int
    score: float = 1.0


class FaceDetector(Protocol):
    """Finds the faces of pictures."""

    def __call__(self, picture: Picture) -> list[Face]:
        """The faces of a picture, in reading order."""


class FaceFinder:
    """Finds faces that look at the camera, aside, or are slightly turned.

    Every cascade fires several times around a face and seldom more than once elsewhere. So each firing is a vote,
    those of all cascades for one place are counted together, and a face needs enough of them; if they are not many,
    cascades for eyes must agree (Viola and Jones 2001; the cascades are OpenCV's).

    On a picture whose longer side has more than 1200 pixels the search is on a reduced copy, so that faces of less than
    a 46th of that side are not found, whatever `min_size` says.

    Args:
        min_size: least side of a face, in pixels of the picture.
        confidence: least score.

    Raises:
        MissingExtra: this OpenCV has no cascades.
    """

    def __init__(self, *, min_size: int, confidence: float) -> None:
        self.min_size, self.confidence = min_size, confidence
        cascade(FRONTAL[0])  # better refused now than after an hour's work

    def __call__(self, picture: Picture) -> list[Face]:
        """The faces of a picture, in reading order of their middles."""
        copy, share = reduced(picture)
        least = max(LEAST, round(0.8 * self.min_size * share))
        grey, found = to_levels(luma(copy), 8)[..., 0], []
        for (x, y, side), votes in merged(fired(grey, least)):
            score = votes / (votes + HALF)
            face = Face(round(x / share), round(y / share), round(side / share), round(score, 3))
            wanted = face.score >= self.confidence and face.side >= 0.9 * self.min_size
            if wanted and (score >= CERTAIN or eyes_seen(grey, x, y, side) >= SEEN):
                found.append(face)
        return in_reading_order(found)


class YuNet:
    """Finds faces with YuNet, a network that OpenCV runs.

    Wu et al. 2023, https://doi.org/10.1007/s11633-023-1423-y. Its file, face_detection_yunet_2023mar.onnx of OpenCV's
    model zoo, does not ship. Pictures are reduced as for `FaceFinder`.

    Args:
        path: of the file.
        min_size: least side of a face, in pixels of the picture.
        confidence: least score.

    Raises:
        OptionError: the file cannot be read, or is another.
    """

    def __init__(self, path: Path, *, min_size: int, confidence: float) -> None:
        try:
            checksum = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise OptionError(f"cannot read YuNet's file {path} ({error.strerror}); name the file itself") from error
        if checksum != YUNET:
            raise OptionError(f"{path} is not face_detection_yunet_2023mar.onnx: its SHA-256 begins {checksum[:8]}")
        self.path, self.min_size, self.confidence = path, min_size, confidence

    def __call__(self, picture: Picture) -> list[Face]:
        """The faces of a picture, in reading order of their middles."""
        import cv2

        copy, share = reduced(picture)
        levels = np.ascontiguousarray(to_levels(copy, 8)[..., ::-1])  # it wants blue first
        detector = cv2.FaceDetectorYN.create(str(self.path), "", (levels.shape[1], levels.shape[0]), self.confidence)
        _, rows = detector.detect(levels)
        found = []
        for x, y, width, height, *_, score in [] if rows is None else rows.tolist():
            # A square as high as its box, which reaches from the hair to the chin.
            left, top = (x + (width - height) / 2) / share, y / share
            found.append(Face(round(left), round(top), round(height / share), round(score, 3)))
        return in_reading_order([face for face in found if face.side >= 0.9 * self.min_size])


class Boxes:
    """Faces that a person has marked, in a text file: in each line left, top, width and height in pixels.

    Commas or spaces lie between; empty lines and what follows a # do not count. A box is made square around its middle,
    and may reach over the picture's border, as `daguerre faces --list` writes them.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, picture: Picture) -> list[Face]:
        """The faces of a picture, in reading order of their middles.

        Raises:
            OptionError: the file cannot be read, a line says something else, or a box lies outside the picture.
        """
        try:
            lines = read_small(self.path).decode("utf-8-sig").splitlines()
        except OSError as error:
            raise OptionError(f"cannot read the boxes in {self.path} ({error.strerror})") from error
        except ValueError as error:
            raise OptionError(f"cannot read the boxes in {self.path}; save it as plain text, in UTF-8") from error
        said = [line.partition("#")[0].strip() for line in lines]
        return in_reading_order([self.face(number, line, picture) for number, line in enumerate(said, 1) if line])

    def face(self, number: int, line: str, picture: Picture) -> Face:
        try:
            left, top, width, height = map(float, line.replace(",", " ").split())
        except ValueError:
            raise OptionError(
                f"{self.path}, line {number}: {line!r} is no box; write left, top, width and height in pixels"
            ) from None
        if not (width >= 1 and height >= 1):
            raise OptionError(f"{self.path}, line {number}: the box {line} is smaller than a pixel")
        if max(width, height) > LARGEST_BOX * max(picture.width, picture.height):
            raise OptionError(f"{self.path}, line {number}: the box {line} is far larger than the picture")
        if not (-width < left < picture.width and -height < top < picture.height):
            raise OptionError(
                f"{self.path}, line {number}: the box {line} is not in the picture, "
                f"which has {picture.width} x {picture.height} pixels"
            )
        side = max(width, height)
        return Face(round(left + (width - side) / 2), round(top + (height - side) / 2), round(side))


def reduced(picture: Picture) -> tuple[Tensor, float]:
    """A picture with a longer side of at most `LONGEST` pixels, (1, 3, h, w), and its size over the picture's."""
    share = min(LONGEST / max(picture.height, picture.width), 1.0)
    copy, _ = read_resized(picture, max(round(picture.height * share), 1), max(round(picture.width * share), 1))
    return copy, share


def fired(grey: NDArray[Any], least: int) -> NDArray[np.float64]:
    """Every firing of every cascade: (n, 3) of left, top and side, in pixels of `grey` (H, W) uint8."""
    width = grey.shape[1]
    boxes = [box for name in FRONTAL for box in search(name, grey, least)]
    boxes += search(PROFILE, grey, least)
    boxes += [(width - x - side, y, side) for x, y, side in search(PROFILE, grey[:, ::-1], least)]
    for degrees in TURNS:
        boxes += search_turned(FRONTAL[0], grey, least, degrees)
    return np.array(boxes, np.float64).reshape(-1, 3)


def search(name: str, grey: NDArray[Any], least: int) -> list[tuple[float, float, float]]:
    """Every firing of one cascade."""
    found = cascade(name).detectMultiScale(np.ascontiguousarray(grey), STEP, 0, minSize=(least, least))
    return [(x, y, side) for x, y, side, _ in found]


def search_turned(name: str, grey: NDArray[Any], least: int, degrees: float) -> list[tuple[float, float, float]]:
    """Every firing of one cascade on the picture turned about its middle, as upright squares of the picture."""
    import cv2

    height, width = grey.shape
    there = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    back = cv2.invertAffineTransform(there)
    turned = cv2.warpAffine(grey, there, (width, height), borderMode=cv2.BORDER_REPLICATE)
    boxes = []
    for x, y, side in search(name, turned, least):
        middle_x, middle_y = back @ (x + side / 2, y + side / 2, 1.0)
        if 0 <= middle_x < width and 0 <= middle_y < height:
            boxes.append((middle_x - side / 2, middle_y - side / 2, side))
    return boxes


def eyes_seen(grey: NDArray[Any], x: float, y: float, side: float) -> int:
    """How often eyes are seen in the upper two thirds of a square, enlarged in two ways, and in its mirror image."""
    import cv2

    edge = round(side / 20)
    rows, columns = (
        np.arange(round(at) - edge, round(at + side) + edge).clip(0, most - 1)
        for at, most in zip((y, x), grey.shape, strict=True)
    )
    face, seen = grey[np.ix_(rows, columns)], 0
    for large in LARGE:
        enlarged = cv2.equalizeHist(cv2.resize(face, (large, large), interpolation=cv2.INTER_CUBIC))[: large * 2 // 3]
        sizes = {"minSize": (large // 8, large // 8), "maxSize": (large * 3 // 8, large * 3 // 8)}
        for view in (enlarged, np.ascontiguousarray(enlarged[:, ::-1])):
            seen += sum(len(cascade(name).detectMultiScale(view, 1.05, 1, **sizes)) for name in EYES)
    return seen


@functools.cache
def cascade(name: str) -> Any:
    """One of OpenCV's cascades.

    Raises:
        MissingExtra: this OpenCV has none any more.
    """
    import cv2  # takes a fifth of a second, which no other task should pay

    if not hasattr(cv2, "CascadeClassifier"):
        raise MissingExtra(
            f"OpenCV {cv2.__version__} finds no faces by itself; install 'opencv-python-headless<5', give --finder a "
            "file of YuNet's, or restore with --faces off"
        )
    return cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / name))


def merged(boxes: NDArray[np.float64]) -> list[tuple[tuple[float, float, float], int]]:
    """Boxes (n, 3) that are of one face made one, their median, with their number; none overlaps a better one much."""
    boxes = boxes[np.lexsort(boxes.T)]  # OpenCV's threads bring them in any order
    near = np.array([overlap(box, boxes) >= SAME for box in boxes], bool).reshape(len(boxes), len(boxes))
    counts, left = near.sum(1), np.ones(len(boxes), bool)
    groups = []
    while left.any():
        group = near[np.argmax(np.where(left, counts, -1))] & left
        groups.append(boxes[group])
        counts -= near[:, group].sum(1)
        left &= ~group
    kept: list[tuple[tuple[float, float, float], int]] = []
    for group in sorted(groups, key=len, reverse=True):
        middle = np.median(group, axis=0)
        if all(covered(middle, np.array([other])).item() < 0.5 for other, _ in kept):
            x, y, side = middle.tolist()
            kept.append(((x, y, side), len(group)))
    return kept


def shared(box: NDArray[np.float64], boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pixels that a square (3,) shares with each of others (n, 3): (n,)."""
    first = np.maximum(box[:2], boxes[:, :2])
    last = np.minimum(box[:2] + box[2], boxes[:, :2] + boxes[:, 2:])
    both: NDArray[np.float64] = np.maximum(last - first, 0).prod(1)
    return both


def overlap(box: NDArray[np.float64], boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """The part of its union with each of others (n, 3) that a square (3,) shares, in [0, 1]: (n,)."""
    common = shared(box, boxes)
    part: NDArray[np.float64] = common / (box[2] ** 2 + boxes[:, 2] ** 2 - common)
    return part


def covered(box: NDArray[np.float64], boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """The part of the smaller of a square (3,) and each of others (n, 3) that lies in the other, in [0, 1]: (n,)."""
    part: NDArray[np.float64] = shared(box, boxes) / np.minimum(box[2], boxes[:, 2]) ** 2
    return part


def in_reading_order(faces: Sequence[Face]) -> list[Face]:
    """From top to bottom in rows as high as the faces, from left to right in each."""
    left, ordered = sorted(faces, key=lambda face: face.top + face.side / 2), []
    while left:
        first = left[0]
        limit = first.top + first.side
        row = [face for face in left if face.top + face.side / 2 < limit]
        ordered += sorted(row, key=lambda face: face.left)
        left = [face for face in left if face not in row]
    return ordered


def soft_ellipse(window: Window, middle: tuple[float, float], half: tuple[float, float], full: float) -> Tensor:
    """How far each pixel of a window belongs to an ellipse: (1, 1, h, w) in [0, 1].

    Args:
        middle: its row and column in pixels.
        half: half its height and half its width in pixels.
        full: part of the way from its middle to its border, up to which the weight is 1.
    """
    y = (torch.arange(window.top, window.bottom) + 0.5 - middle[0]) / half[0]
    x = (torch.arange(window.left, window.right) + 0.5 - middle[1]) / half[1]
    ramp = ((1 - torch.hypot(y[:, None], x[None])) / (1 - full)).clamp(0, 1)
    return (ramp * ramp * (3 - 2 * ramp))[None, None]
