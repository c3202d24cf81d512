"""Old photographs to train restoration on: new ones aged as they are drawn, and real ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from lightning.fabric import Fabric
from torch import Tensor
from torch.nn import functional as F

from daguerre.degradation.aging import Aged, age
from daguerre.progress import ProgressCallback
from daguerre.training.data.pictures import hold_out, load_pictures, middle, turned
from daguerre.training.prefetch import Ahead
from daguerre.training.recipe import Recipe

__all__ = ["AgedBatch", "AgedPictures"]


PRINTED = 0.5  # of what is left untouched is a print as it was when new


@dataclass(frozen=True)
class AgedBatch:
    """Examples in [0, 1]; as `Aged` has them, (B, 3, H, W) and the mask (B, 1, H, W), 1 = damaged."""

    image: Tensor
    clean: Tensor
    toned: Tensor
    mask: Tensor


class AgedPictures:
    """Crops of clean pictures, each aged anew when it is drawn, and crops of real old photographs.

    Args:
        least: pictures with a side below this many pixels are left out; the recipe's crop unless said.

    Raises:
        DataError: the pictures cannot be used.
    """

    def __init__(
        self, recipe: Recipe, data: Path, fabric: Fabric, progress: ProgressCallback, *, least: int | None = None
    ) -> None:
        self.recipe, self.fabric = recipe, fabric
        least = least or recipe.crop
        self.left_out: list[str] = []
        self.parts: list[list[Tensor]] = []  # of clean pictures to train on
        self.held_out: list[list[Tensor]] = []  # of each part, never trained on
        for part in recipe.data.parts:
            training, held_out = self.load(data, part, least, progress)
            self.parts.append(list(training.values()))
            self.held_out.append(held_out)
        self.real: list[Tensor] = []
        self.worn: list[bool] = []  # which of them have damage of their own
        self.real_held_out: list[Tensor] = []
        for part in recipe.aging.real:
            training, held_out = self.load(data, part, least, progress)
            self.real += training.values()
            self.worn += [Path(name).name in recipe.aging.worn for name in training]
            self.real_held_out += held_out
        self.ahead = Ahead(self.make, recipe, fabric)
        self.halves = [[halved(picture) for picture in part] for part in self.parts]

    def load(
        self, data: Path, part: str, least: int, progress: ProgressCallback
    ) -> tuple[dict[str, Tensor], list[Tensor]]:
        """Pictures of one part of the data to train on, by name, and those held out."""
        pictures, left_out = load_pictures(data, [part], least=least, progress=progress)
        self.left_out += left_out
        held_out = hold_out(pictures, self.recipe.validation.one_in)
        training = {name: picture for name, picture in pictures.items() if name not in held_out}
        return training, [pictures[name] for name in sorted(held_out)]

    def draw(self, step: int, generator: torch.Generator) -> AgedBatch:
        """The batch of iteration `step`, of the recipe's size and crop."""
        aged = self.ahead(step, generator)
        return AgedBatch(
            image=self.ready(aged.image),
            clean=self.ready(aged.clean),
            toned=self.ready(aged.toned),
            mask=self.ready(aged.mask),
        )

    def make(self, generator: torch.Generator) -> AgedBatch:
        """A batch, on the processor."""
        aged = [self.age(self.cut(part, generator), generator) for part in self.choose(self.recipe.batch, generator)]
        return AgedBatch(
            image=torch.cat([one.image for one in aged]),
            clean=torch.cat([one.clean for one in aged]),
            toned=torch.cat([one.toned for one in aged]),
            mask=torch.cat([one.mask for one in aged]),
        )

    def choose(self, count: int, generator: torch.Generator) -> list[int]:
        """Parts of the clean pictures, as often as the recipe says."""
        shares = torch.tensor([self.recipe.aging.shares.get(part, 1.0) for part in self.recipe.data.parts])
        return torch.multinomial(shares, count, replacement=True, generator=generator).tolist()

    def cut(self, part: int, generator: torch.Generator, *, side: int = 0) -> Tensor:
        """A crop (1, 3, side, side) in [0, 1] of one part, from a picture or its half; the recipe's unless said.

        A picture with a side below `side`, but not below the recipe's crop, gives all of that side.
        """
        small = torch.rand((), generator=generator).item() < self.recipe.aging.half
        picture = pick((self.halves if small else self.parts)[part], generator)
        if min(picture.shape[1:]) < self.recipe.crop:
            picture = pick(self.parts[part], generator)
        return cut(picture, side or self.recipe.crop, generator)

    def age(self, image: Tensor, generator: torch.Generator, *, damage: bool = True, unit: float | None = None) -> Aged:
        """Age one picture as the recipe says; `damage` and `unit` as of `daguerre.degradation.aging.age`.

        Of those that stay untouched some are prints as they were when new, sepia among them: nothing to undo either.
        """
        untouched, strength, unharmed = torch.rand(3, generator=generator).tolist()
        low, high = self.recipe.aging.strength
        if untouched < PRINTED * self.recipe.aging.untouched:
            return age(image, seed=generator, strength=0.0, unit=unit)
        if untouched < self.recipe.aging.untouched:
            return Aged(image=image, clean=image, toned=image, kinds=torch.zeros_like(image[:, :1]).byte(), record={})
        damage = damage and unharmed >= self.recipe.aging.unharmed
        return age(image, seed=generator, strength=low + (high - low) * strength, damage=damage, unit=unit)

    def draw_real(self, generator: torch.Generator) -> Tensor:
        """Crops (B, 3, crop, crop) of really old photographs, in [0, 1] on the device."""
        crops = [cut(pick(self.real, generator), self.recipe.crop, generator) for _ in range(self.recipe.batch)]
        return self.ready(torch.cat(crops))

    def trials(self, count: int, *, multiple: int = 8) -> list[Aged]:
        """The middles of pictures held out, spread over the parts, each aged in its own way, always the same."""
        each = -(-count // len(self.held_out))
        chosen = [picture for part in self.held_out for picture in part[:: max(len(part) // each, 1)][:each]]
        aged = []
        for seed, picture in enumerate(chosen):
            rows, columns = middle(picture, self.recipe.validation.crop, multiple)
            aged.append(age(picture[None, :, rows, columns].float() / 255, seed=seed))
        return aged

    def ready(self, images: Tensor) -> Tensor:
        """Images on the device."""
        return images.to(self.fabric.device).contiguous(memory_format=torch.channels_last)


def pick(pictures: Sequence[Tensor], generator: torch.Generator) -> Tensor:
    return pictures[int(torch.randint(len(pictures), (), generator=generator))]


def cut(picture: Tensor, side: int, generator: torch.Generator) -> Tensor:
    """A piece (1, 3, side, side) in [0, 1] of a picture (3, H, W) uint8, smaller where it is, mirrored at random."""
    _, height, width = picture.shape
    y, x, way = torch.rand(3, generator=generator, dtype=torch.float64).tolist()
    top, left = int(y * max(height - side + 1, 1)), int(x * max(width - side + 1, 1))
    piece = picture[:, top : top + side, left : left + side]
    return turned(piece, int(way * 2))[None].float() / 255


def halved(picture: Tensor) -> Tensor:
    """A picture (3, H, W) uint8 at half the size."""
    small = F.interpolate(picture[None].float(), scale_factor=0.5, mode="bilinear", antialias=True)
    return small[0].round().byte()
