from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import interpolate

from daguerre import weights
from daguerre.errors import RecipeError
from daguerre.training.loop import train
from daguerre.training.recipe import Recipe, parse_recipe
from daguerre.training.trainers.classification import jitter_colours


def recipe(**changes: object) -> Recipe:
    table = {
        "name": "eyes",
        "step": "classification",
        "steps": 40,
        "batch": 8,
        "crop": 32,
        "ema": 0.5,
        "network": {"name": "VGG19", "arguments": {"width": 0.125, "classes": 2}},
        "data": {"parts": ["."]},
        "optimizer": {"lr": 3e-3},
        "losses": {"cross_entropy": 1.0},
        "validation": {"every": 40, "fraction": 1 / 3},
    }
    return parse_recipe(table | changes)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Eight pictures of fine noise and eight of coarse noise."""
    folder = tmp_path_factory.mktemp("data")
    random = np.random.default_rng(0)
    for label, side in (("fine", 64), ("coarse", 4)):
        (folder / label).mkdir()
        for i in range(8):
            noise = Image.fromarray(random.integers(0, 256, (side, side, 3), dtype=np.uint8))
            noise.resize((64, 64), Image.Resampling.NEAREST).save(folder / label / f"{i}.png")
    (folder / "noise-classes.tsv").write_text("fine\tfine grained, small\n", encoding="utf-8")
    return folder


def test_two_kinds_of_noise_are_told_apart_by_the_folded_network(data, tmp_path):
    loaded = weights.load(train(recipe(), data, tmp_path))
    assert loaded.header.labels == ["coarse", "fine grained"]
    assert loaded.header.scores["top1"] == loaded.header.scores["top5"] == 1
    fine = torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    coarse = fine[..., :4, :4].repeat_interleave(16, 2).repeat_interleave(16, 3)
    images = interpolate(torch.cat([coarse, fine]), size=32, mode="bilinear", antialias=True)
    with torch.inference_mode():
        guesses = loaded.network.classify(images).argmax(dim=1)
    assert guesses.tolist() == [0] * 4 + [1] * 4  # classes in the order of their names


def test_a_network_for_another_number_of_classes_is_refused(data, tmp_path):
    network = {"name": "VGG19", "arguments": {"width": 0.0625, "classes": 3}}
    with pytest.raises(RecipeError, match=r"the pictures have 2 classes; set network.arguments.classes"):
        train(recipe(network=network), data, tmp_path)


def test_jitter_of_no_strength_changes_nothing_and_any_other_stays_in_range():
    images = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(jitter_colours(images, torch.Generator(), strength=0), images)
    changed = jitter_colours(images, torch.Generator().manual_seed(0))
    assert (changed.min() >= 0, changed.max() <= 1) == (True, True)
    assert all(not torch.allclose(a, b, atol=0.01) for a, b in zip(images, changed, strict=True))
