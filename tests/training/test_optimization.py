import pytest
import torch
from lightning.fabric import Fabric
from torch import nn

from daguerre.training.optimization import EMA, OptimizedModel, learning_rate
from daguerre.training.recipe import OptimizerPlan, SchedulePlan, parse_recipe


def test_cosine_warms_up_and_falls_to_its_floor():
    schedule = SchedulePlan(warmup=10, floor=0.1)
    assert learning_rate(schedule, 1, 1000) == pytest.approx(0.1, abs=1e-3)
    assert learning_rate(schedule, 10, 1000) == pytest.approx(1, abs=1e-3)
    assert learning_rate(schedule, 501, 1000) == pytest.approx(0.1 + 0.9 / 2)
    assert learning_rate(schedule, 1000, 1000) == pytest.approx(0.1, abs=1e-4)


def test_steps_fall_at_their_milestones():
    schedule = SchedulePlan(kind="step", milestones=(0.5, 0.75), factor=0.5)
    assert [learning_rate(schedule, step, 100) for step in (1, 50, 51, 75, 76, 100)] == [1, 1, 0.5, 0.5, 0.25, 0.25]


class One(nn.Module):
    """A single weight, and its product with the input."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([weight]))
        self.register_buffer("count", torch.tensor(0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.weight * x


def test_average_follows_quickly_at_first_then_by_its_decay():
    network = One(0.0)
    average = EMA(network, decay=0.9)
    network.weight.data.fill_(1.0)
    network.count += 7
    average.update(network, 1)  # decay (1 + 1) / (10 + 1)
    assert average.network.weight.item() == pytest.approx(9 / 11)
    assert average.network.count == 7
    average.update(network, 1000)
    assert average.network.weight.item() == pytest.approx(1 - (1 - 9 / 11) * 0.9)


def trainee(network: nn.Module, clip: float, **optimizer: object) -> OptimizedModel:
    recipe = parse_recipe(
        {
            "name": "one",
            "step": "super_resolution",
            "steps": 10,
            "network": {"name": "One"},
            "data": {"parts": []},
            "optimizer": {"lr": 0.1},
            "clip": clip,
        }
    )
    return OptimizedModel(Fabric(accelerator="cpu", devices=1), network, recipe, OptimizerPlan(lr=0.1, **optimizer))


def test_a_step_goes_down_the_gradient_at_the_scheduled_rate():
    network = One(1.0)
    learner = trainee(network, clip=0)
    learner.optimizer_step(learner.network(torch.ones(1)).sum(), 1)
    assert network.weight.item() == pytest.approx(0.9, abs=1e-4)  # Adam's first step is the rate itself


def test_parameters_named_as_slower_have_a_fraction_of_the_rate():
    network = nn.ModuleDict({"quick": One(1.0), "slow": One(1.0)})
    learner = trainee(network, clip=0, slower={"slow": 0.1})
    learner.optimizer_step(sum(one.weight for one in network.values()).sum(), 1)
    assert network["quick"].weight.item() == pytest.approx(0.9, abs=1e-4)
    assert network["slow"].weight.item() == pytest.approx(0.99, abs=1e-4)


def test_the_gradient_is_clipped_to_its_norm():
    network = One(1.0)
    learner = trainee(network, clip=0.5)
    learner.optimizer_step(learner.network(torch.full((1,), 100.0)).sum(), 1)
    assert network.weight.grad is not None
    assert network.weight.grad.item() == pytest.approx(0.5, abs=1e-4)
