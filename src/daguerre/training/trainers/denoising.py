"""The step that trains a network to take grain, noise and compression away."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from daguerre.degradation.aging import texture
from daguerre.errors import RecipeError
from daguerre.evaluation.metrics import psnr
from daguerre.images.filters import sharpened
from daguerre.networks.denoising_unet import TextureUNet
from daguerre.progress import ProgressCallback
from daguerre.training.build import check_losses, start
from daguerre.training.data.aged_photos import AgedPictures
from daguerre.training.data.blur import UNSURE, Blur
from daguerre.training.optimization import Average, Trainee
from daguerre.training.prefetch import Ahead
from daguerre.training.recipe import Recipe
from daguerre.training.trainers.translation import FLOOR, sheet

__all__ = ["Texture", "deconvolved", "spoil"]

PLAIN = 0.5  # of the examples are new photographs whose texture alone is spoilt; the others are aged without damage
SHARPENED = 0.2  # of the others were blurred and then deconvolved, as far as they were blurred, but for UNSURE of it
THINNED = 0.1  # of the pictures had every other pixel left out, which makes texture as harsh as noise
TRIALS = 24
SHOWN = 6


class Texture:
    """Give photographs back their texture: aged ones without damage, in their aged tones, and new ones.

    What is blurred is to stay so, for it is measured and deconvolved when it has been cleaned; what deconvolution
    leaves is cleaned, too.

    Losses: `sound`, the logarithm of each example's mean square error, so that slight grain counts as much as a
    halftone; `l1`.
    """

    def __init__(self, recipe: Recipe, data: Path, fabric: Fabric, progress: ProgressCallback) -> None:
        self.recipe, self.fabric = recipe, fabric
        check_losses(recipe.losses, {"sound", "l1"})
        network = start(recipe)
        if not isinstance(network, TextureUNet):
            raise RecipeError(f"this step trains TextureUNet, not {recipe.network.name}")
        self.pictures = AgedPictures(recipe, data, fabric, progress)
        self.left_out = self.pictures.left_out
        self.labels: list[str] = []
        self.ahead = Ahead(self.make, recipe, fabric)
        self.trials = self.make_trials()
        self.trainee = Trainee(fabric, network, recipe, recipe.optimizer)
        self.average = Average(self.trainee.bare, recipe.ema)

    def make_trials(self) -> dict[str, list[tuple[Tensor, Tensor]]]:
        """Pictures held out, spoilt and as they should be, by what was done to them; always the same."""
        names = ("aged", "plain", "sharpened", "clean")
        trials: dict[str, list[tuple[Tensor, Tensor]]] = {name: [] for name in names}
        for number, one in enumerate(self.pictures.trials(TRIALS)):
            generator = torch.Generator().manual_seed(number)
            wanted = Blur.of(one).left(one.toned)
            trials["aged"].append((torch.where(one.mask > 0, one.toned, one.image), wanted))
            trials["plain"].append(spoil(one.clean, generator))
            trials["sharpened"].append((deconvolved(one.clean, generator), one.clean))
            trials["clean"].append((one.clean, one.clean))
        return trials

    def make(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """A batch of spoilt images and of what they should become, (B, 3, crop, crop), on the processor."""
        pairs = []
        for part in self.pictures.choose(self.recipe.batch, generator):
            image = self.cut(part, generator)
            chance, plain = torch.rand(2, generator=generator).tolist()
            if plain >= PLAIN:
                aged = self.pictures.age(image, generator)
                pairs.append((aged.image, Blur.of(aged).left(aged.toned)))
            elif chance < self.recipe.aging.untouched:
                pairs.append((image, image))
            elif chance > 1 - SHARPENED:
                pairs.append((deconvolved(image, generator), image))
            else:
                pairs.append(spoil(image, generator))
        spoilt, wanted = (torch.cat(images) for images in zip(*pairs, strict=True))
        return spoilt, wanted

    def cut(self, part: int, generator: torch.Generator) -> Tensor:
        """A crop (1, 3, crop, crop) of a clean picture."""
        crop = self.recipe.crop
        if torch.rand((), generator=generator) < THINNED:
            thinned = self.pictures.cut(part, generator, side=2 * crop)[..., ::2, ::2]
            if min(thinned.shape[2:]) == crop:
                return thinned
        return self.pictures.cut(part, generator)

    def learn(self, step: int, generator: torch.Generator) -> dict[str, Tensor]:
        spoilt, wanted = map(self.pictures.ready, self.ahead(step, generator))
        difference = self.trainee.network(spoilt) - wanted
        parts = {
            "sound": (difference.square().mean((1, 2, 3)) + FLOOR).log10().mean(),
            "l1": difference.abs().mean(),
        }
        loss = sum((self.recipe.losses.get(name, 0) * part for name, part in parts.items()), start=spoilt.new_zeros(()))
        self.trainee.improve(loss, step)
        self.average.follow(self.trainee.bare, step)
        return {name: part.detach() for name, part in parts.items()}

    @torch.inference_mode()
    def clean(self, image: Tensor) -> Tensor:
        """What the averaged network makes of an image, float32 on the processor."""
        with self.fabric.autocast():
            made: Tensor = self.average.network(image.to(self.fabric.device))
        return made.float().clamp(0, 1).cpu()

    def judge(self) -> dict[str, float]:
        """Mean PSNR in RGB of aged and of plainly spoilt pictures, before and after, and what clean ones keep."""
        scores: dict[str, float] = {}
        for name, pairs in self.trials.items():
            before = [psnr(image, wanted, channel="rgb").clamp(max=60) for image, wanted in pairs]
            after = [psnr(self.clean(image), wanted, channel="rgb").clamp(max=60) for image, wanted in pairs]
            scores |= {} if name == "clean" else {f"{name}_before": torch.cat(before).mean().item()}
            scores[name] = torch.cat(after).mean().item()
        return scores

    def show(self) -> Tensor:
        """Pictures held out, one a row: spoilt, cleaned, wanted."""
        pairs = [pair for name in ("aged", "plain", "sharpened") for pair in self.trials[name][: SHOWN // 3]]
        return sheet([[image, self.clean(image), wanted] for image, wanted in pairs])

    def state(self) -> dict[str, Any]:
        return self.trainee.state("texture") | {"average": self.average.network}

    def result(self) -> tuple[nn.Module, Mapping[str, Tensor]]:
        return self.average.network, self.average.network.state_dict()


def spoil(image: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A new photograph (1, 3, H, W) with its texture spoilt, in one way or several, and what it should become."""
    chances, amounts = torch.rand(2, 8, generator=generator).tolist()
    coloured = chances[7] < 0.5
    blur = Blur(
        sigma=0.3 + 2.2 * amounts[0] ** 1.5 if chances[0] < 0.3 else 0.0,
        factor=1 + 1.5 * amounts[1] if chances[1] < 0.2 else 1.0,
    )
    spoilt = blur(image)
    ways: list[tuple[float, Callable[[Tensor, float], Tensor]]] = [
        (
            0.45,
            lambda x, a: texture.grain(
                x, strength=0.01 + 0.08 * a, size=0.3 + 1.1 * amounts[7], coloured=coloured, generator=generator
            ),
        ),
        (0.4, lambda x, a: texture.noise(x, strength=0.005 + 0.06 * a**1.5, generator=generator)),
        (0.15, lambda x, a: texture.speckle(x, strength=0.03 + 0.15 * a, generator=generator)),
        (0.08, lambda x, a: texture.salt_and_pepper(x, amount=0.0005 + 0.005 * a, generator=generator)),
        (0.5, lambda x, a: texture.compress(x, quality=round(95 - 70 * a))),
    ]
    for (share, way), chance, amount in zip(ways, chances[2:], amounts[2:], strict=False):
        if chance < share:
            spoilt = way(spoilt, amount)
    return spoilt, blur.left(image)


def deconvolved(image: Tensor, generator: torch.Generator) -> Tensor:
    """A new photograph (1, 3, H, W) after blurring, slight grain and compression, and deconvolution."""
    small, grainy, compressed, much, size, quality = torch.rand(6, generator=generator).tolist()
    blur = Blur(sigma=0.7 + 1.8 * much) if small < 0.75 else Blur(factor=1.5 + much)
    spoilt = blur(image)
    if grainy < 0.6:
        strength = 0.015 * torch.rand((), generator=generator).item()
        spoilt = texture.grain(spoilt, strength=strength, size=1.2 * size, generator=generator)
    if compressed < 0.6:
        spoilt = texture.compress(spoilt, quality=round(100 - 45 * quality))
    known = blur.wide * math.exp(UNSURE * torch.randn((), generator=generator).item())
    return sharpened(spoilt, known).clamp(0, 1)
