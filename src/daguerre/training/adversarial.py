"""A discriminator: the generator's adversarial loss, and its own training."""

from collections.abc import Sequence
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor

from daguerre.errors import RecipeError
from daguerre.networks.patch_discriminators import MultiScaleDiscriminator
from daguerre.training.build import build_network, make_gan_loss
from daguerre.training.losses import FeatureMatching
from daguerre.training.optimization import OptimizedModel
from daguerre.training.recipe import Recipe
from daguerre.weights.registry import task_of

__all__ = ["GENERATOR_LOSSES", "Discriminator"]

GENERATOR_LOSSES = ("adversarial", "feature_matching")
"""The losses that a discriminator adds to its generator's, by their names in recipes."""

DiscriminatorOutput = Tensor | Sequence[Sequence[Tensor]]
"""A discriminator's logits, or at each of several scales a row of feature maps with the logits last."""


class Discriminator:
    """A discriminator that learns to tell real images from generated ones.

    Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661; at several scales, whose features may be matched, Wang et
    al. 2018 (pix2pixHD), https://arxiv.org/abs/1711.11585, sec. 3.2.

    Raises:
        RecipeError: there is a discriminator without a weight for its loss, or a weight without one.
    """

    def __init__(self, recipe: Recipe, fabric: Fabric) -> None:
        plan = recipe.discriminator
        if plan is None or "adversarial" not in recipe.losses:
            raise RecipeError("a [discriminator] and a weight losses.adversarial go together; one of them is missing")
        self.recipe, self.fabric = recipe, fabric
        network = build_network(plan.network)
        if task_of(plan.network.name) != "judge":
            raise RecipeError(f"{plan.network.name} is no discriminator")
        side = getattr(network, "side", recipe.crop)
        if side != recipe.crop:
            raise RecipeError(f"the discriminator takes a side of {side}, but crop is {recipe.crop}; make them equal")
        if "feature_matching" in recipe.losses and not isinstance(network, MultiScaleDiscriminator):
            raise RecipeError(f"{plan.network.name} has no features to match; take MultiScaleDiscriminator")
        self.model = OptimizedModel(fabric, network, recipe, plan.optimizer)
        self.gan_loss = make_gan_loss(plan)
        self.feature_matching = FeatureMatching()

    def generator_loss(self, real: Tensor, fake: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The generator's adversarial losses for `fake` against `real`: weighted sum, and each part.

        The discriminator's weights are frozen here, so it is not called in its distributed form.
        """
        frozen = self.model.module.requires_grad_(False)
        with self.fabric.autocast():
            # In one batch, as in its own step: batch normalization of each alone would hide what distinguishes them.
            output = frozen(torch.cat([real, fake]))
        parts = {"adversarial": self.gan_loss.for_generator(*logits(output).chunk(2))}
        if "feature_matching" in self.recipe.losses:
            of_real, of_fake = zip(*(feature.chunk(2) for feature in features(output)), strict=True)
            parts["feature_matching"] = self.feature_matching(of_fake, of_real)
        return torch.stack([self.recipe.losses[name] * part for name, part in parts.items()]).sum(), parts

    def training_step(self, real: Tensor, fake: Tensor, step: int) -> Tensor:
        """The discriminator's own step on the same images; returns its loss, detached."""
        self.model.module.requires_grad_(True)
        output = self.model.network(torch.cat([real, fake]).detach())
        loss = self.gan_loss.for_discriminator(*logits(output).chunk(2))
        self.model.optimizer_step(loss, step)
        return loss.detach()

    def checkpoint(self) -> dict[str, Any]:
        """Its state for a checkpoint."""
        return self.model.checkpoint("discriminator")


def logits(output: DiscriminatorOutput) -> Tensor:
    """The logits of all scales in one row per image, (B, n)."""
    if isinstance(output, Tensor):
        return output.float().flatten(1)
    return torch.cat([maps[-1].float().flatten(1) for maps in output], dim=1)


def features(output: Sequence[Sequence[Tensor]]) -> list[Tensor]:
    """All feature maps except the logits."""
    return [feature.float() for maps in output for feature in maps[:-1]]
