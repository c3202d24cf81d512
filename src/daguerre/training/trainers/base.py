"""The interface of trainers, and what they share: the optimizer step, the EMA, checkpoint and export."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from daguerre.training.adversarial import GENERATOR_LOSSES, Discriminator
from daguerre.training.batchnorm_folding import fold
from daguerre.training.optimization import EMA, OptimizedModel
from daguerre.training.recipe import Recipe

__all__ = ["AdversarialTrainer", "Trainer"]


class Trainer(ABC):
    """One kind of training: its data, its network and its losses.

    A subclass reads its data and builds its network in `__init__`, and ends with `optimize(network)`.
    """

    left_out: list[str]
    """Pictures that could not be used, one line each, with the reason."""

    def __init__(self, recipe: Recipe, fabric: Fabric) -> None:
        self.recipe, self.fabric = recipe, fabric
        self.labels: list[str] = []
        """The network's classes, in the order of its outputs; empty if it does not classify."""

    def optimize(self, network: nn.Module) -> None:
        """Give `network`, on the CPU, an optimizer and an average of its weights."""
        self.model = OptimizedModel(self.fabric, network, self.recipe, self.recipe.optimizer)
        self.ema = EMA(self.model.module, self.recipe.ema)

    @abstractmethod
    def training_step(self, step: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Run iteration `step`, from 1, drawing all random numbers from `generator`.

        Returns:
            Losses by name, detached scalars.
        """

    @abstractmethod
    def validate(self) -> dict[str, float]:
        """Scores by name of the averaged network on the validation set."""

    def sample_grid(self) -> Tensor | None:
        """Samples for inspection, (1, 3, H, W) in [0, 1], or None."""
        return None

    def checkpoint(self) -> dict[str, Any]:
        """The state for a checkpoint, for `Fabric.save` and `Fabric.load`."""
        return self.model.checkpoint("generator") | {"average": self.ema.network}

    def export(self) -> tuple[nn.Module, Mapping[str, Tensor]]:
        """The network to export and its weights, with batch normalization folded into convolutions."""
        return self.ema.network, fold(self.ema.network)

    def weighted_sum(self, parts: Mapping[str, Tensor]) -> Tensor:
        """The sum of losses, each weighted as in the recipe, or by 0."""
        weighted = [self.recipe.losses[name] * part for name, part in parts.items() if name in self.recipe.losses]
        return torch.stack(weighted).sum()

    def optimizer_step(self, loss: Tensor, parts: Mapping[str, Tensor], step: int) -> dict[str, Tensor]:
        """One step of the network down the gradient of `loss`; returns its parts, detached."""
        self.model.optimizer_step(loss, step)
        self.ema.update(self.model.module, step)
        return {name: part.detach() for name, part in parts.items()}

    @torch.inference_mode()
    def predict(self, image: Tensor) -> Tensor:
        """The averaged network's output for images, float32 on the CPU."""
        image = image.to(self.fabric.device).contiguous(memory_format=torch.channels_last)
        with self.fabric.autocast():
            made: Tensor = self.ema.network(image)
        return made.float().cpu()


class AdversarialTrainer(Trainer):
    """A trainer whose network is also trained against a discriminator, if the recipe has one."""

    def optimize(self, network: nn.Module) -> None:
        """Like `Trainer.optimize`, with the recipe's discriminator.

        Raises:
            RecipeError: there is a discriminator without a weight for it, or a weight without one.
        """
        asked = self.recipe.discriminator is not None or set(GENERATOR_LOSSES) & self.recipe.losses.keys()
        self.discriminator = Discriminator(self.recipe, self.fabric) if asked else None
        super().optimize(network)

    def adversarial_step(
        self, loss: Tensor, parts: dict[str, Tensor], real: Tensor, fake: Tensor, step: int
    ) -> dict[str, Tensor]:
        """One step of the network, including the adversarial loss, then one of the discriminator.

        Args:
            loss, parts: the network's other losses: their sum, and each part.
            real, fake: inputs of the discriminator, (B, C, H, W) each.

        Returns:
            All parts of the loss, and the discriminator's own, detached.
        """
        if self.discriminator is None:
            return self.optimizer_step(loss, parts, step)
        generator_loss, more = self.discriminator.generator_loss(real, fake)
        parts = self.optimizer_step(loss + generator_loss, parts | more, step)
        return parts | {"discriminator": self.discriminator.training_step(real, fake, step)}

    def checkpoint(self) -> dict[str, Any]:
        return super().checkpoint() | (self.discriminator.checkpoint() if self.discriminator else {})
