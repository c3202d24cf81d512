"""Small and large versions of the same pictures: to train upscaling networks on, and to try them on."""

from pathlib import Path

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F

from daguerre.degradation.real_esrgan import degrade
from daguerre.errors import DataError, RecipeError
from daguerre.evaluation.metrics import psnr, ssim
from daguerre.progress import ProgressCallback
from daguerre.training.data.pictures import Crops, hold_out, load_pictures, middle, resized
from daguerre.training.distillation import Teachers
from daguerre.training.recipe import Recipe

__all__ = ["Pairs"]

SHOWN = 4  # pictures on a sample sheet


class Pairs:
    """Training batches and trials of a recipe, shrunk bicubically, or degraded as the recipe says.

    Where the recipe has teachers, high crops in batches are what they wish for; trials never are.

    Args:
        scale: side of a large picture over that of its small version.

    Raises:
        RecipeError: the scale does not divide the crop.
        DataError: the pictures cannot be used.
    """

    def __init__(self, recipe: Recipe, data: Path, scale: int, fabric: Fabric, progress: ProgressCallback) -> None:
        if recipe.crop % scale:
            raise RecipeError(f"crop is {recipe.crop}; it must be a multiple of the scale, {scale}")
        self.recipe, self.scale, self.fabric = recipe, scale, fabric
        pictures, self.left_out = load_pictures(data, recipe.data.parts, least=recipe.crop, progress=progress)
        held_out = hold_out(pictures, recipe.validation.one_in)
        made_beforehand = scale if recipe.degradation is None else 1
        training = self.sized([pictures[name] for name in pictures if name not in held_out])
        wish = Teachers(recipe.teachers, scale, fabric).wish if recipe.teachers else None
        self.crops = Crops(training, scale=made_beforehand, progress=progress, device=fabric.device, wish=wish)
        self.trials = self.make_trials([pictures[name] for name in sorted(held_out)], progress)

    def sized(self, pictures: list[Tensor]) -> list[Tensor]:
        """The pictures at every size of the recipe at which a crop can still be cut."""
        all_sizes = []
        for size in self.recipe.data.sizes:
            for picture in pictures:
                height, width = (round(side * size) for side in picture.shape[1:])
                if min(height, width) >= self.recipe.crop:
                    all_sizes.append(picture if size == 1 else resized(picture, height, width))
        if not all_sizes:
            raise DataError(f"no picture has {self.recipe.crop} pixels at any size of data.sizes; make crop smaller")
        return all_sizes

    def make_trials(self, pictures: list[Tensor], progress: ProgressCallback) -> list[tuple[Tensor, Tensor]]:
        """Low and high (1, 3, h, w) in [0, 1]: the middles of pictures that are never trained on, always the same."""
        whole = Crops(pictures, scale=self.scale, progress=progress)
        generator = torch.Generator().manual_seed(0)
        trials = []
        for small, large in zip(whole.low, whole.high, strict=True):
            rows, columns = middle(large, self.recipe.validation.crop, self.scale)
            small_rows, small_columns = (slice(s.start // self.scale, s.stop // self.scale) for s in (rows, columns))
            low, high = self.ready(small[None, :, small_rows, small_columns]), self.ready(large[None, :, rows, columns])
            if self.recipe.degradation is not None:
                low = degrade(high, self.scale, self.recipe.degradation, generator)
            trials.append((low, high))
        return trials

    def ready(self, images: Tensor) -> Tensor:
        """[0, 255] to [0, 1] on the device."""
        return images.to(self.fabric.device).float().div_(255).contiguous(memory_format=torch.channels_last)

    def draw(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """A batch of low (B, 3, crop / scale, crop / scale) and high (B, 3, crop, crop), in [0, 1] on the device."""
        small, large = self.crops.draw(self.recipe.batch, self.recipe.crop, generator)
        high = self.ready(large)
        if self.recipe.degradation is None:
            return self.ready(small), high
        low = degrade(high, self.scale, self.recipe.degradation, generator)
        return low.contiguous(memory_format=torch.channels_last), high

    @torch.inference_mode()
    def enlarge(self, network: nn.Module, low: Tensor) -> Tensor:
        """What `network` makes of a trial, float32."""
        with self.fabric.autocast():
            made: Tensor = network(low)
        return made.float()

    def judge(self, network: nn.Module) -> dict[str, float]:
        """Mean PSNR and SSIM on Y, `scale` pixels cut off the border, over the pictures held out."""
        made = [(self.enlarge(network, low), high) for low, high in self.trials]
        means = [
            torch.cat([measure(a, b, border=self.scale) for a, b in made]).mean().item() for measure in (psnr, ssim)
        ]
        return dict(zip(("psnr_y", "ssim_y"), means, strict=True))

    def show(self, network: nn.Module) -> Tensor:
        """A sheet of pictures held out, one a row: what goes in, without smoothing; what comes out; what is wanted."""
        rows = []
        for low, high in self.trials[:SHOWN]:
            row = torch.cat([F.interpolate(low, scale_factor=self.scale), self.enlarge(network, low), high], dim=3)
            rows.append(row.cpu().clamp(0, 1))
        width = max(row.shape[3] for row in rows)
        return torch.cat([F.pad(row, (0, width - row.shape[3]), value=1.0) for row in rows], dim=2)
