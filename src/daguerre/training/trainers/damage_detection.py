"""Trains the network that detects damage: what is lost, and what is only stained."""

import math
from dataclasses import replace
from pathlib import Path

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F

from daguerre.degradation.aging import DAMAGES, Aged, age
from daguerre.degradation.aging.distractors import add_border, add_distractors
from daguerre.evaluation.metrics import mask_scores
from daguerre.images.resample import resize_bicubic
from daguerre.progress import ProgressCallback
from daguerre.training.batchnorm_folding import normalize
from daguerre.training.build import check_losses, initial_network
from daguerre.training.data.aged_photos import AgedPictures, random_crop
from daguerre.training.logger import image_grid
from daguerre.training.losses import Dice
from daguerre.training.prefetch import Prefetcher
from daguerre.training.recipe import Recipe
from daguerre.training.trainers.base import Trainer

__all__ = ["FINE_WEIGHT", "DamageDetectionTrainer", "crop_aged", "overlay"]

VALIDATION_PICTURES = 24
SMALLEST_SIDE = 192  # pixels of a side that a picture needs; pieces smaller than a crop are enlarged to it
PIECE_SIDE = 512  # pixels; what is aged at once, so that damage is as large and as rare as in photographs
WITH_DISTRACTORS = 0.7  # of the pieces of clean pictures have distractors in their scene,
MOST_DISTRACTORS = 8  # up to so many
WITH_BORDER = 0.3  # of the pieces of clean pictures have a border, some of them a second
CROPS_PER_PIECE = 2
REAL_SCALES = (0.5, 3.0)  # by which pieces of real old photographs are resized
REAL_AS_IS = 0.6  # of these get no damage added: in a drawer, too, most of what looks like a scratch is none
ENLARGED = 0.4  # of the pieces of clean pictures are enlarged, by at most REAL_SCALES[1]
FINE_WEIGHT = 4  # of a pixel of fine damage in the loss, as such pixels are the rarest
GRID_ROWS = 4  # aged pictures on a sample grid, and as many real old ones
LOST_COLOUR, STAINED_COLOUR = (1.0, 0.1, 0.1), (0.1, 0.4, 1.0)  # on it


class DamageDetectionTrainer(Trainer):
    """Detect the damage in photographs that were aged, and the damage added to real old ones.

    The network is batch-normalized while it trains from nothing; that is folded into its convolutions in the end.

    Real old photographs are mostly undamaged, and full of what looks like scratches to a network that never saw any:
    rails, wheels, hats, window bars. In those that the recipe calls worn, damage that no one marked is real too. So an
    undamaged pixel of one of these counts the less, the more certainly the network takes it for damage (after Reed et
    al. 2015, https://arxiv.org/abs/1412.6596).

    Losses: `cross_entropy`, `dice`.
    """

    def __init__(self, recipe: Recipe, data: Path, fabric: Fabric, progress: ProgressCallback) -> None:
        super().__init__(recipe, fabric)
        check_losses(recipe.losses, {"cross_entropy", "dice"})
        network = initial_network(recipe, nn.Module)
        self.multiple = int(getattr(network, "multiple", 1))
        self.pictures = AgedPictures(recipe, data, fabric, progress, least=min(SMALLEST_SIDE, recipe.crop))
        self.left_out = self.pictures.left_out
        self.prefetch = Prefetcher(self.make_pieces, recipe, fabric)
        self.dice = Dice()
        self.validation_set = self.make_validation_set()
        self.optimize(network if recipe.init else normalize(network))

    def make_validation_set(self) -> list[Aged]:
        """The centers of the largest pictures held out, each aged in its own way, always the same."""
        held_out = [picture for part in self.pictures.clean_held_out for picture in part]
        largest = sorted(held_out, key=lambda picture: -picture[0].numel())[:VALIDATION_PICTURES]
        return [age(self.center(picture), seed=seed) for seed, picture in enumerate(largest)]

    def center(self, picture: Tensor) -> Tensor:
        return self.pictures.center(picture, self.multiple)

    def make_pieces(self, generator: torch.Generator) -> list[tuple[Aged, bool]]:
        """Pieces to crop a batch from, on the processor, and which of them are worn."""
        plan = self.recipe.aging
        parts = [*self.recipe.data.parts, *plan.real]
        shares = torch.tensor([plan.shares.get(part, 1.0) for part in parts])
        count = -(-self.recipe.batch // CROPS_PER_PIECE)
        chosen = torch.multinomial(shares, count, replacement=True, generator=generator)
        pieces = []
        for part in chosen.tolist():
            is_real = part >= len(self.recipe.data.parts)
            pieces.append(self.real_piece(generator) if is_real else (self.aged_piece(part, generator), False))
        return pieces

    def draw(self, step: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The batch of iteration `step`.

        Returns:
            Images (B, 3, crop, crop); what is lost, and stained, in them (B, 2, crop, crop); the weights of that in the
            loss, of the same shape; which are worn (B, 1, 1, 1).
        """
        crops: list[Aged] = []
        worn: list[bool] = []
        for aged, is_worn in self.prefetch(step, generator):
            centers = self.crop_centers(aged)
            crops += [crop_aged(aged, centers, self.recipe.crop, generator) for _ in range(CROPS_PER_PIECE)]
            worn += [is_worn] * CROPS_PER_PIECE
        crops, worn = crops[: self.recipe.batch], worn[: self.recipe.batch]
        groups = ([a.image for a in crops], [true_masks(a) for a in crops], [pixel_weights(a) for a in crops])
        image, target, weight = (self.pictures.to_device(torch.cat(group)) for group in groups)
        return image, target, weight, torch.tensor(worn, device=image.device).view(-1, 1, 1, 1)

    def aged_piece(self, part: int, generator: torch.Generator) -> Aged:
        """A large piece of a clean picture, aged; often with things in it that are easily mistaken for damage."""
        distracted, many, size, enlarged, scale, unit, border = torch.rand(7, generator=generator).tolist()
        scale = REAL_SCALES[1] ** scale if enlarged < ENLARGED else 1.0
        side = max(math.ceil(PIECE_SIDE / scale), self.recipe.crop)
        piece = self.pictures.crop_clean(part, generator, side=side)
        scale = max(scale, self.recipe.crop / min(piece.shape[-2:]))
        piece = rescale(piece, scale)
        if distracted < WITH_DISTRACTORS:
            count, largest = 1 + int(MOST_DISTRACTORS * many), (0.05 + 0.25 * size) * min(piece.shape[-2:])
            piece = add_distractors(piece, count=count, size=largest, generator=generator)
        for probability in (WITH_BORDER, WITH_BORDER**2):
            if border < probability:
                piece = add_border(piece, generator=generator)
        return self.pictures.age(piece, generator, unit=scale**unit)

    def real_piece(self, generator: torch.Generator) -> tuple[Aged, bool]:
        """A large piece of a real old photograph, resized, some with damage added; and whether that was worn."""
        low, high = self.recipe.aging.strength
        strength, size, unit, damaged = torch.rand(4, generator=generator).tolist()
        number = int(torch.randint(len(self.pictures.real), (), generator=generator))
        picture = self.pictures.real[number]
        smallest, largest = REAL_SCALES
        scale = max(smallest * (largest / smallest) ** size, self.recipe.crop / min(picture.shape[1:]))
        image = rescale(random_crop(picture, math.ceil(PIECE_SIDE / scale), generator), scale)
        strength = low + (high - low) * strength if damaged > REAL_AS_IS else 0.0
        aged = age(image, seed=generator, kind="damaged", strength=strength, unit=max(scale, 1.0) ** unit)
        return aged, self.pictures.worn[number]

    def crop_centers(self, aged: Aged) -> Tensor:
        """Damage, or where there is none, what the network takes for it: rows and columns (n, 2)."""
        if aged.lost.any():
            return aged.lost[0, 0].nonzero()
        height, width = (length // self.multiple * self.multiple for length in aged.image.shape[-2:])
        return (self.detect(aged.image[..., :height, :width])[0, 0] >= 0.5).nonzero()

    def training_step(self, step: int, generator: torch.Generator) -> dict[str, Tensor]:
        image, target, weight, worn = self.draw(step, generator)
        logits = self.model.network(image).float()
        doubt = torch.where(worn & (target == 0), (2 * logits.detach().sigmoid() - 1).clamp(min=0), 0)
        parts = {
            "cross_entropy": F.binary_cross_entropy_with_logits(logits, target, weight * (1 - doubt)),
            "dice": self.dice(logits.sigmoid() * (1 - doubt), target),
        }
        return self.optimizer_step(self.weighted_sum(parts), parts, step)

    def detect(self, image: Tensor) -> Tensor:
        """How likely each pixel of `image` (1, 3, H, W) is lost, and stained: (1, 2, H, W) in [0, 1]."""
        return self.predict(image).sigmoid()

    def validate(self) -> dict[str, float]:
        """Scores of the validation set.

        Returns:
            `precision`, `recall`, `f1`, `auc` of what is lost, at one pixel's tolerance; `stain_f1`; and the parts of
            clean and of real pictures that are taken for lost, `clean_found` and `real_found`.
        """
        found = [self.detect(one.image) for one in self.validation_set]
        targets = [true_masks(one) for one in self.validation_set]
        lost, stained = (
            mask_scores([f[:, k : k + 1] for f in found], [t[:, k : k + 1] for t in targets], tolerance=1)
            for k in range(2)
        )
        scores = {"precision": lost.precision, "recall": lost.recall, "f1": lost.f1, "auc": lost.auc}
        scores["stain_f1"] = stained.f1
        clean = [picture for part in self.pictures.clean_held_out for picture in part[::4]]
        undamaged = {"clean_found": clean, "real_found": self.pictures.real_held_out}
        for name, pictures in undamaged.items():
            parts = [(self.detect(self.center(picture))[:, 0] >= 0.5).float().mean() for picture in pictures]
            scores |= {name: torch.stack(parts).mean().item()} if parts else {}
        return scores

    def sample_grid(self) -> Tensor:
        """Aged and real pictures held out, one a row: the picture, the detected damage, the true one."""
        side = min(min(one.image.shape[-2:]) for one in self.validation_set)
        spread = self.validation_set[:: max(len(self.validation_set) // GRID_ROWS, 1)]
        rows = [(one.image, true_masks(one)) for one in spread[:GRID_ROWS]]
        real = [self.center(picture) for picture in self.pictures.real_held_out]
        rows += [(image, torch.zeros_like(image[:, :2])) for image in real if min(image.shape[-2:]) >= side][:GRID_ROWS]
        views = [(image, overlay(image, self.detect(image)), overlay(image, target)) for image, target in rows]
        return image_grid([[view[..., :side, :side] for view in row] for row in views])


def rescale(image: Tensor, scale: float) -> Tensor:
    """`image` (1, 3, H, W) with sides `scale` times as long."""
    height, width = (math.ceil(side * scale) for side in image.shape[2:])
    return resize_bicubic(image, height, width).clamp(0, 1)


def true_masks(aged: Aged) -> Tensor:
    """Where the picture is lost, and where it is stained: (1, 2, H, W), 1 = damaged."""
    return torch.cat([aged.lost, aged.mask - aged.lost], 1)


def pixel_weights(aged: Aged) -> Tensor:
    """The weight of each pixel in the loss, (1, 2, H, W): `FINE_WEIGHT` where the damage is fine, else 1."""
    fine = (aged.kinds > 0) & (aged.kinds <= DAMAGES.index("crease"))  # those before it in the list
    return torch.cat([1 + (FINE_WEIGHT - 1) * fine.float(), torch.ones_like(aged.mask)], 1)


def crop_aged(aged: Aged, centers: Tensor, side: int, generator: torch.Generator) -> Aged:
    """A crop of an aged picture: any, or as often one around one of the pixels `centers` (n, 2), rows and columns."""
    height, width = aged.image.shape[-2:]
    y, x, chance = torch.rand(3, generator=generator).tolist()
    row, column = int(y * height), int(x * width)
    if chance < 0.5 and len(centers):
        row, column = centers[int(y * len(centers))].tolist()
        row, column = row + int((x - 0.5) * side), column + int((2 * chance - 0.5) * side)
    top, left = (min(max(m - side // 2, 0), n - side) for m, n in ((row, height), (column, width)))
    inside = (..., slice(top, top + side), slice(left, left + side))
    return replace(aged, **{name: getattr(aged, name)[inside] for name in ("image", "clean", "toned", "kinds")})


def overlay(image: Tensor, masks: Tensor) -> Tensor:
    """`image` (1, 3, H, W) under the `masks` (1, 2, H, W) in [0, 1]: what is lost in red, what is stained in blue."""
    for channel, colour in enumerate((LOST_COLOUR, STAINED_COLOUR)):
        ink = image.new_tensor(colour).view(1, 3, 1, 1)
        image = torch.lerp(image, ink.expand_as(image), 0.8 * masks[:, channel : channel + 1])
    return image
