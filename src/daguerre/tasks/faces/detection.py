"""Detect faces: a network runs on windows of the picture and of copies at a half, a quarter, ... of its size."""

import cmath
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from daguerre import weights
from daguerre.errors import OptionError
from daguerre.files import read_small
from daguerre.images import Picture
from daguerre.images.resize import resized
from daguerre.images.visible import read_colours
from daguerre.networks.yunet import YuNet, candidates_of, without_doubles
from daguerre.options import option
from daguerre.tiling import Window, plan_windows, run_windows

__all__ = ["Boxes", "Face", "FaceDetector", "FaceFinder", "finder_option", "in_reading_order", "soft_ellipse"]

WINDOW_SIDE = 1024  # pixels of a window, a multiple of the network's size multiple
RELIABLE_FACE = 24  # pixels from which a face is reliably detected; pictures with only faces twice as large are halved
SMALLEST_COPY = 320  # pixels of a copy's longer side, down to which it is halved again
LARGEST_BOX = 10  # relative to the picture; a face may extend beyond its border
LANDMARKS = (0.308 + 0.37j, 0.72 + 0.37j, 0.514 + 0.615j, 0.34 + 0.78j, 0.688 + 0.78j)
"""Positions of the eyes, the nose and the corners of the mouth of an upright face, as x + y i relative to its square:
medians of 403 training faces and their mirror images."""
PUBLISHED, OURS = "yunet", "face-detection"  # weights
BOX_HEIGHT = 1.16  # height of a face's box, relative to its square


@dataclass(frozen=True)
class Face:
    """A face: a square from above the brows to the chin, in pixels of the picture, and its score.

    Args:
        left, top, side: the square, which may extend beyond the picture's border.
        score: from 0, a guess, to 1.
        turn: degrees by which the face is tilted clockwise; its square is upright anyway.
        landmarks: x and y of the person's right and left eye, the tip of the nose, and the right and left corner of the
            mouth, in pixels; empty if unknown.
    """

    left: int
    top: int
    side: int
    score: float = 1.0
    turn: float = 0.0
    landmarks: tuple[tuple[float, float], ...] = ()


class FaceDetector(Protocol):
    """Finds the faces of pictures."""

    def __call__(self, picture: Picture) -> list[Face]:
        """The faces of a picture, in reading order."""


class FaceFinder:
    """Detects faces of any size with a network that predicts five landmarks each, which determine the square.

    Windows overlap by the network's receptive field, and each counts only the detections inside it, so the result does
    not depend on them. Large faces are found in the copies.

    Args:
        model: name or file of the network's weights; by default the published YuNet if fetched, else ours.
        min_size: minimum side of a face, in pixels of the picture.
        confidence: minimum score.
        side: of a window in pixels, a multiple of 32.

    Raises:
        WeightsError: the weights are missing, damaged, or for another network.
    """

    def __init__(self, model: str = "auto", *, min_size: int, confidence: float, side: int = WINDOW_SIDE) -> None:
        self.model = chosen_model() if model == "auto" else model
        loaded = weights.load(self.model)
        self.network = loaded.on(loaded.device).expect(YuNet)
        self.min_size, self.confidence, self.side = min_size, confidence, side

    def __call__(self, picture: Picture) -> list[Face]:
        """The faces of a picture, in reading order of their middles."""
        seen = torch.cat([self.candidates(copy) * scales(picture, copy) for copy in copies(picture, self.min_size)])
        faces = [face_of(row) for row in without_doubles(seen).tolist()]
        return in_reading_order([face for face in faces if face.side >= self.min_size])

    def candidates(self, copy: Picture) -> Tensor:
        """Detections in a copy, as from `candidates_of`, in pixels of the copy."""
        halo, multiple = self.network.halo, self.network.multiple
        seen: list[Tensor] = []

        def around(window: Window) -> Window:
            return window.grown(halo, copy.height, copy.width)

        @torch.inference_mode()
        def compute(window: Window, image: Tensor) -> Tensor:
            height, width = image.shape[-2:]
            image = F.pad(image, (0, -width % multiple, 0, -height % multiple), mode="replicate")
            whole, inner = around(window), window.within(around(window))
            maps = self.network(image.contiguous(memory_format=torch.channels_last))
            rows, columns = (inner.top, inner.bottom), (inner.left, inner.right)
            return candidates_of(maps, self.confidence, rows=rows, columns=columns) + shift(whole.left, whole.top)

        run_windows(
            plan_windows(copy.height, copy.width, self.side),
            read=lambda window: read_colours(copy, around(window))[0],
            compute=compute,
            write=lambda _, found: seen.append(found),
            step="looking for faces",
        )
        return torch.cat(seen)


def finder_option() -> Any:
    """The option that names the detector, shared by all tasks with faces."""
    return option("auto", "face detector: auto: yunet if fetched, else ours; or a name or file", file=True)


def chosen_model() -> str:
    """The published YuNet if it is on this computer, else ours. It is not loaded, which would record it as used."""
    return PUBLISHED if (weights.weights_folder() / f"{PUBLISHED}.safetensors").is_file() else OURS


def copies(picture: Picture, least: int) -> Iterator[Picture]:
    """The picture at repeatedly halved sizes, from one at which a face of `least` pixels is detected."""
    copy = picture
    while least >= 2 * RELIABLE_FACE:
        copy, least = halved(copy), least // 2
    yield copy
    while max(copy.height, copy.width) > SMALLEST_COPY:
        copy = halved(copy)
        yield copy


def halved(picture: Picture) -> Picture:
    return resized(picture, -(-picture.height // 2), -(-picture.width // 2))


def scales(picture: Picture, copy: Picture) -> Tensor:
    """Factors from pixels of a copy to those of the picture, for a row of `candidates_of`: (15,)."""
    x, y = picture.width / copy.width, picture.height / copy.height
    return torch.tensor([x, y] * 7 + [1.0])


def shift(x: int, y: int) -> Tensor:
    """Offsets that move a row of `candidates_of`: (15,)."""
    return torch.tensor([x, y] * 7 + [0.0])


def face_of(row: Sequence[float]) -> Face:
    """The face of a row of `candidates_of`; its square is fitted to its landmarks (Umeyama 1991).

    The eyes and the mouth of a face in profile lie closer together, so a square is never much smaller than its box.
    """
    seen = [complex(row[place], row[place + 1]) for place in range(4, 14, 2)]
    middle, usual = sum(seen) / 5, sum(LANDMARKS) / 5
    usually = [place - usual for place in LANDMARKS]
    turned = sum((a - middle) * b.conjugate() for a, b in zip(seen, usually, strict=True))
    turned /= sum(abs(place) ** 2 for place in usually)
    side = max(abs(turned), 0.85 * (row[3] - row[1]) / BOX_HEIGHT)
    centre = middle + cmath.rect(side, cmath.phase(turned)) * (0.5 + 0.5j - usual)
    return Face(
        round(centre.real - side / 2),
        round(centre.imag - side / 2),
        round(side),
        round(row[14], 3),
        round(math.degrees(cmath.phase(turned)), 1),
        tuple((round(place.real, 1), round(place.imag, 1)) for place in seen),
    )


class Boxes:
    """Faces marked by hand, in a text file: left, top, width and height in pixels on each line.

    Separated by commas or spaces; empty lines and anything after a # are ignored. A box becomes a square around its
    center, and may extend beyond the picture's border, as those of `daguerre faces --list` do.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, picture: Picture) -> list[Face]:
        """The faces of a picture, in reading order of their middles.

        Raises:
            OptionError: the file cannot be read, a line is invalid, or a box lies outside the picture.
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


def in_reading_order(faces: Sequence[Face]) -> list[Face]:
    """Faces in rows from top to bottom, each row from left to right."""
    left, ordered = sorted(faces, key=lambda face: face.top + face.side / 2), []
    while left:
        first = left[0]
        limit = first.top + first.side
        row = [face for face in left if face.top + face.side / 2 < limit]
        ordered += sorted(row, key=lambda face: face.left)
        left = [face for face in left if face not in row]
    return ordered


def soft_ellipse(window: Window, middle: tuple[float, float], half: tuple[float, float], full: float) -> Tensor:
    """Weight of an ellipse in each pixel of a window: (1, 1, h, w) in [0, 1].

    Args:
        middle: row and column of its center in pixels.
        half: half its height and half its width in pixels.
        full: fraction of the way from its center to its border, up to which the weight is 1.
    """
    y = (torch.arange(window.top, window.bottom) + 0.5 - middle[0]) / half[0]
    x = (torch.arange(window.left, window.right) + 0.5 - middle[1]) / half[1]
    ramp = ((1 - torch.hypot(y[:, None], x[None])) / (1 - full)).clamp(0, 1)
    return (ramp * ramp * (3 - 2 * ramp))[None, None]
