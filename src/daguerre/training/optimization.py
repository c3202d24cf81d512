"""A network in training, with its optimiser, its schedule and its clipped gradient; and the average of its weights."""

import copy
import math
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from daguerre.training.recipe import OptimizerPlan, Recipe, SchedulePlan

__all__ = ["Average", "Trainee", "rate"]


def rate(schedule: SchedulePlan, step: int, steps: int) -> float:
    """The learning rate of one step as a part of the full rate.

    Args:
        step: which step, from 1.
        steps: steps in the whole run.
    """
    warm = min(1.0, step / schedule.warmup) if schedule.warmup else 1.0
    done = (step - 1) / steps
    if schedule.kind == "step":
        return warm * schedule.factor ** sum(done >= milestone for milestone in schedule.milestones)
    return warm * (schedule.floor + (1 - schedule.floor) * (1 + math.cos(math.pi * done)) / 2)


class Average:
    """The running average of a network's weights: average += (1 - decay) (weights - average).

    Early on the decay is (1 + step) / (10 + step), so that the random start is soon forgotten.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def follow(self, network: nn.Module, step: int) -> None:
        weight = 1 - min(self.decay, (1 + step) / (10 + step))
        ours, theirs = self.network.state_dict(), network.state_dict()
        moving = [name for name, value in ours.items() if value.is_floating_point()]
        torch._foreach_lerp_([ours[name] for name in moving], [theirs[name] for name in moving], weight)
        for name in ours.keys() - set(moving):  # counters, as batch normalisation has
            ours[name].copy_(theirs[name])


class Trainee:
    """A network in training; call `network`, which may be spread over processes, and `improve` it by a loss."""

    def __init__(self, fabric: Fabric, network: nn.Module, recipe: Recipe, plan: OptimizerPlan) -> None:
        self.fabric, self.recipe, self.plan = fabric, recipe, plan
        network = network.to(fabric.device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        adam = torch.optim.AdamW(network.parameters(), lr=plan.lr, betas=plan.betas, weight_decay=plan.weight_decay)
        self.network, self.optimizer = fabric.setup(network, adam)

    @property
    def bare(self) -> nn.Module:
        """The network without what distributes it."""
        return self.network.module  # type: ignore[no-any-return]

    def improve(self, loss: Tensor, step: int) -> None:
        """Take one step down the gradient of `loss`."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.plan.lr * rate(self.recipe.schedule, step, self.recipe.steps)
        self.optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        if self.recipe.clip:
            self.fabric.clip_gradients(self.network, self.optimizer, max_norm=self.recipe.clip)
        self.optimizer.step()

    def state(self, name: str) -> dict[str, Any]:
        """What a checkpoint must hold to go on from here, under keys that begin with `name`."""
        return {name: self.network, f"{name}.optimizer": self.optimizer}
