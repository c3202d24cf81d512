import numpy as np
import pytest
import torch
from lightning.fabric import Fabric
from PIL import Image

from daguerre import weights
from daguerre.errors import RecipeError
from daguerre.progress import silent
from daguerre.training.loop import train
from daguerre.training.recipe import parse_recipe
from daguerre.training.trainers.tone_correction import ToneCorrectionTrainer, curve_roughness, random_frame


def recipe(**changes):
    arguments = {"side": 32, "features": 4, "cells": 2, "segments": 8, "bins": 16}
    table = {
        "name": "tone",
        "step": "tone_correction",
        "steps": 80,
        "batch": 8,
        "crop": 64,
        "ema": 0.5,
        "precision": "float32",
        "network": {"name": "ToneCurves", "arguments": arguments},
        "data": {"parts": ["."]},
        "aging": {"strength": [1.0, 1.0], "untouched": 0.0},
        "optimizer": {"lr": 6e-3},
        "losses": {"l1": 1.0, "smooth": 0.0001},
        "validation": {"every": 80, "fraction": 1 / 4},
    }
    return parse_recipe(table | changes)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Twelve pictures that reach from black to white."""
    folder = tmp_path_factory.mktemp("data")
    random = np.random.default_rng(0)
    for i in range(12):
        coarse = Image.fromarray(random.integers(0, 256, (6, 7, 3), dtype=np.uint8))
        coarse.resize((90, 70 + i), Image.Resampling.BICUBIC).save(folder / f"{i}.png")
    return folder


def test_a_short_training_undoes_some_of_the_fading(data, tmp_path):
    loaded = weights.load(train(recipe(), data, tmp_path))
    scores = loaded.header.scores
    assert loaded.header.task == "tone"
    assert scores["psnr"] > scores["before"] + 1
    assert loaded.network.side == 32


def examples(data, seed=0, **aging):
    trainer = ToneCorrectionTrainer(recipe(aging=aging), data, Fabric(accelerator="cpu"), silent)
    return trainer.make_batch(torch.Generator().manual_seed(seed))


def test_examples_depend_on_their_generator_alone(data):
    first, again, other = (examples(data, seed) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert (first.shape, first.dtype) == ((8, 3, 3, 32, 32), torch.uint8)
    assert not torch.equal(first[:, 0], first[:, 2])


def test_examples_that_nothing_happened_to_are_three_equal_twins(data):
    made = examples(data, untouched=1.0)
    assert torch.equal(made, made[:, :1].expand(-1, 3, -1, -1, -1))


def test_pictures_as_small_as_the_copy_change_their_tones_alone(tmp_path):
    for i in range(9):
        noise = np.random.default_rng(i).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / f"{i}.png")
    plan = recipe(network={"name": "ToneCurves", "arguments": {"side": 64, "features": 4}})
    trainer = ToneCorrectionTrainer(plan, tmp_path, Fabric(accelerator="cpu"), silent)
    made = trainer.make_batch(torch.Generator().manual_seed(0))
    assert torch.equal(made[:, 0], made[:, 1])


def test_large_pictures_are_kept_no_larger_than_needed(tmp_path):
    Image.new("RGB", (300, 400)).save(tmp_path / "0.png")
    Image.new("RGB", (80, 90)).save(tmp_path / "1.png")
    Image.new("RGB", (80, 90)).save(tmp_path / "2.png")
    plan = recipe(validation={"every": 80, "fraction": 1e-9})  # the least checksum alone is held out
    sizes = {
        tuple(p.shape[1:]) for p in ToneCorrectionTrainer(plan, tmp_path, Fabric(accelerator="cpu"), silent).clean[0]
    }
    assert sizes == {(128, 96), (90, 80)}


def test_a_frame_is_part_of_the_picture_and_never_enlarged():
    picture = torch.randint(0, 256, (3, 100, 300), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    for seed in range(20):
        frame = random_frame(picture, 80, torch.Generator().manual_seed(seed))
        height, width = frame.shape[2:]
        assert 64 <= min(height, width) <= 80
        assert width <= 300
        assert 0 <= frame.min() <= frame.max() <= 1


def test_straight_equal_curves_are_smooth_and_bent_or_different_ones_are_not():
    straight = torch.linspace(0, 1, 9).view(1, 1, 9, 1, 1).expand(1, 3, 9, 4, 4)
    assert curve_roughness(straight) < 1e-6
    assert curve_roughness(straight**2) > 0.01
    different = straight.clone()
    different[..., 0, 0] = straight[..., 0, 0] ** 1.1
    assert curve_roughness(different) > curve_roughness(straight**1.1)


def test_another_network_is_refused(data, tmp_path):
    with pytest.raises(RecipeError, match="this step trains ToneCurves, not CompactResNet"):
        train(recipe(network={"name": "CompactResNet"}), data, tmp_path)
