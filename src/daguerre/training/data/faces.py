"""Faces made old, restored as `daguerre restore` does it, and found as it finds them: what their refinement sees.

Needs libvips and OpenCV's cascades, which no other training does, so it is imported when faces are trained.
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
from daguerre.training.data.aged_photos import pick
from daguerre.training.recipe import Recipe

__all__ = ["SIZES", "RestoredFaces", "found", "turned"]

SIZES = (64, 200)  # pixels of a face's side in the photograph
TURNED = 0.3  # of the faces are inclined
TURN = 12.0  # degrees to each side, at most
SOFT = 2.0  # times that some have less resolution than pixels
DAMAGED = 0.12  # most of a face that is damaged
UNRESTORED = 0.1  # of the examples have not been restored before
UNDONE = 0.55  # of the others had their blur measured, and undone where there was any
MARGIN = 0.25  # of a face's side that is mirrored around it before it is looked for
CONFIDENCE = 0.3
LIKELY = (0.6, 1.15)  # sides of the picture that the square of its face may have


class RestoredFaces:
    """Makes examples: a face at a size of a photograph, aged, restored, found, and cut out as the network sees it.

    Args:
        side: of the examples in pixels.
    """

    def __init__(self, recipe: Recipe, fabric: Fabric, side: int) -> None:
        self.recipe, self.side = recipe, side
        device = str(fabric.device)
        self.restorers = {
            blur: Restorer(faces="off", fix_fading="off", blur=blur, device=device) for blur in ("auto", "off")
        }
        self.find = FaceFinder(min_size=SIZES[0] // 2, confidence=CONFIDENCE)

    def example(self, number: int, faces: list[Tensor]) -> Tensor:
        """A face as it comes to the network, and as it should become: (2, 3, side, side) uint8."""
        generator = torch.Generator().manual_seed(self.recipe.seed * 1_000_003 + number)
        chance, size, soft, neutral, blurred = torch.rand(5, generator=generator).tolist()
        side = round(math.exp(math.log(SIZES[0]) + size * math.log(SIZES[1] / SIZES[0])))
        wanted = resize_bicubic(turned(pick(faces, generator), generator), side, side).clamp(0, 1)
        untouched = self.recipe.aging.untouched
        if chance < untouched:
            made = wanted = luma(wanted).repeat(1, 3, 1, 1) if neutral < 0.4 else wanted
            restored = chance < untouched / 2
        else:
            low, high = self.recipe.aging.strength
            strength = low + (high - low) * torch.rand((), generator=generator).item()
            made, wanted = self.age(wanted, soft, generator, strength)
            restored = chance < 1 - UNRESTORED
        if restored:
            made = self.restorers["auto" if blurred < UNDONE else "off"](Picture.from_tensor(made)).picture.read()
        return self.cut(made, wanted)

    def age(self, sharp: Tensor, soft: float, generator: torch.Generator, strength: float) -> tuple[Tensor, Tensor]:
        """The face aged, softened before, and what is wanted of it: in its aged tones, but as sharp as it was.

        Args:
            soft: a number in [0, 1]; above a quarter the more the softer.
        """
        factor = max(1.0, SOFT * (1.3 * soft - 0.3))
        least = max(round(sharp.shape[2] / factor), 16)
        small = resize_bicubic(sharp, least, least)
        softened = resize_bicubic(small, *sharp.shape[2:]).clamp(0, 1) if least < sharp.shape[2] else sharp
        while True:
            seed = int(torch.randint(2**31, (), generator=generator))
            aged = age(softened, seed=seed, strength=strength)
            if aged.mask.mean() <= DAMAGED:
                return aged.image, age(sharp, seed=seed, strength=strength).toned
            strength *= 0.8

    def cut(self, made: Tensor, wanted: Tensor) -> Tensor:
        """A face and what is wanted of it as the network sees them, by where it is found in the first."""
        face = found(self.find, made) or usual(made.shape[2])
        twins = [Sight.of(Picture.from_tensor(image), face, OUR_FRAME, self.side).image for image in (made, wanted)]
        return torch.cat(twins).clamp(0, 1).mul(255).round().byte()


def found(finder: FaceFinder, image: Tensor) -> Face | None:
    """The face that fills an image (1, 3, h, h), if the finder sees it there, or in what a mirror shows around it."""
    side, margin = image.shape[2], round(MARGIN * image.shape[2])
    wide = Picture.from_tensor(F.pad(image, (margin,) * 4, mode="reflect"))
    likely = [face for face in finder(wide) if LIKELY[0] * side < face.side < LIKELY[1] * side]
    if not likely:
        return None
    face = max(likely, key=lambda face: face.side)
    return replace(face, left=face.left - margin, top=face.top - margin)


def usual(side: int) -> Face:
    """Where the face of an image usually lies: the network sees the whole image."""
    left, top, part = OUR_FRAME
    return Face(round(-left * side / part), round(-top * side / part), round(side / part))


def turned(face: Tensor, generator: torch.Generator) -> Tensor:
    """A face (3, h, h) uint8 as (1, 3, h, h) in [0, 1], sometimes inclined."""
    often, turn = torch.rand(2, generator=generator).tolist()
    image = face[None].float() / 255
    if often >= TURNED:
        return image
    angle = math.radians(TURN * (2 * turn - 1))
    spun = torch.tensor([[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0]])
    grid = F.affine_grid(spun[None], list(image.shape), align_corners=False)
    return F.grid_sample(image, grid, mode="bicubic", padding_mode="border", align_corners=False).clamp(0, 1)
