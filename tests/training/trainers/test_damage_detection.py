import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from lightning.fabric import Fabric
from PIL import Image

from daguerre import weights
from daguerre.degradation.aging import Aged
from daguerre.errors import RecipeError
from daguerre.progress import silent
from daguerre.training.loop import train
from daguerre.training.recipe import parse_recipe
from daguerre.training.trainers import make_trainer
from daguerre.training.trainers.damage_detection import FINE_WEIGHT, crop_aged, overlay

AGING = {"real": ["old"], "strength": [1.5, 1.5], "untouched": 0.0}


def recipe(**changes):
    table = {
        "name": "finder",
        "step": "damage_detection",
        "steps": 2,
        "batch": 4,
        "crop": 32,
        "ema": 0.5,
        "precision": "float32",
        "network": {"name": "DamageUNet", "arguments": {"features": [4, 4]}},
        "data": {"parts": ["new"]},
        "aging": AGING,
        "optimizer": {"lr": 1e-2},
        "losses": {"cross_entropy": 1.0, "dice": 1.0},
        "validation": {"every": 2, "fraction": 1 / 3, "crop": 32},
    }
    return parse_recipe(table | changes)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for part, ground in (("new", 90), ("old", 150)):
        (folder / part).mkdir()
        for i in range(6):
            pixels = np.random.default_rng(i).integers(ground - 20, ground + 20, (50, 60 + i, 3), np.uint8)
            Image.fromarray(pixels).save(folder / part / f"{i}.png")
    return folder


def trainer_of(data, **changes):
    torch.manual_seed(0)
    return make_trainer(recipe(**changes), data, Fabric(accelerator="cpu"), silent)


def test_examples_are_aged_pictures_and_real_ones_with_damage_added(data):
    worn = [path.name for path in (data / "old").iterdir()]
    trainer = trainer_of(data, batch=24, aging=AGING | {"worn": worn})
    image, wanted, weight, real = trainer.draw(1, torch.Generator().manual_seed(0))
    again = trainer.draw(1, torch.Generator().manual_seed(0))
    assert torch.equal(image, again[0])
    assert (image.shape, wanted.shape, real.shape) == ((24, 3, 32, 32), (24, 2, 32, 32), (24, 1, 1, 1))
    assert 0 < real.sum() < 24
    assert weight.shape == wanted.shape
    assert set(weight.unique().tolist()) == {1, FINE_WEIGHT}
    assert (wanted[:, :1][weight[:, :1] == FINE_WEIGHT] == 1).all(), "what is fine is lost"
    assert set(wanted.unique().tolist()) == {0, 1}
    assert (wanted.sum(1) <= 1).all(), "a pixel is lost or stained"
    sound = (wanted.sum(1, keepdim=True) == 0) & real
    levels = (image * 255).mean(1, keepdim=True)[sound]
    assert 130 < levels.median() < 170, "real ones are taken from where they lie"


def test_shares_say_how_often_real_ones_are_drawn(data):
    worn = [path.name for path in (data / "old").iterdir()]
    trainer = trainer_of(data, aging={"real": ["old"], "worn": worn, "shares": {"new": 0.0, "old": 1.0}})
    assert trainer.draw(1, torch.Generator().manual_seed(0))[3].all()


def test_only_damage_that_worn_photographs_may_have_is_doubted(data):
    trainer = trainer_of(data, aging={"real": ["old"], "shares": {"new": 0.0, "old": 1.0}})
    assert not trainer.draw(1, torch.Generator().manual_seed(0))[3].any()


def test_crops_are_centered_on_damage_or_where_there_is_none_on_what_is_taken_for_it(data, monkeypatch):
    trainer = trainer_of(data)
    grey = torch.full((1, 3, 53, 61), 0.5)
    sound = Aged(image=grey, clean=grey, toned=grey, kinds=torch.zeros(1, 1, 53, 61, dtype=torch.uint8), record={})
    found = torch.zeros(1, 2, 53, 61)
    found[0, 0, 3, 7] = found[0, 0, 40, 50] = 0.6
    found[0, 1, 5, 5] = 1.0
    monkeypatch.setattr(trainer, "detect", lambda image: found[..., : image.shape[-2], : image.shape[-1]])
    assert trainer.crop_centers(sound).tolist() == [[3, 7], [40, 50]]
    kinds = sound.kinds.clone()
    kinds[0, 0, 9, 11] = 1
    assert trainer.crop_centers(replace(sound, kinds=kinds)).tolist() == [[9, 11]]
    numbers = torch.arange(53.0 * 61).view(1, 1, 53, 61).expand(1, 3, -1, -1)
    draws = [torch.Generator().manual_seed(seed) for seed in range(40)]
    crops = [crop_aged(replace(sound, image=numbers), torch.tensor([[40, 50]]), 16, draw).image for draw in draws]
    assert all(piece.shape == (1, 3, 16, 16) for piece in crops)
    assert 15 <= sum((piece == 40 * 61 + 50).any().item() for piece in crops) < 40


def test_a_step_lowers_the_losses(data):
    trainer = trainer_of(data)
    losses = [trainer.training_step(i, torch.Generator().manual_seed(0)) for i in range(1, 13)]
    assert losses[0].keys() == {"cross_entropy", "dice"}
    assert losses[-1]["cross_entropy"] < losses[0]["cross_entropy"]
    assert losses[-1]["dice"] < losses[0]["dice"]


def test_the_exported_network_is_folded_and_has_every_score(data, tmp_path):
    loaded = weights.load(train(recipe(), data, tmp_path))
    assert loaded.header.task == "scratches"
    scores = loaded.header.scores
    assert scores.keys() == {"precision", "recall", "f1", "auc", "stain_f1", "clean_found", "real_found"}
    assert all(0 <= score <= 1 for score in scores.values() if not math.isnan(score))
    assert (tmp_path / "samples" / "step-0000002.png").exists()
    assert not any("norm" in name for name in loaded.network.state_dict())


def test_folding_changes_nothing_that_is_detected(data):
    trainer = trainer_of(data)
    for i in range(1, 4):
        trainer.training_step(i, torch.Generator().manual_seed(i))
    image = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    plain = weights.registry.build("DamageUNet", {"features": [4, 4]}).eval()
    plain.load_state_dict(trainer.export()[1])
    with torch.no_grad():
        torch.testing.assert_close(plain(image).sigmoid(), trainer.detect(image), rtol=0, atol=1e-4)


def test_a_loss_that_is_not_known_is_refused(data):
    with pytest.raises(RecipeError, match="no loss 'l1' in this step"):
        trainer_of(data, losses={"l1": 1.0})


def test_an_overlay_shows_what_is_lost_in_red_and_what_is_stained_in_blue():
    found = torch.zeros(1, 2, 1, 3)
    found[0, 0, 0, 0] = found[0, 1, 0, 1] = 1
    red, blue, sound = overlay(torch.full((1, 3, 1, 3), 0.5), found)[0, :, 0].T
    assert red[0] > 0.8 > red[2]
    assert blue[2] > 0.8 > blue[0]
    assert (sound == 0.5).all()
