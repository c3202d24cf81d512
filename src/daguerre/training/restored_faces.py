"""Faces made old and restored again by what ships: what their refinement has to deal with."""

import math
from typing import cast

import torch
from lightning.fabric import Fabric
from torch import Tensor
from torch.nn import functional as F

from daguerre import weights
from daguerre.images.deconvolution import BLURRED, excess, sharpened
from daguerre.images.pixels import luma
from daguerre.images.resample import resize_bicubic
from daguerre.networks.compact_translation import CompactTranslation, LatentRestoration
from daguerre.networks.compact_vae import CompactEncoder, CompactVAE
from daguerre.training.aged import pick
from daguerre.training.aging import Aged, age
from daguerre.training.blurred import SHRUNK, UNSURE, Blur
from daguerre.training.finding import Finder
from daguerre.training.recipe import Recipe

__all__ = ["SIZES", "RestoredFaces", "framed", "measured"]

TEXTURE = "texture"
RESTORATION = ("restore-vae-old", "restore-vae-clean", "restore-translation")
SIZES = (56, 190)  # pixels of a face's side in the photograph
ZOOM = 0.86  # the least part of a training picture that an example shows
TURN = 12.0  # degrees to each side that some are turned by
SOFT = 2.3  # times that some have less resolution than pixels
DAMAGED = 0.12  # most of a face that is damaged
UNRESTORED = 0.15  # of the examples have not been restored before
MEASURED = 0.6  # of the others come from photographs that are as blurred as they are


class RestoredFaces:
    """Makes examples: a face at a size of a photograph, aged, restored where damage is found, brought to one size.

    Args:
        side: of the examples in pixels.
    """

    def __init__(self, recipe: Recipe, fabric: Fabric, side: int) -> None:
        self.recipe, self.fabric, self.side = recipe, fabric, side
        old, clean, translation = (weights.load(name).network.eval() for name in RESTORATION)
        restoration = LatentRestoration(
            CompactEncoder.of(old), cast(CompactVAE, clean), cast(CompactTranslation, translation)
        )
        self.restoration = restoration.to(fabric.device)
        self.texture = weights.load(TEXTURE).network.eval().to(fabric.device)
        self.found = Finder(fabric)

    def example(self, number: int, faces: list[Tensor]) -> Tensor:
        """A face as it comes to the network, and as it should become: (2, 3, side, side) uint8."""
        generator = torch.Generator().manual_seed(self.recipe.seed * 1_000_003 + number)
        chance, size, soft, neutral = torch.rand(4, generator=generator).tolist()
        side = round(math.exp(math.log(SIZES[0]) + size * math.log(SIZES[1] / SIZES[0])) / 8) * 8
        sharp = resize_bicubic(framed(pick(faces, generator), generator), side, side).clamp(0, 1)
        untouched = self.recipe.aging.untouched
        if chance < untouched:
            sharp = luma(sharp).repeat(1, 3, 1, 1) if neutral < 0.4 else sharp
            twin = self.restored(sharp, torch.zeros_like(sharp[:, :1]), 0.0) if chance < untouched / 2 else sharp
            return self.ready(twin, sharp)
        low, high = self.recipe.aging.strength
        aged, wanted = self.age(sharp, soft, generator, low + (high - low) * torch.rand((), generator=generator).item())
        if chance > 1 - UNRESTORED:
            return self.ready(aged.image, wanted)
        blur = measured(aged, softness(soft), generator)
        return self.ready(self.restored(aged.image, self.found(aged.image), blur), wanted)

    def age(self, sharp: Tensor, soft: float, generator: torch.Generator, strength: float) -> tuple[Aged, Tensor]:
        """The face aged, softened before, and what is wanted of it: in its aged tones, but as sharp as it was."""
        least = max(round(sharp.shape[2] / softness(soft)), 16)
        small = resize_bicubic(sharp, least, least)
        softened = resize_bicubic(small, *sharp.shape[2:]).clamp(0, 1) if least < sharp.shape[2] else sharp
        while True:
            seed = int(torch.randint(2**31, (), generator=generator))
            aged = age(softened, seed=seed, strength=strength)
            if aged.mask.mean() <= DAMAGED:
                return aged, age(sharp, seed=seed, strength=strength).toned
            strength *= 0.8

    @torch.inference_mode()
    def restored(self, image: Tensor, mask: Tensor, blur: float) -> Tensor:
        """What `restore` makes of a face: cleaned, its blur undone and cleaned again, and translated."""
        with self.fabric.autocast():
            image, mask = (part.to(self.fabric.device) for part in (image, mask))
            cleaned = self.texture(self.restoration.fill(image, mask)).float().clamp(0, 1)
            if blur:
                cleaned = self.texture(sharpened(cleaned, excess(blur)).clamp(0, 1)).float().clamp(0, 1)
            made = self.restoration(cleaned, mask)
        return made.float().clamp(0, 1).cpu()  # type: ignore[no-any-return]

    def ready(self, image: Tensor, wanted: Tensor) -> Tensor:
        twins = resize_bicubic(torch.cat([image, wanted]), self.side, self.side)
        return twins.clamp(0, 1).mul(255).round().byte()


def softness(soft: float) -> float:
    """How many times less resolution than pixels a face has, from a draw in [0, 1]; more than half have as much."""
    return max(1.0, SOFT * (1.3 * soft - 0.3))


def measured(aged: Aged, factor: float, generator: torch.Generator) -> float:
    """What would be measured of the blur of the photograph that a face comes from, in pixels; 0 if it is sharp.

    Args:
        factor: by which the face was softened before it was aged.
    """
    chance, wrong = torch.rand((), generator=generator).item(), torch.randn((), generator=generator).item()
    wide = math.hypot(Blur.of(aged).wide, SHRUNK * factor if factor > 1 else 0.0) * math.exp(UNSURE * wrong)
    return wide if chance < MEASURED and wide >= BLURRED else 0.0


def framed(face: Tensor, generator: torch.Generator) -> Tensor:
    """A square piece (1, 3, h, h) in [0, 1] of a face (3, H, H) uint8: nearly all of it, sometimes a little turned."""
    zoom, x, y, often, turn = torch.rand(5, generator=generator).tolist()
    image = face[None].float() / 255
    if often < 0.3:
        angle = math.radians(TURN * (2 * turn - 1))
        spun = torch.tensor([[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0]])
        grid = F.affine_grid(spun[None], list(image.shape), align_corners=False)
        image = F.grid_sample(image, grid, mode="bicubic", padding_mode="border", align_corners=False).clamp(0, 1)
    height, width = image.shape[2:]
    side = int(min(height, width) * (ZOOM + (1 - ZOOM) * zoom))
    top, left = int(y * (height - side + 1)), int(x * (width - side + 1))
    return image[..., top : top + side, left : left + side]
