import pytest
import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from daguerre.training.recipe import STEP_ALIASES, Recipe, parse_recipe
from daguerre.training.trainers import TRAINERS
from daguerre.training.trainers.base import AdversarialTrainer, Trainer

DISCRIMINATOR = {
    "network": {"name": "UNetDiscriminatorSN", "arguments": {"features": 2}},
    "optimizer": {"lr": 1e-3},
}


def recipe(**changes: object) -> Recipe:
    table = {
        "name": "tiny",
        "step": "super_resolution",
        "steps": 10,
        "crop": 16,
        "ema": 0.0,
        "network": {"name": "SRCNN"},
        "data": {"parts": ["."]},
        "optimizer": {"lr": 0.1},
        "losses": {"l1": 2.0, "edges": 3.0},
    }
    return parse_recipe(table | changes)


class Constant(nn.Module):
    """The same colour for every image."""

    def __init__(self) -> None:
        super().__init__()
        self.colour = nn.Parameter(torch.tensor([0.5, 0.5, 0.5]))

    def forward(self, image: Tensor) -> Tensor:
        return torch.zeros_like(image) + self.colour.view(1, 3, 1, 1)


class Plain(AdversarialTrainer):
    def __init__(self, plan: Recipe) -> None:
        super().__init__(plan, Fabric(accelerator="cpu", devices=1))
        self.optimize(Constant())

    def training_step(self, step: int, generator: torch.Generator) -> dict[str, Tensor]:
        real = torch.ones(2, 3, 16, 16)
        fake = self.model.network(real)
        parts = {"l1": (fake - real).abs().mean()}
        return self.adversarial_step(self.weighted_sum(parts), parts, real, fake, step)

    def validate(self) -> dict[str, float]:
        return {}


def test_losses_are_weighted_as_the_recipe_says_and_what_it_does_not_name_counts_nothing():
    parts = {"l1": torch.tensor(1.0), "edges": torch.tensor(10.0), "unnamed": torch.tensor(100.0)}
    assert Plain(recipe()).weighted_sum(parts).item() == 32


def test_a_step_moves_the_network_and_its_average():
    trainer = Plain(recipe())
    parts = trainer.training_step(1, torch.Generator())
    assert (parts.keys(), parts["l1"].item(), parts["l1"].requires_grad) == ({"l1"}, 0.5, False)
    assert trainer.model.module.colour.tolist() == pytest.approx([0.6] * 3, abs=1e-4)  # Adam's first step
    assert trainer.predict(torch.zeros(1, 3, 2, 2)).unique().item() == pytest.approx(0.6, abs=1e-4)
    network, weights = trainer.export()
    assert network is trainer.ema.network
    assert weights.keys() == {"colour"}
    assert trainer.checkpoint().keys() == {"generator", "generator.optimizer", "average"}
    assert trainer.sample_grid() is None


def test_a_discriminator_trains_by_turns_and_is_kept_in_checkpoints():
    trainer = Plain(recipe(losses={"l1": 1.0, "adversarial": 0.1}, discriminator=DISCRIMINATOR))
    before = [parameter.clone() for parameter in trainer.discriminator.model.module.parameters()]
    parts = trainer.training_step(1, torch.Generator())
    assert parts.keys() == {"l1", "adversarial", "discriminator"}
    after = trainer.discriminator.model.module.parameters()
    assert any(not torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert {"discriminator", "discriminator.optimizer"} < trainer.checkpoint().keys()


def test_every_step_of_a_recipe_is_a_trainer_and_every_earlier_name_leads_to_one():
    assert all(issubclass(kind, Trainer) for kind in TRAINERS.values())
    assert set(STEP_ALIASES.values()) < TRAINERS.keys()
    assert not STEP_ALIASES.keys() & TRAINERS.keys()
