import math

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
from daguerre.training.trainers import make_trainer
from daguerre.training.trainers.damage_detection import CLEAN, MARKED, OLD, WORN, doubt, overlay

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


def test_examples_are_new_pictures_and_real_old_ones_worn_or_not(data):
    worn = [f"{i}.png" for i in range(3)]
    trainer = trainer_of(data, batch=48, aging=AGING | {"worn": worn})
    drawn = trainer.draw(1, torch.Generator().manual_seed(0))
    again = trainer.draw(1, torch.Generator().manual_seed(0))
    assert all(torch.equal(one.image, other.image) for (one, _), (other, _) in zip(drawn, again, strict=True))
    assert {before for _, before in drawn} == {CLEAN, OLD, WORN}
    for example, _ in drawn:
        assert (example.image.shape, example.target.shape) == ((1, 3, 32, 32), (1, 2, 32, 32))
        assert example.certain.shape == (1, 1, 32, 32)


def test_shares_say_how_often_real_ones_are_drawn_and_a_part_may_be_worn(data):
    trainer = trainer_of(data, aging={"real": ["old"], "worn": ["old"], "shares": {"new": 0.0, "old": 1.0}})
    assert {before for _, before in trainer.draw(1, torch.Generator().manual_seed(0))} == {WORN}


def test_photographs_with_marks_are_drawn_as_those_alone(data):
    (data / "marks").mkdir(exist_ok=True)
    mask = np.zeros((50, 65), np.uint8)
    mask[10:20], mask[30:40] = 255, 128
    for i in range(6):
        Image.fromarray(mask[:, : 60 + i]).save(data / "marks" / f"{i}.png")
    trainer = trainer_of(data, batch=8, aging=AGING | {"marks": ["marks"], "shares": {"new": 0.0}})
    assert not trainer.sources[1].pictures
    drawn = trainer.draw(1, torch.Generator().manual_seed(0))
    assert {before for _, before in drawn} == {MARKED}
    assert any(example.target[:, 0].any() for example, _ in drawn)
    assert any(not example.certain.all() for example, _ in drawn)


def test_what_is_wrongly_taken_for_damage_is_repeated(data):
    trainer = trainer_of(data, batch=32, aging=AGING | {"replay": 0.5})
    drawn = trainer.draw(1, torch.Generator().manual_seed(0))
    for amount in (3.0, 2.0, 0.5):
        trainer.keep_hardest(drawn, torch.full((32,), amount))
    assert [amount for amount, _, _ in trainer.hardest] == [3.0] * 32 + [2.0] * 32
    again = trainer.draw(2, torch.Generator().manual_seed(1))
    repeated = sum(any(one is other for other, _ in drawn) for one, _ in again)
    assert 8 <= repeated <= 24
    assert len(trainer.hardest) == 64 - repeated


def test_files_that_are_excluded_are_never_drawn(data):
    trainer = trainer_of(data, aging={"real": ["old"], "exclude": [f"{i}.png" for i in range(4)]})
    assert len(trainer.pictures.real) + len(trainer.pictures.real_held_out) == 2


def test_damage_that_an_old_photograph_may_have_of_its_own_is_doubted():
    found = torch.zeros(1, 2, 64, 64)
    found[:, 0, 10, 10] = found[:, 0, 32:60] = found[:, 1, 20] = 0.9
    clean, old, worn = (doubt(found, torch.tensor(before).view(1, 1, 1, 1)) for before in (CLEAN, OLD, WORN))
    assert (clean[:, 0] == 0).all()
    assert clean[0, 1, 20].min() == pytest.approx(0.8), "of what may be written only what looks so"
    assert old[0, 0, 10, 10] == pytest.approx(0.8), "a speck alone"
    assert (old[0, 0, 40:50] == 0).all(), "what is large was looked at"
    assert worn[0, 0, 40] == pytest.approx(torch.full((64,), 0.8))
    assert torch.equal(old[:, 1], torch.ones(1, 64, 64)), "nobody knows"
    assert torch.equal(worn[:, 1], torch.ones(1, 64, 64))


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
    assert scores.keys() == {"precision", "recall", "f1", "auc", "writing_f1", "clean_found", "real_found"}
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


def test_an_overlay_shows_damage_in_red_and_writing_in_blue():
    found = torch.zeros(1, 2, 1, 3)
    found[0, 0, 0, 0] = found[0, 1, 0, 1] = 1
    red, blue, sound = overlay(torch.full((1, 3, 1, 3), 0.5), found)[0, :, 0].T
    assert red[0] > 0.8 > red[2]
    assert blue[2] > 0.8 > blue[0]
    assert (sound == 0.5).all()
