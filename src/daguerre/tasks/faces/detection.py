"""Find faces: a network looks at the picture window by window, and at copies of a half, a quarter, ... of its size."""

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

SIDE = 1024  # pixels of a window, a multiple of the network's
SEEN = 24  # pixels from which a face is seen surely; pictures in which all wanted ones are twice as large are halved
SMALLEST_COPY = 320  # pixels of a copy's longer side down to which it is halved again
LARGEST_BOX = 10  # sides of the picture; a face may reach over its border
LANDMARKS = (0.308 + 0.37j, 0.72 + 0.37j, 0.514 + 0.615j, 0.34 + 0.78j, 0.688 + 0.78j)
"""Where the eyes, the nose and the corners of the mouth of an upright face lie in its square, as x + y i in its sides:
the medians of 403 training faces and their mirror images."""
PUBLISHED, OURS = "yunet", "face-detection"  # weights
HIGHER = 1.16  # sides of its square that the box of a face is high


@dataclass(frozen=True)
class Face:
    """A face: a square around it from above the brows to the chin, in pixels of the picture, and how sure it is.

    Args:
        left, top, side: of the square; it may reach over the picture's border.
        score: from 0, a guess, to 1.
        turn: degrees by which the face is inclined clockwise; its square is upright all the same.
        landmarks: x and y of the right and the left eye, as the person has them, the tip of the nose, and the right and
            the left corner of the mouth, in pixels; none if they are not known.
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
    """Finds faces of any size with a network that gives each five landmarks, from which its square is made.

    Windows overlap by all that the network sees around a place, and each counts only what lies in itself, so the result
    does not depend on them. Large faces are found in the copies.

    Args:
        model: name or file of the network's weights; by default the published YuNet if it was fetched, else ours.
        min_size: least side of a face, in pixels of the picture.
        confidence: least score.
        side: of a window in pixels, a multiple of 32.

    Raises:
        WeightsError: the weights are not found, damaged, or of another network.
    """

    def __init__(self, model: str = "auto", *, min_size: int, confidence: float, side: int = SIDE) -> None:
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
        """What the network sees in a copy, as of `candidates_of`, in pixels of the copy."""
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
    """The option that names the detector, as all tasks with faces have it."""
    return option("auto", "face detector: auto: yunet if it was fetched, else ours; or a name or file", file=True)


def chosen_model() -> str:
    """The published YuNet if it is on this computer, else ours; not by asking for it, which would note it as used."""
    return PUBLISHED if (weights.weights_folder() / f"{PUBLISHED}.safetensors").is_file() else OURS


def copies(picture: Picture, least: int) -> Iterator[Picture]:
    """The picture at sizes that are halved again and again, from one at which a face of `least` pixels is seen."""
    copy = picture
    while least >= 2 * SEEN:
        copy, least = halved(copy), least // 2
    yield copy
    while max(copy.height, copy.width) > SMALLEST_COPY:
        copy = halved(copy)
        yield copy


def halved(picture: Picture) -> Picture:
    return resized(picture, -(-picture.height // 2), -(-picture.width // 2))


def scales(picture: Picture, copy: Picture) -> Tensor:
    """What turns pixels of a copy into those of the picture, for a row of `candidates_of`: (15,)."""
    x, y = picture.width / copy.width, picture.height / copy.height
    return torch.tensor([x, y] * 7 + [1.0])


def shift(x: int, y: int) -> Tensor:
    """What moves a row of `candidates_of`: (15,)."""
    return torch.tensor([x, y] * 7 + [0.0])


def face_of(row: Sequence[float]) -> Face:
    """The face of a row of `candidates_of`: its square is where its landmarks lie best in it (Umeyama 1991).

    The eyes and the mouth of a face in profile lie closer together, so a square is never much smaller than its box.
    """
    seen = [complex(row[place], row[place + 1]) for place in range(4, 14, 2)]
    middle, usual = sum(seen) / 5, sum(LANDMARKS) / 5
    usually = [place - usual for place in LANDMARKS]
    turned = sum((a - middle) * b.conjugate() for a, b in zip(seen, usually, strict=True))
    turned /= sum(abs(place) ** 2 for place in usually)
    side = max(abs(turned), 0.85 * (row[3] - row[1]) / HIGHER)
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
