"""Batches made by workers are those that are made without."""

import sys

import pytest
import torch
from lightning.fabric import Fabric

from daguerre.training.prefetch import Prefetcher, seeded_generator, spare_workers
from daguerre.training.recipe import parse_recipe

RECIPE = parse_recipe(
    {
        "name": "tiny",
        "step": "super_resolution",
        "steps": 7,
        "seed": 3,
        "network": {"name": "SRCNN"},
        "data": {"parts": ["."]},
        "optimizer": {"lr": 1e-2},
    }
)


def noise(generator: torch.Generator) -> list[torch.Tensor]:
    return [torch.rand(2, 3, 4, 4, generator=generator)]


def follow(prefetch: Prefetcher[list[torch.Tensor]], first: int) -> list[torch.Tensor]:
    """Batches from an iteration on, each with what the step draws after it."""
    drawn = []
    for step in range(first, RECIPE.steps + 1):
        generator = seeded_generator(RECIPE.seed, step, 0)
        drawn.append(torch.cat([prefetch(step, generator)[0].flatten(), torch.rand(1, generator=generator)]))
    return drawn


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked")
@pytest.mark.filterwarnings("ignore:This DataLoader will create", "ignore:.*multi-threaded, use of fork")
@pytest.mark.parametrize("first", [1, 4])
def test_batches_made_ahead_are_those_made_in_turn(first):
    fabric = Fabric(accelerator="cpu")
    alone, helped = (follow(Prefetcher(noise, RECIPE, fabric, workers=workers), first) for workers in (0, 3))
    assert len(alone) == len(helped) == RECIPE.steps + 1 - first
    assert all(torch.equal(a, b) for a, b in zip(alone, helped, strict=True))


def test_a_processor_has_none_to_spare():
    assert spare_workers(Fabric(accelerator="cpu")) == 0
