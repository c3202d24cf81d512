"""A network in training and the discriminator that it may be trained against, with its game and its own training."""

from collections.abc import Sequence
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from daguerre.errors import RecipeError
from daguerre.training.losses import FeatureMatching
from daguerre.training.networks import game, make_network
from daguerre.training.recipe import Recipe
from daguerre.training.trainee import Average, Trainee

__all__ = ["Contest", "Opponent"]


class Opponent:
    """A discriminator that judges at several scales, each a row of maps with the logits last, and learns to tell.

    Wang et al. 2018 (pix2pixHD), https://arxiv.org/abs/1711.11585, sec. 3.2.
    """

    losses = ("adversarial", "feature_matching")
    """What its generator may lose by."""

    def __init__(self, recipe: Recipe, fabric: Fabric) -> None:
        plan = recipe.discriminator
        if plan is None or "adversarial" not in recipe.losses:
            raise RecipeError("a [discriminator] and a weight losses.adversarial go together; one of them is missing")
        self.recipe, self.fabric = recipe, fabric
        self.discriminator = Trainee(fabric, make_network(plan.network), recipe, plan.optimizer)
        self.game = game(plan)
        self.matching = FeatureMatching()

    def watch(self, real: Tensor, made: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """What the generator loses by `made`, which is to pass for `real`: weighed and summed, and part by part.

        The discriminator only watches, so it is not called in its distributed form.
        """
        watcher = self.discriminator.bare.requires_grad_(False)
        with self.fabric.autocast():
            true, fake = watcher(real), watcher(made)
        parts = {"adversarial": self.game.for_generator(logits(true), logits(fake))}
        if "feature_matching" in self.recipe.losses:
            parts["feature_matching"] = self.matching(features(fake), features(true))
        return torch.stack([self.recipe.losses[name] * part for name, part in parts.items()]).sum(), parts

    def learn(self, real: Tensor, made: Tensor, step: int) -> Tensor:
        """The discriminator's turn, on the same images; returns its loss."""
        self.discriminator.bare.requires_grad_(True)
        judged = self.discriminator.network(torch.cat([real, made]).detach())
        detection = self.game.for_discriminator(*logits(judged).chunk(2))
        self.discriminator.improve(detection, step)
        return detection.detach()


class Contest:
    """A network in training, the average of its weights, and its opponent, if the recipe asks for one.

    Raises:
        RecipeError: there is a discriminator without a weight for it, or a weight without one.
    """

    def __init__(self, recipe: Recipe, fabric: Fabric, network: nn.Module) -> None:
        asked = recipe.discriminator is not None or set(Opponent.losses) & recipe.losses.keys()
        self.opponent = Opponent(recipe, fabric) if asked else None
        self.trainee = Trainee(fabric, network, recipe, recipe.optimizer)
        self.average = Average(self.trainee.bare, recipe.ema)

    @property
    def network(self) -> nn.Module:
        """To be called in training; it may be spread over processes."""
        return self.trainee.network  # type: ignore[no-any-return]

    def improve(
        self, loss: Tensor, parts: dict[str, Tensor], real: Tensor, made: Tensor, step: int
    ) -> dict[str, Tensor]:
        """One step for the network, down its loss and what the opponent adds to it, and one for the opponent.

        Args:
            parts: of the loss, by name.
            real, made: what the opponent is to tell apart.

        Returns:
            All parts, detached.
        """
        if self.opponent:
            lost, more = self.opponent.watch(real, made)
            loss, parts = loss + lost, parts | more
        self.trainee.improve(loss, step)
        self.average.follow(self.trainee.bare, step)
        if self.opponent:
            parts = parts | {"discriminator": self.opponent.learn(real, made, step)}
        return {name: part.detach() for name, part in parts.items()}

    def state(self) -> dict[str, Any]:
        """What a checkpoint must hold."""
        judge = self.opponent.discriminator.state("discriminator") if self.opponent else {}
        return self.trainee.state("generator") | {"average": self.average.network} | judge


def logits(judged: Sequence[Sequence[Tensor]]) -> Tensor:
    """The last maps of every scale as one row of numbers for each picture."""
    return torch.cat([stages[-1].float().flatten(1) for stages in judged], dim=1)


def features(judged: Sequence[Sequence[Tensor]]) -> list[Tensor]:
    """All maps but the logits."""
    return [stage.float() for stages in judged for stage in stages[:-1]]
