"""The steps that train restoration: two autoencoders, then the translation between their latent spaces.

Wan et al. 2020, https://arxiv.org/abs/2004.09484, sec. 3.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F

from daguerre import weights
from daguerre.errors import RecipeError
from daguerre.evaluation.metrics import psnr
from daguerre.networks.compact_translation import LatentRestoration
from daguerre.networks.compact_vae import CompactEncoder, CompactVAE
from daguerre.progress import ProgressCallback
from daguerre.training.adversarial import Contest, Opponent
from daguerre.training.build import image_losses, start
from daguerre.training.data.aged_photos import AgedBatch, AgedPictures
from daguerre.training.data.detected_masks import DetectedMasks
from daguerre.training.losses import KL
from daguerre.training.recipe import Recipe

__all__ = ["Autoencoding", "Translation"]

TEXTURE = "texture"  # the network that takes grain away before
TRIALS = 24  # pictures held out that a network is tried on
SHOWN = 8  # of them, and as many real ones, on a sample sheet
TOLD = 0.4  # of the examples come with the mask of their damage, the others with what a detector finds
WIDENED = 3  # masks grow by fewer pixels than this: a detector is not exact


class Encoding(nn.Module):
    """An autoencoder whose every part is called in one `forward`, as distributed training asks."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The image made of a drawn latent map, and the map's mean and log variance."""
        mean, log_variance = self.network.encode(image)  # type: ignore[operator]
        return self.network.decode(self.network.sample(mean, log_variance)), mean, log_variance  # type: ignore[operator]


class Autoencoding:
    """Give back what was encoded; with a discriminator, real old photographs and made ones share one latent space.

    Losses: those between two images, `kl`, and `adversarial`, for which synthetic examples are to look like real ones.
    """

    def __init__(self, recipe: Recipe, data: Path, fabric: Fabric, progress: ProgressCallback) -> None:
        self.contest = Contest(recipe, fabric, Encoding(start(recipe)))
        if self.contest.opponent and not recipe.aging.real:
            raise RecipeError("the discriminator compares with real old photographs; name their parts in aging.real")
        self.recipe, self.fabric = recipe, fabric
        self.losses = image_losses(recipe, ("kl", *Opponent.losses)).to(fabric.device)
        self.kl = KL()
        self.pictures = AgedPictures(recipe, data, fabric, progress)
        self.left_out = self.pictures.left_out
        self.labels: list[str] = []

    def learn(self, step: int, generator: torch.Generator) -> dict[str, Tensor]:
        made = self.pictures.draw(step, generator).image
        images = torch.cat([made, self.pictures.draw_real(generator)]) if self.pictures.real else made
        decoded, mean, log_variance = self.contest.network(images)
        with self.fabric.autocast():
            loss, parts = self.losses(decoded, images)
        parts["kl"] = self.kl(mean, log_variance)
        loss = loss + self.recipe.losses.get("kl", 0.0) * parts["kl"]
        synthetic, real = mean.chunk(2) if self.contest.opponent else (mean, mean)
        return self.contest.improve(loss, parts, real, synthetic, step)

    def trials(self) -> list[Tensor]:
        """Pictures held out (1, 3, h, w), aged, or as they are if the recipe ages none."""
        aged = self.recipe.aging.untouched < 1
        return [one.image if aged else one.clean for one in self.pictures.trials(TRIALS)]

    @torch.inference_mode()
    def give_back(self, image: Tensor) -> Tensor:
        """What the averaged autoencoder makes of an image, without noise."""
        with self.fabric.autocast():
            made: Tensor = self.contest.average.network.get_submodule("network")(image.to(self.fabric.device))
        return made.float().cpu()

    def judge(self) -> dict[str, float]:
        """Mean PSNR in RGB of what is given back of pictures held out."""
        scores = [psnr(self.give_back(image), image, channel="rgb") for image in self.trials()]
        return {"psnr_rgb": torch.cat(scores).clamp(max=100).mean().item()}

    def show(self) -> Tensor:
        """Pictures held out, one a row, and what is given back of them."""
        return sheet([[image, self.give_back(image)] for image in self.trials()[:SHOWN]])

    def state(self) -> dict[str, Any]:
        return self.contest.state()

    def result(self) -> tuple[nn.Module, Mapping[str, Tensor]]:
        network = self.contest.average.network.get_submodule("network")
        network = CompactEncoder.of(network) if self.recipe.keep == "encoder" else network
        return network, network.state_dict()


FLOOR = 3e-5  # mean square error below which `sound` hardly falls: 45 dB


class Restoring(nn.Module):
    """A restoration of which only the translation learns."""

    def __init__(self, restoration: LatentRestoration) -> None:
        super().__init__()
        self.restoration = restoration
        restoration.old.requires_grad_(False)
        restoration.clean.requires_grad_(False)

    def forward(self, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The restored image and the translated latent map."""
        latent = self.restoration.old(image)
        translated = self.restoration.translation(latent, mask)
        return self.restoration.compose(image, mask, latent, translated), translated


class Translation:
    """Translate the latent maps of aged photographs to those of clean ones; tones are another network's business.

    Losses: those between two images; `hole`, L1 under the mask alone; `sound`, the logarithm of each example's mean
    square error outside it, so that grain counts as much as holes and halftones, whose errors are a hundred times as
    large; `latent`, L1 between latent maps; `adversarial` and `feature_matching` with a multi-scale discriminator of
    images.
    """

    def __init__(self, recipe: Recipe, data: Path, fabric: Fabric, progress: ProgressCallback) -> None:
        if recipe.autoencoders is None:
            raise RecipeError("a translation needs [autoencoders] with the weights `old` and `clean`")
        self.recipe, self.fabric = recipe, fabric
        self.losses = image_losses(recipe, ("hole", "latent", "sound", *Opponent.losses)).to(fabric.device)
        self.pictures = AgedPictures(recipe, data, fabric, progress)
        self.left_out = self.pictures.left_out
        self.labels: list[str] = []
        old, clean = (weights.load(name).network for name in (recipe.autoencoders.old, recipe.autoencoders.clean))
        for name, network, kinds in (("old", old, (CompactEncoder, CompactVAE)), ("clean", clean, (CompactVAE,))):
            if not isinstance(network, kinds):
                raise RecipeError(
                    f"autoencoders.{name} is a {type(network).__name__}; it must be a {kinds[-1].__name__}"
                )
        restoration = LatentRestoration(CompactEncoder.of(old), clean, start(recipe))  # type: ignore[arg-type]
        self.contest = Contest(recipe, fabric, Restoring(restoration))
        self.found = DetectedMasks(fabric)
        self.texture = weights.load(TEXTURE).network.eval().to(fabric.device)

    def learn(self, step: int, generator: torch.Generator) -> dict[str, Tensor]:
        batch = self.pictures.draw(step, generator)
        mask = seen(batch.mask, self.found(batch.image), generator)
        made, translated = self.contest.network(self.begin(batch.image, mask), mask)
        loss, parts = self.compare(batch, made, translated)
        return self.contest.improve(loss, parts, batch.toned, made, step)

    def compare(self, batch: AgedBatch, made: Tensor, translated: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The losses that need no discriminator."""
        with self.fabric.autocast():
            loss, parts = self.losses(made, batch.toned)
        if "hole" in self.recipe.losses:
            wrong = ((made - batch.toned).abs() * batch.mask).sum()
            parts["hole"] = wrong / (3 * batch.mask.sum()).clamp(min=1)
            loss = loss + self.recipe.losses["hole"] * parts["hole"]
        if "sound" in self.recipe.losses:
            weight = (batch.mask == 0).float()
            error = ((made - batch.toned).square() * weight).sum((1, 2, 3)) / (3 * weight.sum((1, 2, 3))).clamp(min=1)
            parts["sound"] = (error + FLOOR).log10().mean()
            loss = loss + self.recipe.losses["sound"] * parts["sound"]
        if "latent" in self.recipe.losses:
            with torch.no_grad(), self.fabric.autocast():
                wanted, _ = self.contest.trainee.bare.restoration.clean.encode(batch.toned)  # type: ignore[operator, union-attr]
            parts["latent"] = (translated - wanted).abs().mean()
            loss = loss + self.recipe.losses["latent"] * parts["latent"]
        return loss, parts

    @torch.no_grad()
    def begin(self, image: Tensor, mask: Tensor) -> Tensor:
        """Images as they come in use: damage filled coarsely, by the averaged network, and grain taken away."""
        with self.fabric.autocast():
            filled: Tensor = self.contest.average.network.restoration.fill(image, mask)  # type: ignore[operator, union-attr]
            cleaned: Tensor = self.texture(filled)
        return cleaned.float().clamp(0, 1)

    @torch.inference_mode()
    def restore(self, image: Tensor, mask: Tensor) -> Tensor:
        """What the averaged network makes of an image, float32 on the processor."""
        image, mask = image.to(self.fabric.device), mask.to(self.fabric.device)
        begun = self.begin(image, mask)
        with self.fabric.autocast():
            made, _ = self.contest.average.network(begun, mask)
        return made.float().cpu()  # type: ignore[no-any-return]

    def judge(self) -> dict[str, float]:
        """Mean PSNR in RGB against the clean pictures in the aged tones: before, after, and of clean pictures.

        After, with the damage told, and as it is found.
        """
        before, after, found, clean = [], [], [], []
        for one in self.pictures.trials(TRIALS):
            before.append(psnr(one.image, one.toned, channel="rgb"))
            after.append(psnr(self.restore(one.image, one.mask), one.toned, channel="rgb"))
            found.append(psnr(self.restore(one.image, self.found(one.image)), one.toned, channel="rgb"))
            clean.append(psnr(self.restore(one.clean, torch.zeros_like(one.mask)), one.clean, channel="rgb"))
        means = {"before": before, "psnr_rgb": after, "psnr_found": found, "clean": clean}
        return {name: torch.cat(scores).clamp(max=100).mean().item() for name, scores in means.items()}

    def show(self) -> Tensor:
        """Pictures held out, one a row: aged, restored, wanted."""
        trials = self.pictures.trials(SHOWN)
        return sheet([[one.image, self.restore(one.image, one.mask), one.toned] for one in trials])

    def state(self) -> dict[str, Any]:
        return self.contest.state()

    def result(self) -> tuple[nn.Module, Mapping[str, Tensor]]:
        network = self.contest.average.network.get_submodule("restoration.translation")
        return network, network.state_dict()


def seen(mask: Tensor, found: Tensor, generator: torch.Generator) -> Tensor:
    """Masks as they come in use: from a person, who knows, or from a detector; more or less wide."""
    chances = torch.rand(len(mask), 2, generator=generator)
    masks = []
    for k, (told, wider) in enumerate(chances.tolist()):
        one, grow = (mask if told < TOLD else found)[k : k + 1], int(wider * WIDENED)
        masks.append(F.max_pool2d(one, 2 * grow + 1, 1, grow))
    return torch.cat(masks)


def sheet(rows: Sequence[Sequence[Tensor]]) -> Tensor:
    """Images (1, 3, h, w) in rows, white where there is none."""
    lines = [torch.cat([image.clamp(0, 1) for image in row], dim=3) for row in rows]
    width = max(line.shape[3] for line in lines)
    return torch.cat([F.pad(line, (0, width - line.shape[3]), value=1.0) for line in lines], dim=2)
