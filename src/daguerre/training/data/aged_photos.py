"""Old photographs for training restoration: clean ones aged on the fly, and real ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from lightning.fabric import Fabric
from torch import Tensor
from torch.nn import functional as F

from daguerre.degradation.aging import Aged, age
from daguerre.progress import ProgressCallback
from daguerre.training.data.pictures import center_slices, hold_out, load_pictures, orient
from daguerre.training.prefetch import Prefetcher
from daguerre.training.recipe import Recipe

__all__ = ["AgedBatch", "AgedPictures", "draw_picture", "random_crop"]

NEW_PRINTS = 0.5  # of the untouched examples are prints as they were when new, including sepia


@dataclass(frozen=True)
class AgedBatch:
    """Examples in [0, 1]; fields as in `Aged`: images (B, 3, H, W), the mask (B, 1, H, W), 1 = damaged."""

    image: Tensor
    clean: Tensor
    toned: Tensor
    mask: Tensor


class AgedPictures:
    """Crops of clean pictures, aged whenever they are drawn, and crops of real old photographs.

    Args:
        least: minimum side of a picture in pixels; the recipe's crop by default.

    Raises:
        DataError: the pictures cannot be used.
    """

    def __init__(
        self, recipe: Recipe, data: Path, fabric: Fabric, progress: ProgressCallback, *, least: int | None = None
    ) -> None:
        self.recipe, self.fabric = recipe, fabric
        least = least or recipe.crop
        self.left_out: list[str] = []
        self.clean: list[list[Tensor]] = []  # by part of the data
        self.clean_held_out: list[list[Tensor]] = []  # by part, never used for training
        for part in recipe.data.parts:
            training, held_out = self.load(data, part, least, progress)
            self.clean.append(list(training.values()))
            self.clean_held_out.append(held_out)
        self.real: list[Tensor] = []
        self.real_names: list[str] = []
        self.worn: list[bool] = []  # which of them have damage of their own
        self.real_held_out: list[Tensor] = []
        for part in recipe.aging.real:
            training, held_out = self.load(data, part, least, progress)
            self.real += training.values()
            self.real_names += training
            self.worn += [part in recipe.aging.worn or Path(name).name in recipe.aging.worn for name in training]
            self.real_held_out += held_out
        self.part_shares = [recipe.aging.shares.get(part, 1.0) for part in recipe.data.parts]
        self.prefetch = Prefetcher(self.make_batch, recipe, fabric)

    @cached_property
    def half_size(self) -> list[list[Tensor]]:
        """The clean pictures at half the size, by part."""
        return [[half_size(picture) for picture in part] for part in self.clean]

    def load(
        self, data: Path, part: str, least: int, progress: ProgressCallback
    ) -> tuple[dict[str, Tensor], list[Tensor]]:
        """Training pictures of one part of the data, by name, and those held out."""
        pictures, left_out = load_pictures(data, [part], least=least, progress=progress)
        self.left_out += left_out
        pictures = {
            name: picture for name, picture in pictures.items() if Path(name).name not in self.recipe.aging.exclude
        }
        held_out = hold_out(pictures, self.recipe.validation.fraction)
        training = {name: picture for name, picture in pictures.items() if name not in held_out}
        return training, [pictures[name] for name in sorted(held_out)]

    def draw(self, step: int, generator: torch.Generator) -> AgedBatch:
        """The batch of iteration `step`, of the recipe's size and crop, on the device."""
        batch = self.prefetch(step, generator)
        return AgedBatch(
            image=self.to_device(batch.image),
            clean=self.to_device(batch.clean),
            toned=self.to_device(batch.toned),
            mask=self.to_device(batch.mask),
        )

    def make_batch(self, generator: torch.Generator) -> AgedBatch:
        """A batch, on the CPU."""
        parts = self.draw_parts(self.recipe.batch, generator)
        aged = [self.age(self.crop_clean(part, generator), generator) for part in parts]
        return AgedBatch(
            image=torch.cat([one.image for one in aged]),
            clean=torch.cat([one.clean for one in aged]),
            toned=torch.cat([one.toned for one in aged]),
            mask=torch.cat([one.mask for one in aged]),
        )

    def draw_parts(self, count: int, generator: torch.Generator) -> list[int]:
        """Indices of parts of the clean pictures, drawn according to the recipe's shares."""
        return torch.multinomial(torch.tensor(self.part_shares), count, replacement=True, generator=generator).tolist()

    def crop_clean(self, part: int, generator: torch.Generator, *, side: int = 0) -> Tensor:
        """A crop (1, 3, side, side) in [0, 1] of one part, from a picture or its half; the recipe's side by default.

        From a picture with a side between the recipe's crop and `side`, the whole of that side.
        """
        half = torch.rand((), generator=generator).item() < self.recipe.aging.half
        picture = draw_picture((self.half_size if half else self.clean)[part], generator)
        if min(picture.shape[1:]) < self.recipe.crop:
            picture = draw_picture(self.clean[part], generator)
        return random_crop(picture, side or self.recipe.crop, generator)

    def age(self, image: Tensor, generator: torch.Generator, *, damage: bool = True, unit: float | None = None) -> Aged:
        """Age one picture as the recipe says; `damage` and `unit` as in `daguerre.degradation.aging.age`.

        Some of the untouched ones are prints as they were when new, which need no restoration either.
        """
        untouched, strength, unharmed = torch.rand(3, generator=generator).tolist()
        low, high = self.recipe.aging.strength
        if untouched < NEW_PRINTS * self.recipe.aging.untouched:
            return age(image, seed=generator, strength=0.0, unit=unit)
        if untouched < self.recipe.aging.untouched:
            return Aged(image=image, clean=image, toned=image, kinds=torch.zeros_like(image[:, :1]).byte(), record={})
        damage = damage and unharmed >= self.recipe.aging.unharmed
        return age(image, seed=generator, strength=low + (high - low) * strength, damage=damage, unit=unit)

    def draw_real(self, generator: torch.Generator) -> Tensor:
        """Crops (B, 3, crop, crop) of real old photographs, in [0, 1] on the device."""
        crops = [
            random_crop(draw_picture(self.real, generator), self.recipe.crop, generator)
            for _ in range(self.recipe.batch)
        ]
        return self.to_device(torch.cat(crops))

    def validation_set(self, count: int, *, multiple: int = 8) -> list[Aged]:
        """Centers of held-out pictures, spread over the parts, each aged in its own way; always the same."""
        each = -(-count // len(self.clean_held_out))
        chosen = [picture for part in self.clean_held_out for picture in part[:: max(len(part) // each, 1)][:each]]
        return [age(self.center(picture, multiple), seed=seed) for seed, picture in enumerate(chosen)]

    def center(self, picture: Tensor, multiple: int) -> Tensor:
        """The center (1, 3, h, w) in [0, 1] of a picture, of the recipe's validation size."""
        rows, columns = center_slices(picture, self.recipe.validation.crop, multiple)
        return picture[None, :, rows, columns].float() / 255

    def to_device(self, images: Tensor) -> Tensor:
        return images.to(self.fabric.device).contiguous(memory_format=torch.channels_last)


def draw_picture(pictures: Sequence[Tensor], generator: torch.Generator) -> Tensor:
    """One of several pictures, with equal probability."""
    return pictures[int(torch.randint(len(pictures), (), generator=generator))]


def random_crop(picture: Tensor, side: int, generator: torch.Generator) -> Tensor:
    """A piece (1, 3, side, side) in [0, 1] of a picture (3, H, W) uint8, smaller where it is, flipped at random."""
    _, height, width = picture.shape
    y, x, flip = torch.rand(3, generator=generator, dtype=torch.float64).tolist()
    top, left = int(y * max(height - side + 1, 1)), int(x * max(width - side + 1, 1))
    piece = picture[:, top : top + side, left : left + side]
    return orient(piece, int(flip * 2))[None].float() / 255


def half_size(picture: Tensor) -> Tensor:
    """A picture (3, H, W) uint8 at half the size."""
    small = F.interpolate(picture[None].float(), scale_factor=0.5, mode="bilinear", antialias=True)
    return small[0].round().byte()
