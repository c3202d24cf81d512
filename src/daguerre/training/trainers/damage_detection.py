"""The step that trains a network to find damage: what is lost, and what is only stained."""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F

from daguerre.degradation.aging import DAMAGES, Aged, age
from daguerre.degradation.aging.distractors import bordered, things
from daguerre.evaluation.metrics import mask_scores
from daguerre.images.resample import resize_bicubic
from daguerre.progress import ProgressCallback
from daguerre.training.batchnorm_folding import fold, normalise
from daguerre.training.build import check_losses, start
from daguerre.training.data.aged_photos import AgedPictures, cut
from daguerre.training.data.pictures import middle
from daguerre.training.losses import Dice
from daguerre.training.optimization import Average, Trainee
from daguerre.training.prefetch import Ahead
from daguerre.training.recipe import Recipe

__all__ = ["Scratches"]

TRIALS = 24  # pictures held out that are aged and judged
LEAST = 192  # pixels of a side that a picture needs; pieces of those smaller than a crop are enlarged to it
PIECE = 512  # pixels; the largest side of what is aged at once, so that damage is as large and rare as in photographs
DRESSED = 0.7  # of the pieces have things put into their scene, up to MOST
MOST = 8
BORDERED = 0.3  # of the pieces of clean pictures get a border, some of them a second
EACH = 2  # crops of each such piece
SCALES = (0.5, 3.0)  # by which pieces of real old photographs are resized
SOUND = 0.6  # of these get no more damage than they have: in a drawer, too, most of what looks like a scratch is none
ENLARGED = 0.4  # of the pieces of clean pictures are enlarged, by at most as much
FINE = 4  # what a pixel of fine damage counts, which is the rarest in pixels
SHOWN = 4  # of them, and as many real old ones, on a sample sheet
FOUND, STAINED = (1.0, 0.1, 0.1), (0.1, 0.4, 1.0)  # colours on it


class Scratches:
    """Find the damage in photographs that were aged, and the damage added to real old ones.

    The network is normalised while it trains from nothing, which is folded into its convolutions in the end.

    Real old photographs are mostly sound, and full of what looks like scratches to a network that never saw any: rails,
    wheels, hats, window bars. In those that the recipe calls worn, damage that no one marked is real too. So a sound
    pixel of one of these counts the less, the more certainly the network takes it for damage (after Reed et al. 2015,
    https://arxiv.org/abs/1412.6596).
    """

    def __init__(self, recipe: Recipe, data: Path, fabric: Fabric, progress: ProgressCallback) -> None:
        self.recipe, self.fabric = recipe, fabric
        check_losses(recipe.losses, {"cross_entropy", "dice"})
        network = start(recipe)
        self.multiple = int(getattr(network, "multiple", 1))
        self.pictures = AgedPictures(recipe, data, fabric, progress, least=min(LEAST, recipe.crop))
        self.left_out = self.pictures.left_out
        self.labels: list[str] = []
        self.ahead = Ahead(self.make, recipe, fabric)
        self.dice = Dice()
        self.trials = self.make_trials()
        network = network if recipe.init else normalise(network)
        self.detector = Trainee(fabric, network, recipe, recipe.optimizer)
        self.average = Average(self.detector.bare, recipe.ema)

    def make_trials(self) -> list[Aged]:
        """The middles of the largest pictures held out, each aged in its own way, always the same."""
        held_out = [picture for part in self.pictures.held_out for picture in part]
        largest = sorted(held_out, key=lambda picture: -picture[0].numel())[:TRIALS]
        return [age(self.middle(picture), seed=seed) for seed, picture in enumerate(largest)]

    def middle(self, picture: Tensor) -> Tensor:
        rows, columns = middle(picture, self.recipe.validation.crop, self.multiple)
        return picture[None, :, rows, columns].float() / 255

    def make(self, generator: torch.Generator) -> list[tuple[Aged, bool]]:
        """Pieces to cut a batch from, on the processor, and which of them are worn."""
        plan = self.recipe.aging
        parts = [*self.recipe.data.parts, *plan.real]
        shares = torch.tensor([plan.shares.get(part, 1.0) for part in parts])
        count = -(-self.recipe.batch // EACH)
        chosen = torch.multinomial(shares, count, replacement=True, generator=generator)
        pieces = []
        for part in chosen.tolist():
            is_real = part >= len(self.recipe.data.parts)
            pieces.append(self.hurt(generator) if is_real else (self.grow_old(part, generator), False))
        return pieces

    def draw(self, step: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The batch of iteration `step`.

        Returns:
            Images (B, 3, crop, crop); what is lost, and stained, in them (B, 2, crop, crop); how much that counts, of
            the same shape; which are worn (B, 1, 1, 1).
        """
        crops: list[Aged] = []
        worn: list[bool] = []
        for aged, is_worn in self.ahead(step, generator):
            look = self.worth_a_look(aged)
            crops += [crop(aged, look, self.recipe.crop, generator) for _ in range(EACH)]
            worn += [is_worn] * EACH
        crops, worn = crops[: self.recipe.batch], worn[: self.recipe.batch]
        image, wanted, weight = (
            self.pictures.ready(torch.cat(group))
            for group in ([a.image for a in crops], [truth(a) for a in crops], [counts(a) for a in crops])
        )
        return image, wanted, weight, torch.tensor(worn, device=image.device).view(-1, 1, 1, 1)

    def grow_old(self, part: int, generator: torch.Generator) -> Aged:
        """A large piece of a clean picture, aged; often with things in it that are easily mistaken for damage."""
        chance, many, size, enlarged, scale, unit, border = torch.rand(7, generator=generator).tolist()
        scale = SCALES[1] ** scale if enlarged < ENLARGED else 1.0
        piece = self.pictures.cut(part, generator, side=max(math.ceil(PIECE / scale), self.recipe.crop))
        scale = max(scale, self.recipe.crop / min(piece.shape[-2:]))
        piece = enlarge(piece, scale)
        if chance < DRESSED:
            count, reach = 1 + int(MOST * many), (0.05 + 0.25 * size) * min(piece.shape[-2:])
            piece = things(piece, count=count, size=reach, generator=generator)
        for chance in (BORDERED, BORDERED**2):
            if border < chance:
                piece = bordered(piece, generator=generator)
        return self.pictures.age(piece, generator, unit=scale**unit)

    def hurt(self, generator: torch.Generator) -> tuple[Aged, bool]:
        """A large piece of a real old photograph, resized, some with damage added; and whether that was worn."""
        low, high = self.recipe.aging.strength
        strength, size, unit, chance = torch.rand(4, generator=generator).tolist()
        number = int(torch.randint(len(self.pictures.real), (), generator=generator))
        picture = self.pictures.real[number]
        scale = max(SCALES[0] * (SCALES[1] / SCALES[0]) ** size, self.recipe.crop / min(picture.shape[1:]))
        image = enlarge(cut(picture, math.ceil(PIECE / scale), generator), scale)
        strength = low + (high - low) * strength if chance > SOUND else 0.0
        aged = age(image, seed=generator, kind="damaged", strength=strength, unit=max(scale, 1.0) ** unit)
        return aged, self.pictures.worn[number]

    def worth_a_look(self, aged: Aged) -> Tensor:
        """Damage, or where there is none, what is taken for it: rows and columns (n, 2)."""
        if aged.lost.any():
            return aged.lost[0, 0].nonzero()
        height, width = (length // self.multiple * self.multiple for length in aged.image.shape[-2:])
        return (self.find(aged.image[..., :height, :width])[0, 0] >= 0.5).nonzero()

    def learn(self, step: int, generator: torch.Generator) -> dict[str, Tensor]:
        image, wanted, weight, worn = self.draw(step, generator)
        logits = self.detector.network(image).float()
        doubt = torch.where(worn & (wanted == 0), (2 * logits.detach().sigmoid() - 1).clamp(min=0), 0)
        parts = {
            "cross_entropy": F.binary_cross_entropy_with_logits(logits, wanted, weight * (1 - doubt)),
            "dice": self.dice(logits.sigmoid() * (1 - doubt), wanted),
        }
        loss = torch.stack([weight * parts[name] for name, weight in self.recipe.losses.items()]).sum()
        self.detector.improve(loss, step)
        self.average.follow(self.detector.bare, step)
        return {name: parts[name].detach() for name in self.recipe.losses}

    @torch.inference_mode()
    def find(self, image: Tensor) -> Tensor:
        """How likely each pixel of `image` (1, 3, H, W) is lost, and stained: (1, 2, H, W) in [0, 1]."""
        with self.fabric.autocast():
            logits: Tensor = self.average.network(self.pictures.ready(image))
        return logits.float().sigmoid().cpu()

    def judge(self) -> dict[str, float]:
        """Scores of what is lost at one pixel's tolerance, of stains; the parts of clean and of real pictures found."""
        found = [self.find(trial.image) for trial in self.trials]
        wanted = [truth(trial) for trial in self.trials]
        lost, stained = (
            mask_scores([f[:, k : k + 1] for f in found], [w[:, k : k + 1] for w in wanted], tolerance=1)
            for k in range(2)
        )
        scores = {"precision": lost.precision, "recall": lost.recall, "f1": lost.f1, "auc": lost.auc}
        scores["stain_f1"] = stained.f1
        clean = [picture for part in self.pictures.held_out for picture in part[::4]]
        sound = {"clean_found": clean, "real_found": self.pictures.real_held_out}
        for name, pictures in sound.items():
            parts = [(self.find(self.middle(picture))[:, 0] >= 0.5).float().mean() for picture in pictures]
            scores |= {name: torch.stack(parts).mean().item()} if parts else {}
        return scores

    def show(self) -> Tensor:
        """A sheet of aged and of real pictures held out, one a row: the picture, what is found, what is to be found."""
        side = min(min(trial.image.shape[-2:]) for trial in self.trials)
        shown = [(trial.image, truth(trial)) for trial in self.trials[:: max(len(self.trials) // SHOWN, 1)][:SHOWN]]
        real = [self.middle(picture) for picture in self.pictures.real_held_out]
        shown += [(image, torch.zeros_like(image[:, :2])) for image in real if min(image.shape[-2:]) >= side][:SHOWN]
        rows = []
        for image, wanted in shown:
            row = [image, marked(image, self.find(image)), marked(image, wanted)]
            rows.append(torch.cat([piece[..., :side, :side] for piece in row], dim=3))
        return torch.cat(rows, dim=2)

    def state(self) -> dict[str, Any]:
        return self.detector.state("detector") | {"average": self.average.network}

    def result(self) -> tuple[nn.Module, Mapping[str, Tensor]]:
        network = self.average.network
        return network, fold(network)


def enlarge(image: Tensor, scale: float) -> Tensor:
    """`image` (1, 3, H, W) with sides `scale` times as long, or reduced."""
    height, width = (math.ceil(side * scale) for side in image.shape[2:])
    return resize_bicubic(image, height, width).clamp(0, 1)


def truth(aged: Aged) -> Tensor:
    """Where the picture is lost, and where it is stained: (1, 2, H, W), 1 = damaged."""
    return torch.cat([aged.lost, aged.mask - aged.lost], 1)


def counts(aged: Aged) -> Tensor:
    """How much each pixel counts, (1, 2, H, W): `FINE` where the damage is fine, else 1."""
    fine = (aged.kinds > 0) & (aged.kinds <= DAMAGES.index("crease"))  # those before it in the list
    return torch.cat([1 + (FINE - 1) * fine.float(), torch.ones_like(aged.mask)], 1)


def crop(aged: Aged, look: Tensor, side: int, generator: torch.Generator) -> Aged:
    """A crop of an aged picture: any, or as often one around a pixel of `look` (n, 2), rows and columns."""
    height, width = aged.image.shape[-2:]
    y, x, chance = torch.rand(3, generator=generator).tolist()
    row, column = int(y * height), int(x * width)
    if chance < 0.5 and len(look):
        row, column = look[int(y * len(look))].tolist()
        row, column = row + int((x - 0.5) * side), column + int((2 * chance - 0.5) * side)
    top, left = (min(max(m - side // 2, 0), n - side) for m, n in ((row, height), (column, width)))
    there = (..., slice(top, top + side), slice(left, left + side))
    pieces = {name: getattr(aged, name)[there] for name in ("image", "clean", "toned", "kinds")}
    return replace(aged, **pieces)


def marked(image: Tensor, found: Tensor) -> Tensor:
    """`image` (1, 3, H, W), paler, with what is lost in red and what is stained in blue."""
    for channel, colour in enumerate((FOUND, STAINED)):
        ink = image.new_tensor(colour).view(1, 3, 1, 1)
        image = torch.lerp(image, ink.expand_as(image), 0.8 * found[:, channel : channel + 1])
    return image
