"""Trains the network that estimates how much stains have darkened a photograph."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor
from torch.nn import functional as F

from daguerre.degradation.aging import KINDS
from daguerre.degradation.aging.events import TONINGS, apply_events
from daguerre.degradation.aging.kinds import USUAL
from daguerre.degradation.aging.state import TRANSLUCENT, Photograph
from daguerre.degradation.aging.tone import monochrome, sepia
from daguerre.evaluation.metrics import psnr
from daguerre.networks.stain_unet import StainUNet, gains
from daguerre.progress import Progress, ProgressCallback
from daguerre.training.batchnorm_folding import normalize
from daguerre.training.build import check_losses, initial_network
from daguerre.training.data.aged_photos import AgedPictures, draw_picture
from daguerre.training.data.pictures import orient
from daguerre.training.logger import image_grid
from daguerre.training.prefetch import Prefetcher
from daguerre.training.recipe import Recipe
from daguerre.training.trainers.base import Trainer

__all__ = ["MONOCHROME_KINDS", "StainRemovalTrainer", "UnstainedPhotograph", "add_stains", "random_square"]

STAINS = {"foxing": 0.35, "stain": 0.4, "spills": 0.4, "water": 0.3, "tape": 0.2}
"""Probability of each kind of stain."""

MONOCHROME_KINDS = [kind for kind in USUAL if kind != "colour-print"]
COPY_UNIT = 0.37  # pixels of a reduced copy per pixel of a typical scan
LEAST_SQUARE = 0.5  # minimum fraction of a picture's shorter side in an example
REAL_SHARE = 0.3  # of the examples are real old photographs
TINTED_SHARE = 0.75  # of the gray ones get the tint of a color scan
UNSTAINED_SHARE = 0.3  # of the examples have no stains
SMALLEST_SIDE = 160  # pixels; pictures with a shorter side are not used
STAINED_FROM = 0.05  # log gain from which a pixel counts as stained
EPSILON = 1e-3  # less than one 8-bit level
VALIDATION_PICTURES = 48
GRID_ROWS = 10  # pictures on a sample grid


class UnstainedPhotograph(Photograph):
    """A photograph that is aged without stains."""

    def add_damage(self, damage: str, *args: Any, **parameters: Any) -> None:
        if damage not in TRANSLUCENT:
            super().add_damage(damage, *args, **parameters)


class StainRemovalTrainer(Trainer):
    """Undo the stains of prints without color, aged or really old.

    On color photographs, where brown may be anything, it learned to remove the color of lawns and skies.

    `aging.pool` examples with all damage except stains are made before training; they get new stains whenever they are
    drawn. When trained from scratch, the network is batch-normalized, which is folded into its convolutions on export;
    without that it detected no stain after 800 steps.

    Losses: `cross_entropy` of the stain mask; `inside`, L1 of stained pixels by the gains alone; `l1`; `edges`, L1 of
    the gradients.
    """

    def __init__(self, recipe: Recipe, data: Path, fabric: Fabric, progress: ProgressCallback) -> None:
        super().__init__(recipe, fabric)
        check_losses(recipe.losses, {"cross_entropy", "inside", "l1", "edges"})
        network = initial_network(recipe, StainUNet)
        self.pictures = AgedPictures(recipe, data, fabric, progress, least=SMALLEST_SIDE)
        self.left_out = self.pictures.left_out
        self.pool = self.make_pool(progress)  # (pool, 3, crop, crop) uint8
        self.prefetch = Prefetcher(self.make_batch, recipe, fabric)
        self.validation_set = self.make_validation_set()
        self.optimize(network if recipe.init else normalize(network))

    def make_pool(self, progress: ProgressCallback) -> Tensor:
        """Examples without stains, the same for every run of a recipe."""
        generator = torch.Generator().manual_seed(self.recipe.seed)
        examples: list[Tensor] = []
        while len(examples) < self.recipe.aging.pool:
            if torch.rand((), generator=generator) < REAL_SHARE and self.pictures.real:
                piece = random_square(draw_picture(self.pictures.real, generator), self.recipe.crop, generator)
                piece = tint_sometimes(piece, generator)
            else:
                (part,) = self.pictures.draw_parts(1, generator)
                piece = random_square(draw_picture(self.pictures.clean[part], generator), self.recipe.crop, generator)
                piece = self.age(piece, generator)
            examples.append(piece.mul(255).round().byte())
            progress(Progress(step="ageing pictures", done=len(examples), total=self.recipe.aging.pool))
        return torch.cat(examples)

    def age(self, piece: Tensor, generator: torch.Generator) -> Tensor:
        """A piece (1, 3, crop, crop) as a print without color, aged without stains, or not aged at all."""
        plan = self.recipe.aging
        untouched, strength, unharmed = torch.rand(3, generator=generator).tolist()
        if untouched < plan.untouched:
            return tint_sometimes(monochrome(piece), generator)
        low, high = plan.strength
        strength, damaged = low + (high - low) * strength, unharmed >= plan.unharmed
        old = UnstainedPhotograph(piece, generator, strength, damage=damaged, unit=COPY_UNIT)
        KINDS[old.choose(MONOCHROME_KINDS)](old)
        return old.image

    def make_validation_set(self) -> tuple[Tensor, Tensor]:
        """Held-out pictures, with and without stains: (n, 3, crop, crop) each; a third of them are really old."""
        generator = torch.Generator().manual_seed(self.recipe.seed + 1)
        real = self.pictures.real_held_out[: VALIDATION_PICTURES // 3]
        parts = self.pictures.clean_held_out
        new = [picture for part in parts for picture in part[: VALIDATION_PICTURES // len(parts)]]
        unstained = [
            random_square(picture, self.recipe.crop, generator) for picture in (real + new)[:VALIDATION_PICTURES]
        ]
        unstained[len(real) :] = [self.age(piece, generator) for piece in unstained[len(real) :]]
        return torch.cat([add_stains(piece, generator).image for piece in unstained]), torch.cat(unstained)

    def make_batch(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """A batch (B, 3, crop, crop), with and without stains, on the CPU."""
        chosen = torch.randint(len(self.pool), (self.recipe.batch,), generator=generator)
        numbers = torch.rand(self.recipe.batch, 2, generator=generator).tolist()
        unstained, stained = [], []
        for example, (orientation, chance) in zip(chosen.tolist(), numbers, strict=True):
            piece = orient(self.pool[example], int(8 * orientation))[None].float() / 255
            unstained.append(piece)
            stained.append(piece if chance < UNSTAINED_SHARE else add_stains(piece, generator).image)
        return torch.cat(stained), torch.cat(unstained)

    def training_step(self, step: int, generator: torch.Generator) -> dict[str, Tensor]:
        image, target = map(self.pictures.to_device, self.prefetch(step, generator))
        output = self.model.network(image)  # (B, 4, H, W): logit of a stain, and log gains
        stained = (((target + EPSILON) / (image + EPSILON)).log().amax(1, keepdim=True) > STAINED_FROM).float()
        inside = (image * output[:, 1:].exp() - target).abs() * stained
        error = image * gains(output).exp() - target
        parts = {
            "cross_entropy": F.binary_cross_entropy_with_logits(output[:, :1], stained),
            "inside": inside.sum() / (3 * stained.sum()).clamp(min=1),
            "l1": error.abs().mean(),
            "edges": torch.stack([error.diff(dim=axis).abs().mean() for axis in (2, 3)]).sum(),
        }
        return self.optimizer_step(self.weighted_sum(parts), parts, step)

    @torch.inference_mode()
    def remove_stains(self, images: Tensor) -> Tensor:
        """The averaged network's output for images (n, 3, crop, crop), one by one; on the CPU, in [0, 1]."""
        made = []
        for image in torch.split(images, 1):
            image = self.pictures.to_device(image)
            with self.fabric.autocast():
                factors = gains(self.ema.network(image)).exp()
            made.append((image * factors).clamp(0, 1).cpu())
        return torch.cat(made)

    def validate(self) -> dict[str, float]:
        """Mean PSNR in RGB of stained pictures, before and after, and of the same pictures without stains, after."""
        stained, unstained = self.validation_set
        results = {
            "before": stained,
            "psnr": self.remove_stains(stained),
            "kept": self.remove_stains(unstained),
        }
        return {
            name: psnr(image, unstained, channel="rgb").clamp(max=60).mean().item() for name, image in results.items()
        }

    def sample_grid(self) -> Tensor:
        """Validation pictures, one per row: stained, lightened, original."""
        stained, unstained = (
            part[:: max(VALIDATION_PICTURES // GRID_ROWS, 1)][:GRID_ROWS] for part in self.validation_set
        )
        columns = (stained, self.remove_stains(stained), unstained)
        return image_grid(list(zip(*(torch.split(column, 1) for column in columns), strict=True)))


def tint_sometimes(image: Tensor, generator: torch.Generator) -> Tensor:
    """A gray image (1, 3, H, W), usually with the tint that a color scan would show."""
    chance, strength, which = torch.rand(3, generator=generator).tolist()
    if chance > TINTED_SHARE or (image != image[:, :1]).any():
        return image
    shadow, light = list(TONINGS.values())[int(which * 0.9999 * len(TONINGS))]
    return sepia(image, strength=strength, shadow=shadow, light=light)


def random_square(picture: Tensor, side: int, generator: torch.Generator) -> Tensor:
    """A random square of a picture (3, H, W) uint8, at least `LEAST_SQUARE` of its shorter side: (1, 3, side, side)."""
    size, y, x = torch.rand(3, generator=generator).tolist()
    taken = round(min(picture.shape[1:]) * (LEAST_SQUARE + (1 - LEAST_SQUARE) * size))
    top, left = (int((length - taken) * place) for length, place in zip(picture.shape[1:], (y, x), strict=True))
    piece = picture[None, :, top : top + taken, left : left + taken].float() / 255
    return F.interpolate(piece, size=(side, side), mode="bilinear", antialias=True).clamp(0, 1)


def add_stains(
    image: Tensor,
    generator: torch.Generator,
    stains: Mapping[str, float] = STAINS,
    unit: float | None = COPY_UNIT,
) -> Photograph:
    """Stain an image (1, 3, H, W), at least once; a gray one stays gray.

    Args:
        stains: probability of each kind of stain.
        unit: pixels here per pixel of a typical scan; by default from the shorter side.
    """
    photograph = Photograph(image, generator, 1.0, unit=unit)
    while not photograph.steps:
        apply_events(photograph, **stains)
    if (image == image[:, :1]).all():
        photograph.degrade(monochrome)
    return photograph
