"""Faces that are aged, restored and cropped as in `daguerre restore`: the inputs of face refinement.

Needs libvips, unlike any other training, so it is imported only for face restoration.
"""

import math
from dataclasses import replace

import torch
from lightning.fabric import Fabric
from torch import Tensor
from torch.nn import functional as F

from daguerre.degradation.aging import age
from daguerre.images import Picture
from daguerre.images.pixels import luma
from daguerre.images.resample import resize_bicubic
from daguerre.tasks.faces.crops import Sight
from daguerre.tasks.faces.detection import Face, FaceFinder
from daguerre.tasks.faces.refiner import OUR_FRAME
from daguerre.tasks.restoration.restorer import Restorer
from daguerre.training.data.aged_photos import draw_picture
from daguerre.training.recipe import Recipe

__all__ = ["FACE_SIDES", "RestoredFaces", "detect_face", "rotate_sometimes"]

FACE_SIDES = (64, 200)  # least and most pixels of a face's side in the photograph
ROTATED = 0.3  # of the faces are rotated
MOST_DEGREES = 12.0  # to either side
MOST_SOFTENING = 2.0  # factor by which some faces have fewer resolved lines than pixels
MOST_DAMAGE = 0.12  # of a face's area
UNRESTORED = 0.1  # of the examples have not been restored
DEBLURRED = 0.55  # of the others were restored with `blur = "auto"`
MARGIN = 0.25  # of a face's side that is mirrored around it before detection
CONFIDENCE = 0.5  # minimum score of a detection
LIKELY_SIDES = (0.6, 1.15)  # sides of the square that a picture's face may fill, relative to the picture


class RestoredFaces:
    """Makes examples: a face at a size in a photograph, aged, restored, detected, and cropped for the network.

    Args:
        side: of the examples in pixels.
    """

    def __init__(self, recipe: Recipe, fabric: Fabric, side: int) -> None:
        self.recipe, self.side = recipe, side
        device = str(fabric.device)
        self.restorers = {
            blur: Restorer(faces="off", fix_fading="off", blur=blur, device=device) for blur in ("auto", "off")
        }
        self.finder = FaceFinder("face-detection", min_size=FACE_SIDES[0] // 2, confidence=CONFIDENCE)

    def example(self, number: int, faces: list[Tensor]) -> Tensor:
        """Example `number`: a face as the network receives it, and its target, (2, 3, side, side) uint8."""
        generator = torch.Generator().manual_seed(self.recipe.seed * 1_000_003 + number)
        kind, size, softness, neutral, deblurred = torch.rand(5, generator=generator).tolist()
        side = round(math.exp(math.log(FACE_SIDES[0]) + size * math.log(FACE_SIDES[1] / FACE_SIDES[0])))
        target = resize_bicubic(rotate_sometimes(draw_picture(faces, generator), generator), side, side).clamp(0, 1)
        untouched = self.recipe.aging.untouched
        if kind < untouched:
            image = target = luma(target).repeat(1, 3, 1, 1) if neutral < 0.4 else target
            restored = kind < untouched / 2
        else:
            low, high = self.recipe.aging.strength
            strength = low + (high - low) * torch.rand((), generator=generator).item()
            image, target = self.age(target, softness, generator, strength)
            restored = kind < 1 - UNRESTORED
        if restored:
            image = self.restorers["auto" if deblurred < DEBLURRED else "off"](
                Picture.from_tensor(image)
            ).picture.read()
        return self.crop_pair(image, target)

    def age(self, sharp: Tensor, softness: float, generator: torch.Generator, strength: float) -> tuple[Tensor, Tensor]:
        """The face softened and aged, and its target: in the aged tones, but as sharp as it was.

        Args:
            softness: in [0, 1]; from about 0.6 on the face is downscaled and upscaled again.
        """
        factor = max(1.0, MOST_SOFTENING * (1.3 * softness - 0.3))
        least = max(round(sharp.shape[2] / factor), 16)
        small = resize_bicubic(sharp, least, least)
        softened = resize_bicubic(small, *sharp.shape[2:]).clamp(0, 1) if least < sharp.shape[2] else sharp
        while True:
            seed = int(torch.randint(2**31, (), generator=generator))
            aged = age(softened, seed=seed, strength=strength)
            if aged.mask.mean() <= MOST_DAMAGE:
                return aged.image, age(sharp, seed=seed, strength=strength).toned
            strength *= 0.8

    def crop_pair(self, image: Tensor, target: Tensor) -> Tensor:
        """A face and its target, cropped for the network, where it is detected in the image."""
        face = detect_face(self.finder, image) or usual_face(image.shape[2])
        twins = [Sight.of(Picture.from_tensor(one), face, OUR_FRAME, self.side).upright() for one in (image, target)]
        return torch.cat(twins).clamp(0, 1).mul(255).round().byte()


def detect_face(finder: FaceFinder, image: Tensor) -> Face | None:
    """Detect the face that fills an image (1, 3, h, h), with a mirrored margin around it."""
    side, margin = image.shape[2], round(MARGIN * image.shape[2])
    wide = Picture.from_tensor(F.pad(image, (margin,) * 4, mode="reflect"))
    likely = [face for face in finder(wide) if LIKELY_SIDES[0] * side < face.side < LIKELY_SIDES[1] * side]
    if not likely:
        return None
    face = max(likely, key=lambda face: face.side)
    return replace(face, left=face.left - margin, top=face.top - margin)


def usual_face(side: int) -> Face:
    """The usual position of the face in an image of this side in pixels, which gives the network the whole image."""
    left, top, part = OUR_FRAME
    return Face(round(-left * side / part), round(-top * side / part), round(side / part))


def rotate_sometimes(face: Tensor, generator: torch.Generator) -> Tensor:
    """A face (3, h, h) uint8 as (1, 3, h, h) in [0, 1], sometimes rotated a little."""
    whether, turn = torch.rand(2, generator=generator).tolist()
    image = face[None].float() / 255
    if whether >= ROTATED:
        return image
    angle = math.radians(MOST_DEGREES * (2 * turn - 1))
    rotation = torch.tensor([[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0]])
    grid = F.affine_grid(rotation[None], list(image.shape), align_corners=False)
    return F.grid_sample(image, grid, mode="bicubic", padding_mode="border", align_corners=False).clamp(0, 1)
