"""Trains the network that detects damage and, separately, writing."""

from dataclasses import dataclass
from pathlib import Path

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F

from daguerre.degradation.aging import Aged, age
from daguerre.degradation.aging.real_textures import Texture, cut_out
from daguerre.evaluation.metrics import mask_scores
from daguerre.progress import ProgressCallback
from daguerre.training.batchnorm_folding import normalize
from daguerre.training.build import check_losses, initial_network
from daguerre.training.data.aged_photos import AgedPictures
from daguerre.training.data.damaged_photos import (
    DAMAGED,
    WRITING,
    DamagedExample,
    damaged_photo,
    load_marks,
    load_textures,
    marked_photo,
)
from daguerre.training.logger import image_grid
from daguerre.training.losses import Dice
from daguerre.training.prefetch import Prefetcher
from daguerre.training.recipe import Recipe
from daguerre.training.trainers.base import Trainer

__all__ = ["CLEAN", "MARKED", "OLD", "WORN", "DamageDetectionTrainer", "doubt", "overlay"]

VALIDATION_PICTURES = 24
SMALLEST_SIDE = 128  # pixels; minimum side of a picture; pieces smaller than a crop are enlarged to it
ALONE, AROUND = 0.12, 31  # maximum fraction of damage around an isolated speck, and the side of that area
GRID_ROWS = 4  # aged pictures on a sample grid, and equally many real old ones
LOST_COLOUR, WRITTEN_COLOUR = (1.0, 0.1, 0.1), (0.1, 0.4, 1.0)  # on it
CLEAN, OLD, WORN, MARKED = range(4)  # kind of a picture before damage was added
LEAST_CUT_OUT = 30  # damaged pixels of a photograph from which they are cut out
HARDEST = 96  # stored hard examples, of which some are repeated


@dataclass(frozen=True)
class ExampleSource:
    """Pictures (3, H, W), 8 bits, for making examples, the kind of each, and masks (1, H, W) if any."""

    pictures: list[Tensor]
    before: list[int]
    marks: list[Tensor]


class DamageDetectionTrainer(Trainer):
    """Detect the damage and the writing added to photographs: new ones that were aged, and real old ones.

    When trained from scratch, the network is batch-normalized, which is folded into its convolutions on export.

    Real old photographs have unmarked damage of their own. So in those that the recipe calls worn, an undamaged pixel
    counts the less, the more certainly the network detects damage there (after Reed et al. 2015,
    https://arxiv.org/abs/1412.6596). In the others, which are full of look-alikes of scratches (rails, wheels, hats,
    window bars), this applies only to isolated specks. Where the damage was marked, no pixel is doubted.

    Examples with much falsely detected damage are stored, and some of them are repeated in each batch. They are not in
    checkpoints: a resumed run gathers them again.

    Losses: `cross_entropy`, `dice`.
    """

    def __init__(self, recipe: Recipe, data: Path, fabric: Fabric, progress: ProgressCallback) -> None:
        super().__init__(recipe, fabric)
        check_losses(recipe.losses, {"cross_entropy", "dice"})
        network = initial_network(recipe, nn.Module)
        self.multiple = int(getattr(network, "multiple", 1))
        self.pictures = AgedPictures(recipe, data, fabric, progress, least=min(SMALLEST_SIDE, recipe.crop))
        self.textures = load_textures(data, recipe.aging.textures, recipe.aging.exclude)
        self.sources = self.make_sources(load_marks(data, recipe.aging.marks))
        self.textures += self.cut_out()
        self.hardest: list[tuple[float, DamagedExample, int]] = []
        self.left_out = self.pictures.left_out
        self.prefetch = Prefetcher(self.make_examples, recipe, fabric)
        self.dice = Dice()
        self.validation_set = self.make_validation_set()
        self.optimize(network if recipe.init else normalize(network))

    def make_validation_set(self) -> list[Aged]:
        """Centers of the largest held-out pictures, each aged in its own way; always the same."""
        held_out = [picture for part in self.pictures.clean_held_out for picture in part]
        largest = sorted(held_out, key=lambda picture: -picture[0].numel())[:VALIDATION_PICTURES]
        return [age(self.center(picture), seed=seed) for seed, picture in enumerate(largest)]

    def center(self, picture: Tensor) -> Tensor:
        return self.pictures.center(picture, self.multiple)

    def make_sources(self, marks: dict[str, Tensor]) -> list[ExampleSource]:
        """Sources of examples: the clean parts of the data, the real ones, and those with marks."""
        pictures, plan = self.pictures, self.recipe.aging
        sources = [ExampleSource(part, [CLEAN] * len(part), []) for part in pictures.clean]
        before = [WORN if worn else OLD for worn in pictures.worn]
        stems = [Path(name).stem for name in pictures.real_names]
        for part in plan.real:
            chosen = [
                number
                for number, name in enumerate(pictures.real_names)
                if name.startswith(f"{part}/") and stems[number] not in marks
            ]
            sources.append(ExampleSource([pictures.real[n] for n in chosen], [before[n] for n in chosen], []))
        if marks:
            chosen = [number for number, stem in enumerate(stems) if stem in marks]
            made = [marks[stems[n]] for n in chosen]
            sources.append(ExampleSource([pictures.real[n] for n in chosen], [MARKED] * len(chosen), made))
        return sources

    def cut_out(self) -> list[Texture]:
        """The damage of the photographs with marks, to lay over others."""
        marked = self.sources[-1] if self.sources and self.sources[-1].marks else ExampleSource([], [], [])
        damaged = [(picture, marks == DAMAGED) for picture, marks in zip(marked.pictures, marked.marks, strict=True)]
        return [cut_out(picture, where) for picture, where in damaged if where.sum() >= LEAST_CUT_OUT]

    def make_examples(self, generator: torch.Generator) -> list[tuple[DamagedExample, int]]:
        """A batch, on the CPU, and the kind of each picture."""
        plan = self.recipe.aging
        parts = [*self.recipe.data.parts, *plan.real, *plan.marks[:1]]
        shares = torch.tensor(
            [
                plan.shares.get(part, 1.0) * bool(source.pictures)
                for part, source in zip(parts, self.sources, strict=True)
            ]
        )
        chosen = torch.multinomial(shares, self.recipe.batch, replacement=True, generator=generator)
        return [self.make_example(self.sources[part], generator) for part in chosen.tolist()]

    def make_example(self, source: ExampleSource, generator: torch.Generator) -> tuple[DamagedExample, int]:
        number = int(torch.randint(len(source.pictures), (), generator=generator))
        picture, before = source.pictures[number], source.before[number]
        if before == MARKED:
            return marked_photo(picture, source.marks[number], self.textures, self.recipe.crop, generator), before
        return damaged_photo(picture, self.textures, self.recipe.crop, generator, old=before != CLEAN), before

    def keep_hardest(self, examples: list[tuple[DamagedExample, int]], wrong: Tensor) -> None:
        """Store the examples with the most falsely detected damage.

        Args:
            wrong: sum of the predicted probabilities over undamaged pixels of each, (B,).
        """
        found = [(amount, *example) for amount, example in zip(wrong.tolist(), examples, strict=True) if amount > 1]
        self.hardest = sorted(self.hardest + found, key=lambda one: -one[0])[:HARDEST]

    def draw(self, step: int, generator: torch.Generator) -> list[tuple[DamagedExample, int]]:
        """The batch of iteration `step`, on the CPU, and which of its pictures are CLEAN, OLD, WORN or MARKED."""
        examples = list(self.prefetch(step, generator))
        if len(self.hardest) < HARDEST // 2:
            return examples
        for at in range(len(examples)):
            if torch.rand((), generator=generator) < self.recipe.aging.replay:
                number = int(torch.randint(len(self.hardest), (), generator=generator))
                _, example, before = self.hardest.pop(number)
                examples[at] = example, before
        return examples

    def training_step(self, step: int, generator: torch.Generator) -> dict[str, Tensor]:
        drawn = self.draw(step, generator)
        to_device = self.pictures.to_device
        image = to_device(torch.cat([example.image for example, _ in drawn]))
        target = to_device(torch.cat([example.target for example, _ in drawn]))
        certain = to_device(torch.cat([example.certain for example, _ in drawn]))
        before = torch.tensor([kind for _, kind in drawn], device=image.device).view(-1, 1, 1, 1)
        logits = self.model.network(image).float()
        found = logits.detach().sigmoid()
        kept = certain * (1 - torch.where(target == 0, doubt(found, before), 0))
        if self.recipe.aging.replay:
            self.keep_hardest(drawn, (found * (1 - target) * kept)[:, 0].sum((1, 2)))
        parts = {
            "cross_entropy": F.binary_cross_entropy_with_logits(logits, target, kept),
            "dice": self.dice(logits.sigmoid() * kept, target),
        }
        return self.optimizer_step(self.weighted_sum(parts), parts, step)

    def detect(self, image: Tensor) -> Tensor:
        """Probabilities of damage and of writing for each pixel of `image` (1, 3, H, W): (1, 2, H, W) in [0, 1]."""
        return self.predict(image).sigmoid()

    def validate(self) -> dict[str, float]:
        """Scores of the validation set.

        Returns:
            `precision`, `recall`, `f1`, `auc` of damage, with a tolerance of one pixel; `writing_f1`; and the fractions
            of clean and of real pictures detected as damage, `clean_found` and `real_found`.
        """
        found = [self.detect(one.image) for one in self.validation_set]
        targets = [true_masks(one) for one in self.validation_set]
        lost, written = (
            mask_scores([f[:, k : k + 1] for f in found], [t[:, k : k + 1] for t in targets], tolerance=1)
            for k in range(2)
        )
        scores = {"precision": lost.precision, "recall": lost.recall, "f1": lost.f1, "auc": lost.auc}
        scores["writing_f1"] = written.f1
        clean = [picture for part in self.pictures.clean_held_out for picture in part[::4]]
        undamaged = {"clean_found": clean, "real_found": self.pictures.real_held_out}
        for name, pictures in undamaged.items():
            parts = [(self.detect(self.center(picture))[:, 0] >= 0.5).float().mean() for picture in pictures]
            scores |= {name: torch.stack(parts).mean().item()} if parts else {}
        return scores

    def sample_grid(self) -> Tensor:
        """Held-out aged and real pictures, one per row: the picture, the detected damage, the true one."""
        side = min(min(one.image.shape[-2:]) for one in self.validation_set)
        spread = self.validation_set[:: max(len(self.validation_set) // GRID_ROWS, 1)]
        rows = [(one.image, true_masks(one)) for one in spread[:GRID_ROWS]]
        real = [self.center(picture) for picture in self.pictures.real_held_out]
        rows += [(image, torch.zeros_like(image[:, :2])) for image in real if min(image.shape[-2:]) >= side][:GRID_ROWS]
        views = [(image, overlay(image, self.detect(image)), overlay(image, target)) for image, target in rows]
        return image_grid([[view[..., :side, :side] for view in row] for row in views])


def doubt(found: Tensor, before: Tensor) -> Tensor:
    """Doubt that pixels are really undamaged, in [0, 1].

    Args:
        found: probabilities of damage and of writing, (B, 2, H, W).
        before: whether the picture was CLEAN, OLD, WORN or MARKED, (B, 1, 1, 1). Writing is known only for CLEAN.
    """
    certain = (2 * found - 1).clamp(min=0)
    damaged, written = certain[:, :1], certain[:, 1:]
    around = mean_around(found[:, :1], AROUND)
    of_old = torch.where(before == WORN, damaged, damaged * (around < ALONE))
    damaged = torch.where((before == CLEAN) | (before == MARKED), 0, of_old)
    written = torch.where(before == CLEAN, written, 1)
    return torch.cat([damaged, written.expand_as(damaged)], 1)


def mean_around(image: Tensor, side: int) -> Tensor:
    """The mean of the square of `side` pixels, an odd number, around each pixel of `image` (B, C, H, W)."""
    for kernel in ((side, 1), (1, side)):  # a tenth of the time of a square kernel
        padding = (kernel[0] // 2, kernel[1] // 2)
        image = F.avg_pool2d(image, kernel, stride=1, padding=padding, count_include_pad=False)
    return image


def true_masks(aged: Aged) -> Tensor:
    """Masks of damage and of writing: (1, 2, H, W), 1 = marked."""
    written = (aged.kinds == WRITING).to(aged.image.dtype)
    return torch.cat([aged.lost * (1 - written), written], 1)


def overlay(image: Tensor, masks: Tensor) -> Tensor:
    """`image` (1, 3, H, W) under the `masks` (1, 2, H, W) in [0, 1]: damage in red, writing in blue."""
    for channel, colour in enumerate((LOST_COLOUR, WRITTEN_COLOUR)):
        ink = image.new_tensor(colour).view(1, 3, 1, 1)
        image = torch.lerp(image, ink.expand_as(image), 0.8 * masks[:, channel : channel + 1])
    return image
