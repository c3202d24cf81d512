"""The step that trains a network to see how a photograph has faded, and by which curves that is undone."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F

from daguerre.degradation.aging import Aged, age
from daguerre.errors import RecipeError
from daguerre.evaluation.metrics import psnr, tone_matched_psnr
from daguerre.images.resample import resize_bicubic
from daguerre.networks.tone_curves import ToneCurves, apply_curves
from daguerre.progress import ProgressCallback
from daguerre.training.build import check_losses, start
from daguerre.training.data.aged_photos import AgedPictures, pick
from daguerre.training.optimization import Average, Trainee
from daguerre.training.prefetch import Ahead
from daguerre.training.recipe import Recipe

__all__ = ["Tone"]

LEAST = 64  # pixels of a side below which a picture tells nothing about tones
FRAME = 0.5  # the least part of a picture's side that an example shows
SPARE = 1.5  # pictures are kept with a shorter side of that many crops, so that frames are quickly reduced
TRIALS = 40  # pictures held out that are tried
SHOWN = 8


class Tone:
    """Say from a reduced copy of a whole aged photograph by which curves it becomes as it was when new.

    Examples are aged at a shorter side of `crop` pixels with all their damage and then reduced, each drawn once: of
    10,000 that were drawn again and again the network learnt the pictures. Pictures that are no larger than the reduced
    copy change their tones alone. The curves are tried on the twin without grain and damage, so that these are not
    mistaken for tones.
    """

    def __init__(self, recipe: Recipe, data: Path, fabric: Fabric, progress: ProgressCallback) -> None:
        self.recipe, self.fabric = recipe, fabric
        check_losses(recipe.losses, {"l1", "smooth"})
        network = start(recipe)
        if not isinstance(network, ToneCurves):
            raise RecipeError(f"this step trains ToneCurves, not {recipe.network.name}")
        self.side = network.side
        self.pictures = AgedPictures(recipe, data, fabric, progress, least=LEAST)
        self.left_out = self.pictures.left_out
        self.parts = [[self.kept(picture) for picture in part] for part in self.pictures.parts]
        self.labels: list[str] = []
        self.ahead = Ahead(self.make, recipe, fabric)
        self.trials = self.make_trials()
        self.trainee = Trainee(fabric, network, recipe, recipe.optimizer)
        self.average = Average(self.trainee.bare, recipe.ema)

    def kept(self, picture: Tensor) -> Tensor:
        """A picture (3, H, W) uint8, no larger than examples need."""
        side = round(SPARE * self.recipe.crop)
        if min(picture.shape[1:]) <= side:
            return picture
        return shrunk(picture[None].float() / 255, side)[0].mul(255).round().byte()

    def make(self, generator: torch.Generator) -> Tensor:
        """Examples on the processor: (batch, 3 twins, 3, side, side) uint8."""
        shares = torch.tensor([self.recipe.aging.shares.get(part, 1.0) for part in self.recipe.data.parts])
        parts = torch.multinomial(shares, self.recipe.batch, replacement=True, generator=generator)
        return torch.stack([self.example(part, generator) for part in parts.tolist()])

    def example(self, part: int, generator: torch.Generator) -> Tensor:
        whole = framed(pick(self.parts[part], generator), self.recipe.crop, generator)
        small = min(whole.shape[-2:]) <= self.side  # grain and scratches would be far too large in it
        aged = self.pictures.age(whole, generator, damage=not small)
        return self.reduced(replace(aged, image=aged.toned) if small else aged)

    def make_trials(self) -> list[Tensor]:
        """The largest pictures held out, each aged in two ways and not at all."""
        held_out = [picture for part in self.pictures.held_out for picture in part]
        largest = sorted(held_out, key=lambda picture: -min(picture.shape[1:]))[:TRIALS]
        trials = []
        for number, picture in enumerate(largest):
            whole = shrunk(picture[None].float() / 255, self.recipe.crop)
            ways = [age(whole, seed=2 * number), age(whole, seed=2 * number + 1), age(whole, seed=0, strength=0)]
            trials += [self.reduced(aged) for aged in ways]
        return [self.ready(torch.stack(trials[way::3])) for way in range(3)]

    def reduced(self, aged: Aged) -> Tensor:
        """The aged photograph, its twin with its tones alone, and the clean one: (3, 3, side, side) uint8."""
        twins = torch.cat([aged.image, aged.toned, aged.clean])
        return resize_bicubic(twins, self.side, self.side).clamp(0, 1).mul(255).round().byte()

    def ready(self, examples: Tensor) -> Tensor:
        """uint8 on the processor to [0, 1] on the device."""
        return examples.to(self.fabric.device).float() / 255

    def correct(self, image: Tensor, toned: Tensor) -> Tensor:
        """`toned` by the curves that the averaged network finds in `image`."""
        places = middles(self.side)
        return apply_curves(toned, self.average.network(image), places, places)

    def learn(self, step: int, generator: torch.Generator) -> dict[str, Tensor]:
        batch = self.ready(self.ahead(step, generator))
        ways = torch.rand(2, self.recipe.batch, 1, 1, 1, 1, generator=generator).to(batch.device)
        batch = torch.where(ways[0] < 0.5, batch.flip(-1), batch)
        batch = torch.where(ways[1] < 0.25, batch.transpose(-1, -2), batch)
        image, toned, clean = batch.unbind(1)
        curves = self.trainee.network(image)
        places = middles(self.side)[::2]  # a quarter of the pixels says as much as all
        made = apply_curves(toned[..., ::2, ::2], curves, places, places)
        parts = {"l1": (made - clean[..., ::2, ::2]).abs().mean(), "smooth": roughness(curves)}
        loss = sum((self.recipe.losses.get(name, 0) * part for name, part in parts.items()), start=made.new_zeros(()))
        self.trainee.improve(loss, step)
        self.average.follow(self.trainee.bare, step)
        return {name: part.detach() for name, part in parts.items()}

    @torch.inference_mode()
    def judge(self) -> dict[str, float]:
        """Decibels on the reduced copies, of tones alone: before, after, after matching; and what new ones keep."""
        scores: dict[str, list[Tensor]] = {}
        for trials in self.trials[:2]:
            image, toned, clean = trials.unbind(1)
            made = self.correct(image, toned)
            for name, result in {"before": toned, "psnr": made}.items():
                scores.setdefault(name, []).append(psnr(result, clean, channel="rgb").clamp(max=60))
                scores.setdefault(f"{name}_matched", []).append(tone_matched_psnr(result, clean).clamp(max=60))
        new = self.trials[2][:, 0]
        kept = self.correct(new, new)
        scores["kept"] = [psnr(kept, new, channel="rgb").clamp(max=60)]
        return {name: torch.cat(values).mean().item() for name, values in scores.items()}

    @torch.inference_mode()
    def show(self) -> Tensor:
        """Pictures held out, one a row: aged, corrected, clean."""
        image, _, clean = self.trials[0][:SHOWN].unbind(1)
        made = self.correct(image, image)
        rows = torch.cat([image, made, clean], dim=3)  # (SHOWN, 3, side, 3 side)
        return torch.cat(list(rows[:, None]), dim=2).cpu()

    def state(self) -> dict[str, Any]:
        return self.trainee.state("curves") | {"average": self.average.network}

    def result(self) -> tuple[nn.Module, Mapping[str, Tensor]]:
        network = self.average.network
        return network, network.state_dict()


def middles(side: int) -> Tensor:
    """Where the pixels of a side lie, as parts of it: (side,)."""
    return (torch.arange(side) + 0.5) / side


def roughness(curves: Tensor) -> Tensor:
    """How much curves (B, 3, K, cells, cells) bend, and differ from their neighbours: mean squares, summed.

    Bends are changes of the logarithm of the slope from one segment to the next.
    """
    bends = curves.diff(dim=2).clamp(min=1e-6).log().diff(dim=2)
    apart = [curves.diff(dim=axis) for axis in (3, 4)]
    return bends.square().mean() + 100 * sum((x.square().mean() for x in apart), start=curves.new_zeros(()))


def framed(picture: Tensor, side: int, generator: torch.Generator) -> Tensor:
    """A random part of a picture (3, H, W) uint8, at most `side` pixels along its shorter side: (1, 3, h, w)."""
    sizes: Sequence[float] = (FRAME + (1 - FRAME) * torch.rand(2, generator=generator)).tolist()
    places: Sequence[float] = torch.rand(2, generator=generator).tolist()
    spans = []
    for length, size, place in zip(picture.shape[1:], sizes, places, strict=True):
        kept = max(round(length * size), LEAST)
        first = int((length - kept) * place)
        spans.append(slice(first, first + kept))
    return shrunk(picture[None, :, spans[0], spans[1]].float() / 255, side)


def shrunk(image: Tensor, side: int) -> Tensor:
    """`image` (1, 3, H, W) with a shorter side of at most `side` pixels."""
    share = side / min(image.shape[-2:])
    if share >= 1:
        return image
    size = [round(length * share) for length in image.shape[-2:]]
    return F.interpolate(image, size=size, mode="bilinear", antialias=True).clamp(0, 1)
