"""Trains the network that predicts the tone curves that undo fading."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from lightning.fabric import Fabric
from torch import Tensor

from daguerre.degradation.aging import Aged, age
from daguerre.evaluation.metrics import psnr, tone_matched_psnr
from daguerre.images.resample import resize_bicubic
from daguerre.networks.tone_curves import ToneCurves, apply_curves
from daguerre.progress import ProgressCallback
from daguerre.training.build import check_losses, initial_network
from daguerre.training.data.aged_photos import AgedPictures, draw_picture
from daguerre.training.data.pictures import shrink_short_side
from daguerre.training.logger import image_grid
from daguerre.training.prefetch import Prefetcher
from daguerre.training.recipe import Recipe
from daguerre.training.trainers.base import Trainer

__all__ = ["ToneCorrectionTrainer", "curve_roughness", "random_frame"]

SMALLEST_SIDE = 64  # pixels; pictures with a shorter side say too little about tones
LEAST_FRAME = 0.5  # minimum fraction of a picture's sides in an example
STORED_CROPS = 1.5  # maximum shorter side of stored pictures, in crops, so that they are quickly reduced
VALIDATION_PICTURES = 40
GRID_ROWS = 8  # pictures on a sample grid


class ToneCorrectionTrainer(Trainer):
    """Predict, from a reduced copy of a whole aged photograph, the curves that restore its original tones.

    Examples are aged at a shorter side of `crop` pixels with all their damage and then reduced, each used once: 10,000
    reused ones were overfitted. For pictures no larger than the reduced copy, only the tones change. The curves are
    applied to the twin without grain and damage, so that these are not mistaken for tones.

    Losses: `l1`; `smooth`, see `curve_roughness`.
    """

    def __init__(self, recipe: Recipe, data: Path, fabric: Fabric, progress: ProgressCallback) -> None:
        super().__init__(recipe, fabric)
        check_losses(recipe.losses, {"l1", "smooth"})
        network = initial_network(recipe, ToneCurves)
        self.side = network.side
        self.pictures = AgedPictures(recipe, data, fabric, progress, least=SMALLEST_SIDE)
        self.left_out = self.pictures.left_out
        self.clean = [[self.stored(picture) for picture in part] for part in self.pictures.clean]
        self.prefetch = Prefetcher(self.make_batch, recipe, fabric)
        self.validation_sets = self.make_validation_sets()
        self.optimize(network)

    def stored(self, picture: Tensor) -> Tensor:
        """A picture (3, H, W) uint8, reduced to the size that examples need."""
        side = round(STORED_CROPS * self.recipe.crop)
        if min(picture.shape[1:]) <= side:
            return picture
        return shrunk(picture, side)[0].mul(255).round().byte()

    def make_batch(self, generator: torch.Generator) -> Tensor:
        """Examples on the CPU: (batch, 3 twins, 3, side, side) uint8."""
        parts = self.pictures.draw_parts(self.recipe.batch, generator)
        return torch.stack([self.example(part, generator) for part in parts])

    def example(self, part: int, generator: torch.Generator) -> Tensor:
        whole = random_frame(draw_picture(self.clean[part], generator), self.recipe.crop, generator)
        small = min(whole.shape[-2:]) <= self.side  # grain and scratches would be far too large in it
        aged = self.pictures.age(whole, generator, damage=not small)
        return self.reduce(replace(aged, image=aged.toned) if small else aged)

    def make_validation_sets(self) -> list[Tensor]:
        """The largest held-out pictures, each aged in two ways and not at all: three sets (n, 3, 3, side, side)."""
        held_out = [picture for part in self.pictures.clean_held_out for picture in part]
        largest = sorted(held_out, key=lambda picture: -min(picture.shape[1:]))[:VALIDATION_PICTURES]
        sets: tuple[list[Tensor], ...] = ([], [], [])
        for number, picture in enumerate(largest):
            whole = shrunk(picture, self.recipe.crop)
            ways = [age(whole, seed=2 * number), age(whole, seed=2 * number + 1), age(whole, seed=0, strength=0)]
            for examples, aged in zip(sets, ways, strict=True):
                examples.append(self.reduce(aged))
        return [self.to_device(torch.stack(examples)) for examples in sets]

    def reduce(self, aged: Aged) -> Tensor:
        """The aged photograph, its twin with only its tones, and the clean one: (3, 3, side, side) uint8."""
        twins = torch.cat([aged.image, aged.toned, aged.clean])
        return resize_bicubic(twins, self.side, self.side).clamp(0, 1).mul(255).round().byte()

    def to_device(self, examples: Tensor) -> Tensor:
        """uint8 on the CPU to [0, 1] on the device."""
        return examples.to(self.fabric.device).float() / 255

    def training_step(self, step: int, generator: torch.Generator) -> dict[str, Tensor]:
        batch = self.to_device(self.prefetch(step, generator))
        flip, transpose = torch.rand(2, self.recipe.batch, 1, 1, 1, 1, generator=generator).to(batch.device)
        batch = torch.where(flip < 0.5, batch.flip(-1), batch)
        batch = torch.where(transpose < 0.25, batch.transpose(-1, -2), batch)
        image, toned, clean = batch.unbind(1)
        curves = self.model.network(image)
        places = pixel_centers(self.side)[::2]  # a quarter of the pixels is as informative as all
        corrected = apply_curves(toned[..., ::2, ::2], curves, places, places)
        parts = {"l1": (corrected - clean[..., ::2, ::2]).abs().mean(), "smooth": curve_roughness(curves)}
        return self.optimizer_step(self.weighted_sum(parts), parts, step)

    @torch.inference_mode()
    def correct(self, image: Tensor, toned: Tensor) -> Tensor:
        """Apply the curves that the averaged network predicts for `image` to `toned`, (B, 3, side, side) each."""
        places = pixel_centers(self.side)
        return apply_curves(toned, self.ema.network(image), places, places)

    def validate(self) -> dict[str, float]:
        """Mean PSNR in RGB on the reduced copies, of tones only.

        Returns:
            `before` and after (`psnr`); both after the best match of tones, `_matched`; `kept`, that of new pictures
            after.
        """
        scores: dict[str, list[Tensor]] = {}
        *aged_sets, new_set = self.validation_sets
        for examples in aged_sets:
            image, toned, clean = examples.unbind(1)
            for name, result in {"before": toned, "psnr": self.correct(image, toned)}.items():
                scores.setdefault(name, []).append(psnr(result, clean, channel="rgb").clamp(max=60))
                scores.setdefault(f"{name}_matched", []).append(tone_matched_psnr(result, clean).clamp(max=60))
        new = new_set[:, 0]
        scores["kept"] = [psnr(self.correct(new, new), new, channel="rgb").clamp(max=60)]
        return {name: torch.cat(values).mean().item() for name, values in scores.items()}

    def sample_grid(self) -> Tensor:
        """Validation pictures, one per row: aged, corrected, clean."""
        image, _, clean = self.validation_sets[0][:GRID_ROWS].unbind(1)
        columns = (image, self.correct(image, image), clean)
        return image_grid(list(zip(*(torch.split(column.cpu(), 1) for column in columns), strict=True)))


def pixel_centers(side: int) -> Tensor:
    """Positions of pixel centers along a side, relative to its length: (side,)."""
    return (torch.arange(side) + 0.5) / side


def curve_roughness(curves: Tensor) -> Tensor:
    """Roughness of curves (B, 3, K, cells, cells): mean squares of their bends and of differences to neighbors, summed.

    Bends are changes of the logarithm of the slope from one segment to the next.
    """
    bends = curves.diff(dim=2).clamp(min=1e-6).log().diff(dim=2)
    differences = [curves.diff(dim=axis) for axis in (3, 4)]
    return bends.square().mean() + 100 * sum((x.square().mean() for x in differences), start=curves.new_zeros(()))


def random_frame(picture: Tensor, side: int, generator: torch.Generator) -> Tensor:
    """A random part of a picture (3, H, W) uint8, at most `side` pixels along its shorter side: (1, 3, h, w)."""
    sizes: Sequence[float] = (LEAST_FRAME + (1 - LEAST_FRAME) * torch.rand(2, generator=generator)).tolist()
    places: Sequence[float] = torch.rand(2, generator=generator).tolist()
    spans = []
    for length, size, place in zip(picture.shape[1:], sizes, places, strict=True):
        taken = max(round(length * size), SMALLEST_SIDE)
        first = int((length - taken) * place)
        spans.append(slice(first, first + taken))
    return shrunk(picture[:, spans[0], spans[1]], side)


def shrunk(picture: Tensor, side: int) -> Tensor:
    """A picture (3, H, W) uint8 as (1, 3, h, w) in [0, 1], with a shorter side of at most `side` pixels."""
    return shrink_short_side(picture[None].float() / 255, side).clamp(0, 1)
