"""What tests of training share: drawn pictures, tiny recipes, a run that stops half-way."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from daguerre import weights
from daguerre.errors import Cancelled
from daguerre.progress import Progress, ProgressCallback
from daguerre.training.loop import train
from daguerre.training.recipe import Recipe, parse_recipe


def draw_pictures(folder: Path, count: int = 4, size: tuple[int, int] = (40, 36)) -> Path:
    """Write soft colourful pictures of (width, height) pixels as 0.png, 1.png, …"""
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(0)
    for i in range(count):
        coarse = Image.fromarray(random.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        coarse.resize(size, Image.Resampling.BICUBIC).save(folder / f"{i}.png")
    return folder


def super_resolution(**changes: object) -> Recipe:
    """Four steps of a network that doubles pictures."""
    table = {
        "name": "tiny",
        "step": "super_resolution",
        "steps": 4,
        "batch": 2,
        "crop": 16,
        "network": {"name": "CompactResNet", "arguments": {"scale": 2, "features": 4, "blocks": 1}},
        "data": {"parts": ["."]},
        "optimizer": {"lr": 1e-2},
        "losses": {"l1": 1.0},
        "validation": {"every": 2, "crop": 32},
    }
    return parse_recipe(table | changes)


def stop_at(step: int) -> ProgressCallback:
    """A progress callback that cancels after a step."""

    def progress(event: Progress) -> None:
        if event.step == "training" and event.done == step:
            raise Cancelled("enough")

    return progress


def trained(path: Path) -> dict[str, torch.Tensor]:
    return weights.load(path).network.state_dict()


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def check_resuming(recipe: Recipe, data: Path, out: Path, stop: int) -> Path:
    """A run that is stopped after a step and resumed ends with the bits of one that is not; returns its folder."""
    whole, parts = out / "whole", out / "parts"
    straight = trained(train(recipe, data, whole))
    with pytest.raises(Cancelled, match=f"stopped after step {stop} of {recipe.steps}; continue with --resume"):
        train(recipe, data, parts, progress=stop_at(stop))
    assert same(straight, trained(train(recipe, data, parts, resume=True)))
    return parts
