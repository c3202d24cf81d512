"""Low- and high-resolution versions of the same pictures, for super-resolution: training batches and validation set."""

from pathlib import Path

import torch
from lightning.fabric import Fabric
from torch import Tensor

from daguerre.degradation.real_esrgan import degrade
from daguerre.errors import DataError, RecipeError
from daguerre.progress import ProgressCallback
from daguerre.training.data.pictures import PairedCrops, center_slices, hold_out, load_pictures, resize_uint8
from daguerre.training.distillation import Teachers
from daguerre.training.recipe import Recipe

__all__ = ["SuperResolutionPairs"]


class SuperResolutionPairs:
    """Pictures of a recipe, downscaled bicubically, or degraded as the recipe says.

    If the recipe has teachers, high-resolution crops in batches are distillation targets, but never in the validation
    set.

    Args:
        scale: side of a high-resolution picture over that of its low-resolution version.

    Raises:
        RecipeError: the scale does not divide the crop.
        DataError: the pictures cannot be used.
    """

    def __init__(self, recipe: Recipe, data: Path, scale: int, fabric: Fabric, progress: ProgressCallback) -> None:
        if recipe.crop % scale:
            raise RecipeError(f"crop is {recipe.crop}; it must be a multiple of the scale, {scale}")
        self.recipe, self.scale, self.fabric = recipe, scale, fabric
        pictures, self.left_out = load_pictures(data, recipe.data.parts, least=recipe.crop, progress=progress)
        held_out = hold_out(pictures, recipe.validation.fraction)
        made_beforehand = scale if recipe.degradation is None else 1
        training = self.at_all_sizes([pictures[name] for name in pictures if name not in held_out])
        target = Teachers(recipe.teachers, scale, fabric).target if recipe.teachers else None
        self.crops = PairedCrops(
            training, scale=made_beforehand, progress=progress, device=fabric.device, target=target
        )
        self.validation_set = self.make_validation_set([pictures[name] for name in sorted(held_out)], progress)

    def at_all_sizes(self, pictures: list[Tensor]) -> list[Tensor]:
        """The pictures at every size of the recipe that is not smaller than a crop."""
        resized = []
        for size in self.recipe.data.sizes:
            for picture in pictures:
                height, width = (round(side * size) for side in picture.shape[1:])
                if min(height, width) >= self.recipe.crop:
                    resized.append(picture if size == 1 else resize_uint8(picture, height, width))
        if not resized:
            raise DataError(f"no picture has {self.recipe.crop} pixels at any size of data.sizes; make crop smaller")
        return resized

    def make_validation_set(self, pictures: list[Tensor], progress: ProgressCallback) -> list[tuple[Tensor, Tensor]]:
        """Low and high (1, 3, h, w) in [0, 1]: the centers of held-out pictures, always the same."""
        whole = PairedCrops(pictures, scale=self.scale, progress=progress)
        generator = torch.Generator().manual_seed(0)
        pairs = []
        for small, large in zip(whole.low, whole.high, strict=True):
            rows, columns = center_slices(large, self.recipe.validation.crop, self.scale)
            low_rows, low_columns = (slice(s.start // self.scale, s.stop // self.scale) for s in (rows, columns))
            low, high = (
                self.to_device(small[None, :, low_rows, low_columns]),
                self.to_device(large[None, :, rows, columns]),
            )
            if self.recipe.degradation is not None:
                low = degrade(high, self.scale, self.recipe.degradation, generator)
            pairs.append((low, high))
        return pairs

    def to_device(self, images: Tensor) -> Tensor:
        """[0, 255] to [0, 1] on the device."""
        return images.to(self.fabric.device).float().div_(255).contiguous(memory_format=torch.channels_last)

    def draw(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """A batch of low (B, 3, crop / scale, crop / scale) and high (B, 3, crop, crop), in [0, 1] on the device."""
        small, large = self.crops.draw(self.recipe.batch, self.recipe.crop, generator)
        high = self.to_device(large)
        if self.recipe.degradation is None:
            return self.to_device(small), high
        low = degrade(high, self.scale, self.recipe.degradation, generator)
        return low.contiguous(memory_format=torch.channels_last), high
