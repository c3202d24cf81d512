"""Crops of photographs with faces of all sizes, tilted, worn, in groups, or without any, to train face detection."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from daguerre.networks.yunet import YuNet, faces_of
from daguerre.progress import Progress, ProgressCallback
from daguerre.training.data.pictures import hold_out, load_pictures
from daguerre.training.recipe import Recipe

__all__ = ["FaceCrops", "faces_in", "worn"]

Pixels = NDArray[Any]
"""A picture (H, W, 3) uint8, red first."""

LONGEST_SIDE = 1024  # pixels of a picture's longer side, of which crops are taken
SMALLEST_SIDE = 96  # pixels of a picture's shorter side
FACE_SIZES = (9.0, 110.0)  # smallest and largest face in a crop, in pixels
MAX_ENLARGEMENT = 1.6  # maximum factor by which a picture is enlarged
INCLINED, MOST_DEGREES = 0.5, 35.0  # of the crops are turned, to either side
MOST_FACES = 7  # put into a crop
DECOY_SHARE = 0.35  # of the composed crops have pieces of pictures without faces put in as the faces are
MIN_KNOWN_SCORE = 0.5  # score from which crops are taken around a face
BORDERS = (cv2.BORDER_REFLECT_101, cv2.BORDER_REPLICATE, cv2.BORDER_CONSTANT)


@dataclass(frozen=True)
class KnownFace:
    """A face that the teacher sees in a picture: the picture's number, its middle and its size, in pixels."""

    picture: int
    x: float
    y: float
    size: float


class FaceCrops:
    """Draws crops, and the same crops worn, from the pictures of a recipe.

    Args:
        teacher: finds the faces around which crops are taken.

    Raises:
        DataError: the pictures cannot be used.
    """

    def __init__(self, recipe: Recipe, data: Path, teacher: YuNet, progress: ProgressCallback) -> None:
        self.recipe, self.left_out = recipe, list[str]()
        self.pictures: list[Pixels] = []
        self.held_out: list[Pixels] = []
        self.part_of: list[int] = []  # each picture's part
        for number, part in enumerate(recipe.data.parts):
            training, held_out = self.load(data, part, progress)
            self.pictures += training
            self.part_of += [number] * len(training)
            self.held_out += held_out
        self.portraits = [
            picture for part in recipe.finding.portraits for picture in self.load(data, part, progress)[0]
        ]
        self.faces: list[KnownFace] = []
        for number, picture in enumerate(self.pictures):
            self.faces += known_faces(number, picture, teacher)
            progress(Progress(step="looking for faces", done=number + 1, total=len(self.pictures)))
        shares = np.array([recipe.aging.shares.get(part, 1.0) for part in recipe.data.parts])
        self.picture_weights = drawn_by(shares, self.part_of)
        self.face_weights = drawn_by(shares, [self.part_of[face.picture] for face in self.faces])

    def load(self, data: Path, part: str, progress: ProgressCallback) -> tuple[list[Pixels], list[Pixels]]:
        """The pictures of a part of the data to train on, and those held out."""
        pictures, left_out = load_pictures(data, [part], least=SMALLEST_SIDE, progress=progress)
        self.left_out += left_out
        wanted = {n: p for n, p in pictures.items() if Path(n).name not in self.recipe.aging.exclude}
        held_out = hold_out(wanted, self.recipe.validation.fraction)
        split = ([n for n in sorted(wanted) if n not in held_out], sorted(held_out))
        training, rest = ([shrunk(wanted[name]) for name in names] for names in split)
        return training, rest

    def draw(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """A batch of crops, as they are and worn: (B, 3, crop, crop) each, in [0, 1]."""
        rng = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
        crops = [self.crop(rng) for _ in range(self.recipe.batch)]
        seen = [crop if rng.random() < self.recipe.aging.untouched else worn(crop, rng) for crop in crops]
        return as_batch(crops), as_batch(seen)

    def crop(self, rng: np.random.Generator) -> Pixels:
        """A crop around a face, with pasted portraits, or of any place."""
        plan, kind = self.recipe.finding, rng.random()
        if kind < plan.around and self.faces:
            return self.around(self.faces[rng.choice(len(self.faces), p=self.face_weights)], rng)
        if kind < plan.around + plan.composed and self.portraits:
            return self.composed(rng)
        return self.anywhere(rng)

    def around(self, face: KnownFace, rng: np.random.Generator) -> Pixels:
        """A crop that contains a face at a random size and position."""
        side, low, high = self.recipe.crop, *map(math.log, FACE_SIZES)
        scale = min(math.exp(rng.uniform(low, high)) / face.size, MAX_ENLARGEMENT)
        margin = min(0.5 * face.size * scale, side / 2)
        to = rng.uniform(margin, side - margin, 2)
        return cut(self.pictures[face.picture], (face.x, face.y), to, scale, turn(rng), side, rng)

    def anywhere(self, rng: np.random.Generator) -> Pixels:
        """A crop of a random place in a random picture, at a random scale."""
        side = self.recipe.crop
        picture = self.pictures[rng.choice(len(self.pictures), p=self.picture_weights)]
        height, width = picture.shape[:2]
        least = min(side / max(height, width), 1.0)
        scale = math.exp(rng.uniform(math.log(least), math.log(1.3)))
        at = (rng.uniform(0, width), rng.uniform(0, height))
        return cut(picture, at, np.array([side / 2, side / 2]), scale, turn(rng), side, rng)

    def composed(self, rng: np.random.Generator) -> Pixels:
        """A crop of a random place with portraits, and pieces of other pictures, pasted in."""
        made, side = self.anywhere(rng), self.recipe.crop
        grey = rng.random() < 0.4
        same = math.exp(rng.uniform(math.log(FACE_SIZES[0]), math.log(FACE_SIZES[1])))
        for _ in range(rng.integers(1, MOST_FACES + 1)):
            if rng.random() < DECOY_SHARE / 2:
                piece = self.anywhere(rng)
            else:
                piece = self.portraits[rng.integers(len(self.portraits))]
            size = float(np.clip(same * math.exp(rng.normal(0, 0.25)), FACE_SIZES[0], FACE_SIZES[1])) * 1.3
            paste(made, piece, size, rng.uniform(0, side, 2), turn(rng), rng, grey=grey)
        return np.repeat(made.mean(2, keepdims=True).astype(np.uint8), 3, 2) if grey else made


def drawn_by(shares: NDArray[Any], parts: Sequence[int]) -> NDArray[Any]:
    """Probability of drawing each of several items, from the shares of their parts."""
    weights: NDArray[Any] = (
        shares[np.array(parts, int)] / np.bincount(parts, minlength=len(shares))[np.array(parts, int)]
    )
    return weights / weights.sum()  # type: ignore[no-any-return]


def shrunk(picture: Tensor) -> Pixels:
    """A picture (3, H, W) uint8 with a longer side of at most LONGEST_SIDE pixels."""
    pixels = np.ascontiguousarray(picture.permute(1, 2, 0).numpy())
    share = LONGEST_SIDE / max(pixels.shape[:2])
    return cv2.resize(pixels, None, fx=share, fy=share, interpolation=cv2.INTER_AREA) if share < 1 else pixels


def known_faces(number: int, picture: Pixels, teacher: YuNet) -> list[KnownFace]:
    """The faces that a teacher detects in a picture."""
    found = faces_in(picture, teacher, MIN_KNOWN_SCORE)
    middles, sizes = (found[:, :2] + found[:, 2:4]) / 2, (found[:, 2:4] - found[:, :2]).amax(1)
    return [KnownFace(number, x, y, size) for (x, y), size in zip(middles.tolist(), sizes.tolist(), strict=True)]


@torch.inference_mode()
def faces_in(picture: Pixels, network: YuNet, least: float) -> Tensor:
    """The faces (n, 15) that a network detects in a picture, as from `faces_of`."""
    height, width = (-(-length // network.multiple) * network.multiple for length in picture.shape[:2])
    padded = np.zeros((height, width, 3), np.uint8)
    padded[: picture.shape[0], : picture.shape[1]] = picture
    image = as_batch([padded]).contiguous(memory_format=torch.channels_last)
    return faces_of(network(image), least)


def as_batch(pictures: Sequence[Pixels]) -> Tensor:
    """Pictures of one size as (B, 3, H, W) in [0, 1]."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255


def turn(rng: np.random.Generator) -> float:
    """An angle in degrees, often 0."""
    return float(rng.uniform(-MOST_DEGREES, MOST_DEGREES)) if rng.random() < INCLINED else 0.0


def placing(at: Sequence[float], to: NDArray[Any], scale: float, degrees: float, *, mirrored: bool) -> NDArray[Any]:
    """The affine map (2, 3) that maps one point to another, with scaling, rotation and mirroring."""
    angle = math.radians(degrees)
    matrix = scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    if mirrored:
        matrix[:, 0] *= -1
    return np.concatenate([matrix, (to - matrix @ np.array(at))[:, None]], 1)


def cut(
    picture: Pixels,
    at: Sequence[float],
    to: NDArray[Any],
    scale: float,
    degrees: float,
    side: int,
    rng: np.random.Generator,
) -> Pixels:
    """A crop of a picture, mirrored half of the time; the border is extended in one of three ways."""
    picture, at, scale = halved(picture, at, scale)
    matrix = placing(at, to, scale, degrees, mirrored=rng.random() < 0.5)
    border = BORDERS[rng.integers(len(BORDERS))]
    fill = [int(rng.integers(256))] * 3
    made: Pixels = cv2.warpAffine(picture, matrix, (side, side), borderMode=border, borderValue=fill)
    return made


def halved(picture: Pixels, at: Sequence[float], scale: float) -> tuple[Pixels, Sequence[float], float]:
    """A picture halved until the wanted scale is above 0.6, where bilinear sampling works."""
    while scale < 0.6 and min(picture.shape[:2]) > 3:
        picture = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        at, scale = [coordinate / 2 for coordinate in at], scale * 2
    return picture, at, scale


def paste(
    made: Pixels,
    piece: Pixels,
    size: float,
    to: NDArray[Any],
    degrees: float,
    rng: np.random.Generator,
    *,
    grey: bool,
) -> None:
    """Paste a piece of `size` pixels into a picture: an ellipse or a rectangle, with a soft or hard border."""
    side = made.shape[0]
    middle = (piece.shape[1] / 2, piece.shape[0] / 2)
    piece, at, scale = halved(piece, middle, size / max(piece.shape[:2]))
    height, width = piece.shape[:2]
    mask: Pixels = np.zeros((height, width), np.float32)
    if rng.random() < 0.65:
        half = (int(width * rng.uniform(0.36, 0.5)), int(height * rng.uniform(0.42, 0.5)))
        cv2.ellipse(mask, (width // 2, height // 2), half, 0, 0, 360, 1.0, -1)
    else:
        mask[1:-1, 1:-1] = 1
    soft = rng.uniform(0, 0.08) * min(height, width)
    if soft > 0.5:
        mask = cv2.GaussianBlur(mask, (0, 0), soft)
    matrix = placing(at, to, scale, degrees, mirrored=rng.random() < 0.5)
    put = cv2.warpAffine(piece, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    over = cv2.warpAffine(mask, matrix, (side, side))[..., None]
    if grey:
        put[:] = put.mean(2, keepdims=True)
    inside = over[..., 0] > 0.5
    if inside.any() and rng.random() < 0.5:  # as light as its surroundings
        put += 0.7 * (made[inside].mean() - put[inside].mean())
    made[:] = (made + (put - made) * over).clip(0, 255).astype(np.uint8)


def worn(crop: Pixels, rng: np.random.Generator) -> Pixels:
    """A crop like an old photograph: gray or toned, faded, dark or light, soft, grainy, compressed."""
    image: Pixels = crop.astype(np.float32) / 255
    side = crop.shape[0]
    if rng.random() < 0.65:
        weights = rng.dirichlet((2, 4, 1)).astype(np.float32)
        image = np.repeat((image @ weights)[..., None], 3, 2)
    image **= math.exp(rng.normal(0, 0.3))
    if rng.random() < 0.6:
        low, high = rng.uniform(0, 0.35), rng.uniform(0.6, 1.0)
        image = low + (high - low) * image
    if rng.random() < 0.3:
        image = ((image - image.mean()) * rng.uniform(1.0, 1.6) + image.mean()).clip(0, 1)
    if rng.random() < 0.4:
        image = image * (1 - np.sort(rng.uniform(0, 0.35, 3)).astype(np.float32))  # warm like sepia, or yellowed
    if rng.random() < 0.35:  # uneven light
        field = cv2.resize(
            rng.uniform(0.5, 1.1, (3, 3)).astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC
        )
        image = image * field[..., None]
    if rng.random() < 0.4:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.6))
    elif rng.random() < 0.3:
        small = cv2.resize(image, None, fx=(share := rng.uniform(0.4, 0.9)), fy=share, interpolation=cv2.INTER_AREA)
        image = cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC)
    if rng.random() < 0.6:
        grain: Pixels = rng.normal(0, rng.uniform(0.01, 0.07), (side, side, 1)).astype(np.float32)
        if rng.random() < 0.5:
            grain = 2 * cv2.GaussianBlur(grain, (0, 0), rng.uniform(0.5, 1.2))[..., None]
        image = image + grain
    if rng.random() < 0.25:
        image = scratched(image, rng)
    made: Pixels = (image.clip(0, 1) * 255).round().astype(np.uint8)
    if rng.random() < 0.5:
        _, coded = cv2.imencode(".jpg", made, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 95))])
        return cv2.imdecode(coded, cv2.IMREAD_COLOR)  # type: ignore[return-value]
    return made


def scratched(image: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    """A picture with lines and spots of damage."""
    side = image.shape[0]
    for _ in range(rng.integers(1, 6)):
        shade = float(rng.choice((0.05, 0.95)))
        at = rng.integers(0, side, 4).tolist()
        if rng.random() < 0.6:
            cv2.line(image, at[:2], at[2:], (shade,) * 3, int(rng.integers(1, 3)), cv2.LINE_AA)
        else:
            cv2.circle(image, at[:2], int(rng.integers(1, 6)), (shade,) * 3, -1, cv2.LINE_AA)
    return image
