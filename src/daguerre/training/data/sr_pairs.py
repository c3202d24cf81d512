"""Low- and high-resolution versions of the same pictures, for super-resolution: training batches and validation set."""

from pathlib import Path
from typing import NamedTuple

import torch
from lightning.fabric import Fabric
from torch import Tensor

from daguerre.degradation.real_esrgan import degrade
from daguerre.errors import DataError, RecipeError
from daguerre.progress import Progress, ProgressCallback
from daguerre.training.data.drawings import drawing_pair
from daguerre.training.data.pictures import PairedCrops, center_slices, hold_out, load_pictures, resize_uint8
from daguerre.training.distillation import Teachers
from daguerre.training.recipe import Recipe

__all__ = ["SuperResolutionBatch", "SuperResolutionPairs"]

POOLED_AT_ONCE = 4  # crops per batch of the pool


class SuperResolutionBatch(NamedTuple):
    """Crops in [0, 1] on the device.

    Args:
        low: (B, 3, side / scale, side / scale).
        wanted: what the network learns, (B, 3, side, side).
        truth: the same crops of the pictures themselves where losses ask for them besides teachers; else `wanted`.
    """

    low: Tensor
    wanted: Tensor
    truth: Tensor


class SuperResolutionPairs:
    """Pictures of a recipe, downscaled bicubically, or degraded as the recipe says.

    If the recipe has teachers, high-resolution crops in batches are distillation targets, but never in the validation
    set. With a degradation, batches are crops of a pool that is degraded and given to the teachers beforehand. Crops
    are as large as the recipe's and what surrounds them.

    Args:
        scale: side of a high-resolution picture over that of its low-resolution version.

    Drawings that are made up come with twins of their own and are their own targets.

    Raises:
        RecipeError: the scale does not divide the crop, or drawings would be degraded in batches.
        DataError: the pictures cannot be used.
    """

    def __init__(self, recipe: Recipe, data: Path, scale: int, fabric: Fabric, progress: ProgressCallback) -> None:
        for name in ("crop", "surround"):
            if getattr(recipe, name) % scale:
                raise RecipeError(f"{name} is {getattr(recipe, name)}; it must be a multiple of the scale, {scale}")
        self.recipe, self.scale, self.fabric = recipe, scale, fabric
        teachers = Teachers(recipe.teachers, scale, fabric) if recipe.teachers else None
        pooled = recipe.teachers is not None and recipe.degradation is not None
        self.side = recipe.crop + recipe.surround
        self.least = recipe.teachers.side if recipe.teachers and pooled else self.side
        if self.least % scale:
            raise RecipeError(f"teachers.side is {self.least}; it must be a multiple of the scale, {scale}")
        pictures, self.left_out = load_pictures(data, recipe.data.parts, least=self.least, progress=progress)
        held_out = hold_out(pictures, recipe.validation.fraction)
        training = self.at_all_sizes([pictures[name] for name in pictures if name not in held_out])
        self.degraded_in_batches = recipe.degradation is not None and not pooled
        if self.degraded_in_batches and recipe.data.drawings:
            raise RecipeError("data.drawings goes with teachers, or without a degradation")
        self.crops = PairedCrops.shrinking(
            training,
            scale=scale if recipe.degradation is None else 1,
            progress=progress,
            device=fabric.device,
            target=teachers.target if teachers and not pooled else None,
        )
        if teachers and pooled:
            self.crops = self.pool(self.crops, teachers, progress)
        if recipe.data.drawings:
            self.crops = self.with_drawings(self.crops, progress)
        self.validation_set = self.make_validation_set([pictures[name] for name in sorted(held_out)], progress)

    def at_all_sizes(self, pictures: list[Tensor]) -> list[Tensor]:
        """The pictures at every size of the recipe that is not smaller than a crop."""
        resized = []
        for size in self.recipe.data.sizes:
            for picture in pictures:
                height, width = (round(side * size) for side in picture.shape[1:])
                if min(height, width) >= self.least:
                    resized.append(picture if size == 1 else resize_uint8(picture, height, width))
        if not resized:
            raise DataError(f"no picture has {self.least} pixels at any size of data.sizes; make crop smaller")
        return resized

    def pool(self, crops: PairedCrops, teachers: Teachers, progress: ProgressCallback) -> PairedCrops:
        """Degraded crops and the teachers' outputs for them; random numbers come from the recipe's seed.

        Where losses ask for the truth, it follows in three channels more.
        """
        plan, degradation = self.recipe.teachers, self.recipe.degradation
        assert plan is not None
        assert degradation is not None
        generator = torch.Generator().manual_seed(self.recipe.seed)
        low: list[Tensor] = []
        high: list[Tensor] = []
        while len(low) < plan.pool:
            # Few at a time, since each batch has its own intermediate sizes.
            _, sharp = crops.draw(min(POOLED_AT_ONCE, plan.pool - len(low)), plan.side, generator)
            image = self.to_device(sharp)
            small = degrade(image, self.scale, degradation, generator)
            wanted = torch.lerp(image, teachers.predict(small), teachers.share)
            if plan.truth:
                wanted = torch.cat([wanted, image], 1)
            low += small.mul(255).round_().byte().cpu()
            high += wanted.mul(255).round_().clamp_(0, 255).byte().cpu()
            progress(Progress(step="asking the teachers", done=len(low), total=plan.pool))
        return PairedCrops(low, high, scale=self.scale, device=self.fabric.device)

    def with_drawings(self, crops: PairedCrops, progress: ProgressCallback) -> PairedCrops:
        """The same crops, and drawings; random numbers come from the recipe's seed."""
        generator = torch.Generator().manual_seed(self.recipe.seed)
        low, high = list(crops.low), list(crops.high)
        for done in range(self.recipe.data.drawings):
            small, large = (
                image[0].mul(255).round_().byte() for image in drawing_pair(self.least, self.scale, generator)
            )
            low.append(small)
            high.append(large.repeat(high[0].shape[0] // 3, 1, 1))
            progress(Progress(step="drawing", done=done + 1, total=self.recipe.data.drawings))
        return PairedCrops(low, high, scale=self.scale, device=self.fabric.device)

    def make_validation_set(self, pictures: list[Tensor], progress: ProgressCallback) -> list[tuple[Tensor, Tensor]]:
        """Low and high (1, 3, h, w) in [0, 1]: the centers of held-out pictures, always the same."""
        whole = PairedCrops.shrinking(pictures, scale=self.scale, progress=progress)
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

    def draw(self, generator: torch.Generator) -> SuperResolutionBatch:
        """A batch of crops."""
        small, large = self.crops.draw(self.recipe.batch, self.side, generator)
        high = self.to_device(large[:, :3])
        truth = self.to_device(large[:, 3:]) if large.shape[1] > 3 else high
        if not self.degraded_in_batches or self.recipe.degradation is None:
            return SuperResolutionBatch(self.to_device(small), high, truth)
        low = degrade(high, self.scale, self.recipe.degradation, generator)
        return SuperResolutionBatch(low.contiguous(memory_format=torch.channels_last), high, truth)
