"""Steps that train upscaling networks: for fidelity alone, or against a discriminator as well."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from daguerre.errors import RecipeError
from daguerre.progress import ProgressCallback
from daguerre.training.networks import game, image_losses, make_network, start
from daguerre.training.pairs import Pairs
from daguerre.training.recipe import Recipe
from daguerre.training.trainee import Average, Trainee

__all__ = ["AdversarialRegression", "Regression"]


class Regression:
    """Make a small picture large, and be as close to the true large one as can be."""

    more_losses: tuple[str, ...] = ()  # that this step knows besides those between two images

    def __init__(self, recipe: Recipe, data: Path, fabric: Fabric, progress: ProgressCallback) -> None:
        self.recipe, self.fabric = recipe, fabric
        network = start(recipe)
        self.losses = image_losses(recipe, self.more_losses).to(fabric.device)
        self.pairs = Pairs(recipe, data, getattr(network, "scale", 1), fabric, progress)
        self.left_out = self.pairs.left_out
        self.labels: list[str] = []
        self.generator = Trainee(fabric, network, recipe, recipe.optimizer)
        self.average = Average(self.generator.bare, recipe.ema)

    def compare(self, made: Tensor, high: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        with self.fabric.autocast():
            loss, parts = self.losses(made, high)
        return loss, parts

    def learn(self, step: int, generator: torch.Generator) -> dict[str, Tensor]:
        low, high = self.pairs.draw(generator)
        loss, parts = self.compare(self.generator.network(low), high)
        self.generator.improve(loss, step)
        self.average.follow(self.generator.bare, step)
        return parts

    def judge(self) -> dict[str, float]:
        return self.pairs.judge(self.average.network)

    def show(self) -> Tensor:
        return self.pairs.show(self.average.network)

    def state(self) -> dict[str, Any]:
        return self.generator.state("generator") | {"average": self.average.network}

    def result(self) -> tuple[nn.Module, Mapping[str, Tensor]]:
        network = self.average.network
        return network, network.state_dict()


class AdversarialRegression(Regression):
    """The same against a discriminator, by turns: generator, discriminator, generator, …

    Wang et al. 2018 (ESRGAN), https://arxiv.org/abs/1809.00219, section 3; Goodfellow et al. 2014 for the turns.
    """

    more_losses = ("adversarial",)

    def __init__(self, recipe: Recipe, data: Path, fabric: Fabric, progress: ProgressCallback) -> None:
        plan = recipe.discriminator
        if plan is None or "adversarial" not in recipe.losses:
            raise RecipeError("an adversarial step needs a [discriminator] and a weight losses.adversarial")
        super().__init__(recipe, data, fabric, progress)
        self.discriminator = Trainee(fabric, make_network(plan.network), recipe, plan.optimizer)
        self.game = game(plan)

    def learn(self, step: int, generator: torch.Generator) -> dict[str, Tensor]:
        low, high = self.pairs.draw(generator)
        made = self.generator.network(low)

        # The generator's turn. The discriminator only watches, so it is not called in its distributed form.
        watcher = self.discriminator.bare.requires_grad_(False)
        with self.fabric.autocast():
            # Together, as in its own turn: batch normalisation of each alone would hide what tells them apart.
            real, fake = watcher(torch.cat([high, made])).float().chunk(2)
        deception = self.game.for_generator(real, fake)
        loss, parts = self.compare(made, high)
        self.generator.improve(loss + self.recipe.losses["adversarial"] * deception, step)
        self.average.follow(self.generator.bare, step)

        # The discriminator's turn, on the same images.
        self.discriminator.bare.requires_grad_(True)
        real, fake = self.discriminator.network(torch.cat([high, made.detach()])).chunk(2)
        detection = self.game.for_discriminator(real, fake)
        self.discriminator.improve(detection, step)
        return parts | {"adversarial": deception.detach(), "discriminator": detection.detach()}

    def state(self) -> dict[str, Any]:
        return super().state() | self.discriminator.state("discriminator")
