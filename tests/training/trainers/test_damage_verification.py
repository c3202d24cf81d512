import numpy as np
import pytest
import torch
from lightning.fabric import Fabric
from PIL import Image

from daguerre import weights
from daguerre.errors import DataError
from daguerre.images import Canvas
from daguerre.networks.damage_verifier import DamageVerifier
from daguerre.progress import silent
from daguerre.tasks.restoration.damage_detection import ScratchDetector
from daguerre.training.loop import train
from daguerre.training.recipe import parse_recipe
from daguerre.training.trainers import make_trainer
from daguerre.training.trainers.damage_verification import area_under_curve


def recipe(**changes):
    table = {
        "name": "verifier",
        "step": "damage_verification",
        "steps": 30,
        "batch": 16,
        "ema": 0.5,
        "precision": "float32",
        "network": {"name": "DamageVerifier", "arguments": {"features": [4, 8], "hidden": 8, "dropout": 0.0}},
        "data": {"parts": ["new"]},
        "aging": {"real": ["old"], "marks": ["marks"]},
        "optimizer": {"lr": 1e-2},
        "losses": {"cross_entropy": 1.0},
        "validation": {"every": 30, "fraction": 1 / 3},
    }
    return parse_recipe(table | changes)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Photographs with white damage, which is marked, and black look-alikes; new pictures with these alone."""
    folder = tmp_path_factory.mktemp("data")
    for part in ("new", "old", "marks"):
        (folder / part).mkdir()
    rng = np.random.default_rng(0)
    for i in range(9):
        pixels, marks = np.full((96, 96, 3), 110, np.uint8), np.zeros((96, 96), np.uint8)
        for k in range(8):
            row, column = rng.integers(0, 80, 2)
            white = k % 2 == 0
            pixels[row : row + 3, column : column + 12] = 255 if white else 0
            marks[row : row + 3, column : column + 12] = 255 if white else 0
        Image.fromarray(pixels).save(folder / "old" / f"{i}.png")
        Image.fromarray(marks).save(folder / "marks" / f"{i}.png")
        Image.fromarray(np.where(pixels == 255, 110, pixels).astype(np.uint8)).save(folder / "new" / f"new{i}.png")
    return folder


@pytest.fixture(autouse=True)
def what_differs_is_found(monkeypatch):
    """A detector that takes everything for damage that is not gray."""

    def found(self, picture, **_):
        canvas = Canvas(picture.height, picture.width, grey=True)
        away = np.abs(picture.array().reshape(picture.height, picture.width, -1)[..., 0].astype(int) - 110)
        canvas.levels[..., 0] = np.where(away > 40, 250, 0)
        return canvas

    monkeypatch.setattr(ScratchDetector, "map", found)


def test_damage_is_told_from_look_alikes_in_photographs_never_seen(data, tmp_path):
    made = train(recipe(), data, tmp_path / "run")
    model = weights.load(made)
    assert isinstance(model.network, DamageVerifier)
    assert model.header.scores["roc_auc"] > 0.9


def test_what_is_found_in_new_pictures_is_sound(data):
    trainer = make_trainer(recipe(), data, Fabric(accelerator="cpu"), silent)
    alone = make_trainer(
        recipe(aging={"real": ["old"], "marks": ["marks"], "exclude": [f"new{i}.png" for i in range(1, 9)]}),
        data,
        Fabric(accelerator="cpu"),
        silent,
    )
    more = len(trainer.pieces.damaged) - len(alone.pieces.damaged)
    assert more > 10
    assert trainer.pieces.damaged.sum() == alone.pieces.damaged.sum()


def test_the_same_steps_follow_from_the_same_generator(data):
    def losses():
        torch.manual_seed(0)
        trainer = make_trainer(recipe(), data, Fabric(accelerator="cpu"), silent)
        return [trainer.training_step(s, torch.Generator().manual_seed(s))["cross_entropy"].item() for s in (1, 2)]

    assert losses() == losses()


def test_photographs_without_marks_are_not_enough(data):
    wanted = recipe(aging={"real": ["old"], "marks": ["new"]})  # none of whose names is that of an old photograph
    with pytest.raises(DataError, match=r"no photograph of aging.real has a mask of its name in aging.marks"):
        make_trainer(wanted, data, Fabric(accelerator="cpu"), silent)


def test_the_area_under_the_curve_is_how_often_damage_scores_higher():
    rng = np.random.default_rng(0)
    truth, scores = (rng.random(50) < 0.4).astype(np.float32), rng.random(50).astype(np.float32)
    pairs = [(a > b) for a in scores[truth == 1] for b in scores[truth == 0]]
    assert area_under_curve(scores, truth, np.ones(50, np.float32)) == pytest.approx(np.mean(pairs))
