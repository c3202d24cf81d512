"""The step that trains upscaling networks, for fidelity alone or against a discriminator as well."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from daguerre.errors import RecipeError
from daguerre.progress import ProgressCallback
from daguerre.training.adversarial import Contest, Opponent
from daguerre.training.build import image_losses, start
from daguerre.training.data.sr_pairs import Pairs
from daguerre.training.recipe import Recipe
from daguerre.weights.registry import task_of

__all__ = ["Regression"]


class Regression:
    """Make a small picture large, and be as close to the true large one as can be.

    With a [discriminator] by turns: generator, discriminator, generator, …; Ledig et al. 2017 (SRGAN),
    https://arxiv.org/abs/1609.04802; Wang et al. 2018 (ESRGAN), https://arxiv.org/abs/1809.00219, section 3.

    Losses: those between two images; `adversarial`, and `feature_matching` with a multi-scale discriminator.
    """

    def __init__(self, recipe: Recipe, data: Path, fabric: Fabric, progress: ProgressCallback) -> None:
        if task_of(recipe.network.name) != "upscale":
            raise RecipeError(f"this step trains networks that upscale, not {recipe.network.name}")
        network = start(recipe)
        self.fabric = fabric
        self.losses = image_losses(recipe, Opponent.losses).to(fabric.device)
        self.contest = Contest(recipe, fabric, network)
        self.pairs = Pairs(recipe, data, getattr(network, "scale", 1), fabric, progress)
        self.left_out = self.pairs.left_out
        self.labels: list[str] = []

    def learn(self, step: int, generator: torch.Generator) -> dict[str, Tensor]:
        low, high = self.pairs.draw(generator)
        made = self.contest.network(low)
        with self.fabric.autocast():
            loss, parts = self.losses(made, high)
        return self.contest.improve(loss, parts, high, made, step)

    def judge(self) -> dict[str, float]:
        return self.pairs.judge(self.contest.average.network)

    def show(self) -> Tensor:
        return self.pairs.show(self.contest.average.network)

    def state(self) -> dict[str, Any]:
        return self.contest.state()

    def result(self) -> tuple[nn.Module, Mapping[str, Tensor]]:
        network = self.contest.average.network
        return network, network.state_dict()
