"""The step that trains a network to see what stains have taken of the light."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F

from daguerre.degradation.aging import KINDS
from daguerre.degradation.aging.events import TONINGS, foxed, hands, spilled, stained, taped, wet
from daguerre.degradation.aging.kinds import USUAL
from daguerre.degradation.aging.state import TINTS, Photograph
from daguerre.degradation.aging.tone import monochrome, sepia
from daguerre.errors import RecipeError
from daguerre.evaluation.metrics import psnr
from daguerre.networks.stain_unet import StainUNet, gains
from daguerre.progress import Progress, ProgressCallback
from daguerre.training.batchnorm_folding import fold, normalise
from daguerre.training.build import check_losses, start
from daguerre.training.data.aged_photos import AgedPictures, pick
from daguerre.training.data.pictures import turned
from daguerre.training.optimization import Average, Trainee
from daguerre.training.prefetch import Ahead
from daguerre.training.recipe import Recipe

__all__ = ["COLOURLESS", "Spotless", "Stains", "spoilt"]

FATES: dict[Callable[[Photograph], None], float] = {foxed: 0.35, stained: 0.4, spilled: 0.4, wet: 0.3, taped: 0.2}
COLOURLESS = [kind for kind in USUAL if kind != "colour-print"]
UNIT = 0.37  # pixels that one of a usual scan is in a reduced copy, whose longer side is half as long or less
FRAME = 0.5  # the least part of a picture's shorter side that an example shows
REAL = 0.3  # of the examples are real old photographs
TINTED = 0.75  # of these that are grey
SPOTLESS = 0.3  # are not stained at all
LEAST = 160  # pixels of a side below which a picture is not used
SEEN, TINY = 0.05, 1e-3  # stained is what must be lightened by such a logarithm, or more; less than a level
TRIALS = 48
SHOWN = 10


class Spotless(Photograph):
    """One that nothing is spilled on."""

    def hurt(self, damage: str, *args: Any, **how: Any) -> None:
        if damage not in TINTS:
            super().hurt(damage, *args, **how)


class Stains:
    """Lighten what is stained of a print without colour, aged or really old, so that it becomes as it was before.

    Of photographs in colour it learnt to take the colour of lawns and skies away: there, brown may be anything.

    Examples have all the damage but stains to begin with, `aging.pool` of them, made before the training begins; they
    are stained anew whenever they are drawn. The network is normalised while it trains from nothing, which is folded
    into its convolutions in the end; without that it had seen no stain after 800 steps.
    """

    def __init__(self, recipe: Recipe, data: Path, fabric: Fabric, progress: ProgressCallback) -> None:
        self.recipe, self.fabric = recipe, fabric
        check_losses(recipe.losses, {"cross_entropy", "inside", "l1", "edges"})
        network = start(recipe)
        if not isinstance(network, StainUNet):
            raise RecipeError(f"this step trains StainUNet, not {recipe.network.name}")
        self.pictures = AgedPictures(recipe, data, fabric, progress, least=LEAST)
        self.left_out = self.pictures.left_out
        self.labels: list[str] = []
        self.pool = self.make_pool(progress)  # (pool, 3, crop, crop) uint8
        self.ahead = Ahead(self.make, recipe, fabric)
        self.trials = self.make_trials()
        self.trainee = Trainee(fabric, network if recipe.init else normalise(network), recipe, recipe.optimizer)
        self.average = Average(self.trainee.bare, recipe.ema)

    def make_pool(self, progress: ProgressCallback) -> Tensor:
        """Examples without stains, the same for every run of a recipe."""
        generator = torch.Generator().manual_seed(self.recipe.seed)
        shares = torch.tensor([self.recipe.aging.shares.get(part, 1.0) for part in self.recipe.data.parts])
        examples: list[Tensor] = []
        while len(examples) < self.recipe.aging.pool:
            if torch.rand((), generator=generator) < REAL and self.pictures.real:
                piece = scanned(framed(pick(self.pictures.real, generator), self.recipe.crop, generator), generator)
            else:
                part = int(torch.multinomial(shares, 1, generator=generator))
                piece = framed(pick(self.pictures.parts[part], generator), self.recipe.crop, generator)
                piece = self.grow_old(piece, generator)
            examples.append(piece.mul(255).round().byte())
            progress(Progress(step="ageing pictures", done=len(examples), total=self.recipe.aging.pool))
        return torch.cat(examples)

    def grow_old(self, piece: Tensor, generator: torch.Generator) -> Tensor:
        """A piece (1, 3, crop, crop) as a print without colour, aged without stains, or not at all."""
        plan = self.recipe.aging
        untouched, strength, unharmed = torch.rand(3, generator=generator).tolist()
        if untouched < plan.untouched:
            return scanned(monochrome(piece), generator)
        low, high = plan.strength
        old = Spotless(piece, generator, low + (high - low) * strength, damage=unharmed >= plan.unharmed, unit=UNIT)
        KINDS[old.pick(COLOURLESS)](old)
        return old.image

    def make_trials(self) -> tuple[Tensor, Tensor]:
        """Pictures held out, and the same stained: (n, 3, crop, crop) each; a third of them are really old."""
        generator = torch.Generator().manual_seed(self.recipe.seed + 1)
        real = self.pictures.real_held_out[: TRIALS // 3]
        new = [picture for part in self.pictures.held_out for picture in part[: TRIALS // len(self.pictures.held_out)]]
        clean = [framed(picture, self.recipe.crop, generator) for picture in (real + new)[:TRIALS]]
        clean[len(real) :] = [self.grow_old(piece, generator) for piece in clean[len(real) :]]
        return torch.cat([spoilt(piece, generator).image for piece in clean]), torch.cat(clean)

    def make(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """A batch (B, 3, crop, crop), stained and not, on the processor."""
        chosen = torch.randint(len(self.pool), (self.recipe.batch,), generator=generator)
        chances = torch.rand(self.recipe.batch, 2, generator=generator).tolist()
        clean, stained = [], []
        for number, (way, chance) in zip(chosen.tolist(), chances, strict=True):
            piece = turned(self.pool[number], int(8 * way))[None].float() / 255
            clean.append(piece)
            stained.append(piece if chance < SPOTLESS else spoilt(piece, generator).image)
        return torch.cat(stained), torch.cat(clean)

    def learn(self, step: int, generator: torch.Generator) -> dict[str, Tensor]:
        image, clean = map(self.pictures.ready, self.ahead(step, generator))
        made = self.trainee.network(image)
        stained = (((clean + TINY) / (image + TINY)).log().amax(1, keepdim=True) > SEEN).float()
        inside = (image * made[:, 1:].exp() - clean).abs() * stained
        wrong = image * gains(made).exp() - clean
        parts = {
            "cross_entropy": F.binary_cross_entropy_with_logits(made[:, :1], stained),
            "inside": inside.sum() / (3 * stained.sum()).clamp(min=1),
            "l1": wrong.abs().mean(),
            "edges": torch.stack([wrong.diff(dim=axis).abs().mean() for axis in (2, 3)]).sum(),
        }
        loss = torch.stack([weight * parts[name] for name, weight in self.recipe.losses.items()]).sum()
        self.trainee.improve(loss, step)
        self.average.follow(self.trainee.bare, step)
        return {name: part.detach() for name, part in parts.items()}

    @torch.inference_mode()
    def lift(self, image: Tensor) -> Tensor:
        """What the averaged network makes of images (n, 3, crop, crop), one by one; on the processor."""
        made = []
        for number in range(len(image)):
            one = self.pictures.ready(image[number : number + 1])
            with self.fabric.autocast():
                factors = gains(self.average.network(one)).exp()
            made.append((one * factors).clamp(0, 1).cpu())
        return torch.cat(made)

    def judge(self) -> dict[str, float]:
        """Mean PSNR in RGB of stained pictures, before and after, and of the same without stains."""
        stained, clean = self.trials
        scores = {"before": (stained, clean), "psnr": (self.lift(stained), clean), "kept": (self.lift(clean), clean)}
        return {
            name: psnr(made, wanted, channel="rgb").clamp(max=60).mean().item()
            for name, (made, wanted) in scores.items()
        }

    def show(self) -> Tensor:
        """Pictures held out, one a row: stained, lightened, as they were."""
        stained, clean = (part[:: max(TRIALS // SHOWN, 1)][:SHOWN] for part in self.trials)
        rows = torch.cat([stained, self.lift(stained), clean], dim=3)
        return torch.cat(list(rows[:, None]), dim=2)

    def state(self) -> dict[str, Any]:
        return self.trainee.state("stains") | {"average": self.average.network}

    def result(self) -> tuple[nn.Module, Mapping[str, Tensor]]:
        network = self.average.network
        return network, fold(network)


def scanned(image: Tensor, generator: torch.Generator) -> Tensor:
    """A grey image (1, 3, H, W), more often than not in the tint that a scan in colour would have shown."""
    chance, strength, which = torch.rand(3, generator=generator).tolist()
    if chance > TINTED or (image != image[:, :1]).any():
        return image
    shadow, light = list(TONINGS.values())[int(which * 0.9999 * len(TONINGS))]
    return sepia(image, strength=strength, shadow=shadow, light=light)


def framed(picture: Tensor, side: int, generator: torch.Generator) -> Tensor:
    """A random square of a picture (3, H, W) uint8, at least `FRAME` of its shorter side: (1, 3, side, side)."""
    size, y, x = torch.rand(3, generator=generator).tolist()
    short = min(picture.shape[1:])
    kept = round(short * (FRAME + (1 - FRAME) * size))
    top, left = (int((length - kept) * place) for length, place in zip(picture.shape[1:], (y, x), strict=True))
    piece = picture[None, :, top : top + kept, left : left + kept].float() / 255
    return F.interpolate(piece, size=(side, side), mode="bilinear", antialias=True).clamp(0, 1)


def spoilt(
    image: Tensor,
    generator: torch.Generator,
    fates: dict[Callable[[Photograph], None], float] = FATES,
    unit: float | None = UNIT,
) -> Photograph:
    """Stain an image (1, 3, H, W), at least once; a grey one stays grey.

    Args:
        fates: what may happen, and how likely it is.
        unit: pixels that one of a usual scan is here; by the shorter side if nothing.
    """
    photograph = Photograph(image, generator, 1.0, unit=unit)
    while not photograph.steps:
        hands(photograph, fates)
    if (image == image[:, :1]).all():
        photograph.spoil(monochrome)
    return photograph
