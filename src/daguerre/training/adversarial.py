"""A network in training and the discriminator that it may be trained against, with its game and its own training."""

from collections.abc import Sequence
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from daguerre.errors import RecipeError
from daguerre.networks.patch_discriminators import MultiScaleDiscriminator
from daguerre.training.build import game, make_network
from daguerre.training.losses import FeatureMatching
from daguerre.training.optimization import Average, Trainee
from daguerre.training.recipe import Recipe
from daguerre.weights.registry import task_of

__all__ = ["Contest", "Opponent"]


Judged = Tensor | Sequence[Sequence[Tensor]]
"""What a discriminator answers: its logits, or at each of several scales a row of maps with the logits last."""


class Opponent:
    """A discriminator that learns to tell real from made.

    Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661; at several scales, whose features may be matched, Wang et
    al. 2018 (pix2pixHD), https://arxiv.org/abs/1711.11585, sec. 3.2.
    """

    losses = ("adversarial", "feature_matching")
    """What its generator may lose by."""

    def __init__(self, recipe: Recipe, fabric: Fabric) -> None:
        plan = recipe.discriminator
        if plan is None or "adversarial" not in recipe.losses:
            raise RecipeError("a [discriminator] and a weight losses.adversarial go together; one of them is missing")
        self.recipe, self.fabric = recipe, fabric
        network = make_network(plan.network)
        if task_of(plan.network.name) != "judge":
            raise RecipeError(f"{plan.network.name} is no discriminator")
        side = getattr(network, "side", recipe.crop)
        if side != recipe.crop:
            raise RecipeError(f"the discriminator takes a side of {side}, but crop is {recipe.crop}; make them equal")
        if "feature_matching" in recipe.losses and not isinstance(network, MultiScaleDiscriminator):
            raise RecipeError(f"{plan.network.name} has no features to match; take MultiScaleDiscriminator")
        self.discriminator = Trainee(fabric, network, recipe, plan.optimizer)
        self.game = game(plan)
        self.matching = FeatureMatching()

    def watch(self, real: Tensor, made: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """What the generator loses by `made`, which is to pass for `real`: weighed and summed, and part by part.

        The discriminator only watches, so it is not called in its distributed form.
        """
        watcher = self.discriminator.bare.requires_grad_(False)
        with self.fabric.autocast():
            # Together, as in its own turn: batch normalisation of each alone would hide what tells them apart.
            judged = watcher(torch.cat([real, made]))
        parts = {"adversarial": self.game.for_generator(*logits(judged).chunk(2))}
        if "feature_matching" in self.recipe.losses:
            true, fake = zip(*(feature.chunk(2) for feature in features(judged)), strict=True)
            parts["feature_matching"] = self.matching(fake, true)
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


def logits(judged: Judged) -> Tensor:
    """The logits of every scale as one row of numbers for each picture."""
    if isinstance(judged, Tensor):
        return judged.float().flatten(1)
    return torch.cat([stages[-1].float().flatten(1) for stages in judged], dim=1)


def features(judged: Sequence[Sequence[Tensor]]) -> list[Tensor]:
    """All maps but the logits."""
    return [stage.float() for stages in judged for stage in stages[:-1]]
