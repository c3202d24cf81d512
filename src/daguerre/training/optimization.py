"""A network with its optimizer, learning-rate schedule and gradient clipping; and the moving average of its weights."""

import copy
import math
from collections.abc import Mapping
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from daguerre.training.recipe import OptimizerPlan, Recipe, SchedulePlan

__all__ = ["EMA", "OptimizedModel", "learning_rate"]


def learning_rate(schedule: SchedulePlan, step: int, steps: int) -> float:
    """The learning rate of one step as a fraction of the full rate, in [0, 1].

    Args:
        step: which step, from 1.
        steps: steps in the whole run.
    """
    warm = min(1.0, step / schedule.warmup) if schedule.warmup else 1.0
    done = (step - 1) / steps
    if schedule.kind == "step":
        return warm * schedule.factor ** sum(done >= milestone for milestone in schedule.milestones)
    return warm * (schedule.floor + (1 - schedule.floor) * (1 + math.cos(math.pi * done)) / 2)


class EMA:
    """Exponential moving average of a network's weights: average += (1 - decay) (weights - average).

    Early on the decay is (1 + step) / (10 + step), so that the random start is soon forgotten.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Move the average towards `network` after step `step`, from 1."""
        weight = 1 - min(self.decay, (1 + step) / (10 + step))
        ours, theirs = self.network.state_dict(), network.state_dict()
        averaged = [name for name, value in ours.items() if value.is_floating_point()]
        torch._foreach_lerp_([ours[name] for name in averaged], [theirs[name] for name in averaged], weight)
        for name in ours.keys() - set(averaged):  # counters, as in batch normalization
            ours[name].copy_(theirs[name])


def parameter_groups(network: nn.Module, slower: Mapping[str, float]) -> list[dict[str, Any]]:
    """The parameters by the fraction of the learning rate that they have; the first group has the full rate."""
    groups: dict[float, list[nn.Parameter]] = {1.0: []}
    for name, parameter in network.named_parameters():
        fraction = next((given for begins, given in slower.items() if name.startswith(begins)), 1.0)
        groups.setdefault(fraction, []).append(parameter)
    return [{"params": parameters, "fraction": fraction} for fraction, parameters in groups.items() if parameters]


class OptimizedModel:
    """A network and its optimizer (AdamW). Call `network`; it may be distributed over processes."""

    def __init__(self, fabric: Fabric, network: nn.Module, recipe: Recipe, plan: OptimizerPlan) -> None:
        self.fabric, self.recipe, self.plan = fabric, recipe, plan
        network = network.to(fabric.device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        groups = parameter_groups(network, plan.slower)
        adam = torch.optim.AdamW(groups, lr=plan.lr, betas=plan.betas, weight_decay=plan.weight_decay)
        self.network, self.optimizer = fabric.setup(network, adam)

    @property
    def module(self) -> nn.Module:
        """The network without its distributed wrapper."""
        return self.network.module  # type: ignore[no-any-return]

    def optimizer_step(self, loss: Tensor, step: int) -> None:
        """Take one step down the gradient of `loss`, at the learning rate of step `step`, from 1."""
        for group in self.optimizer.param_groups:
            rate = self.plan.lr * learning_rate(self.recipe.schedule, step, self.recipe.steps)
            group["lr"] = rate * group.get("fraction", 1.0)  # checkpoints of before have none
        self.optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        if self.recipe.clip:
            self.fabric.clip_gradients(self.network, self.optimizer, max_norm=self.recipe.clip)
        self.optimizer.step()

    def checkpoint(self, name: str) -> dict[str, Any]:
        """The state for a checkpoint, under keys that begin with `name`."""
        return {name: self.network, f"{name}.optimizer": self.optimizer}
