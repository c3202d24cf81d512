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
from daguerre.training.data.damage_pieces import PER_PHOTOGRAPH
from daguerre.training.loop import train
from daguerre.training.recipe import parse_recipe
from daguerre.training.trainers import make_trainer
from daguerre.training.trainers.damage_verification import AGED_WEIGHT, area_under_curve

SMALL = {"width": 0.1, "layers": ["relu1_1"], "hidden": 8, "dropout": 0.0}
AGING = {"real": ["old"], "marks": ["marks"], "textures": ["textures"]}


def recipe(**changes):
    table = {
        "name": "verifier",
        "step": "damage_verification",
        "steps": 30,
        "batch": 16,
        "ema": 0.5,
        "precision": "float32",
        "network": {
            "name": "DamageVerifier",
            "arguments": {"width": 0.1, "layers": ["relu1_1"], "hidden": 8, "dropout": 0.0},
        },
        "data": {"parts": ["new"]},
        "aging": AGING,
        "optimizer": {"lr": 1e-2},
        "losses": {"cross_entropy": 1.0},
        "validation": {"every": 30, "fraction": 1 / 3},
    }
    return parse_recipe(table | changes)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Photographs with white damage, which is marked, and black look-alikes; flat new ones; a scan of damage."""
    folder = tmp_path_factory.mktemp("data")
    for part in ("new", "old", "marks", "textures"):
        (folder / part).mkdir()
    rng = np.random.default_rng(0)
    for i in range(9):
        pixels, marks = np.full((224, 224, 3), 110, np.uint8), np.zeros((224, 224), np.uint8)
        for k in range(20):
            row, column = rng.integers(0, 200, 2)
            white = k % 2 == 0
            pixels[row : row + 3, column : column + 12] = 255 if white else 0
            marks[row : row + 3, column : column + 12] = 255 if white else 0
        Image.fromarray(pixels).save(folder / "old" / f"{i}.png")
        Image.fromarray(marks).save(folder / "marks" / f"{i}.png")
    for i in range(3):
        Image.fromarray(np.full((224, 224, 3), 110, np.uint8)).save(folder / "new" / f"new{i}.png")
    white = np.full((64, 64, 4), 255, np.uint8)
    white[..., 3] = 0
    white[30:34, :, 3] = 255
    Image.fromarray(white).save(folder / "textures" / "scratch.png")
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


def test_new_photographs_are_aged_and_count_less(data):
    trainer = make_trainer(recipe(), data, Fabric(accelerator="cpu"), silent)
    names = [f"new{i}.png" for i in range(3)]
    alone = recipe(aging=AGING | {"exclude": names})
    fewer = make_trainer(alone, data, Fabric(accelerator="cpu"), silent)
    assert len(trainer.pieces.damaged) > len(fewer.pieces.damaged)
    more = trainer.pieces.weight.sum() - fewer.pieces.weight.sum()
    assert 0 < more < 3 * AGED_WEIGHT * PER_PHOTOGRAPH
    assert len(trainer.validation_set.damaged) == len(fewer.validation_set.damaged), "only real ones are validated with"


def test_the_same_steps_follow_from_the_same_generator(data):
    def losses():
        torch.manual_seed(0)
        trainer = make_trainer(recipe(), data, Fabric(accelerator="cpu"), silent)
        return [trainer.training_step(s, torch.Generator().manual_seed(s))["cross_entropy"].item() for s in (1, 2)]

    assert losses() == losses()


def test_photographs_without_marks_are_not_enough(data):
    wanted = recipe(
        aging={"real": ["old"], "marks": ["new"], "textures": ["textures"]}
    )  # none of whose names is that of an old photograph
    with pytest.raises(DataError, match=r"no photograph of aging.real has a mask of its name in aging.marks"):
        make_trainer(wanted, data, Fabric(accelerator="cpu"), silent)


def test_the_area_under_the_curve_is_how_often_damage_scores_higher():
    rng = np.random.default_rng(0)
    truth, scores = (rng.random(50) < 0.4).astype(np.float32), rng.random(50).astype(np.float32)
    pairs = [(a > b) for a in scores[truth == 1] for b in scores[truth == 0]]
    assert area_under_curve(scores, truth, np.ones(50, np.float32)) == pytest.approx(np.mean(pairs))
