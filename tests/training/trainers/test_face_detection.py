import numpy as np
import pytest
import torch
from lightning.fabric import Fabric
from PIL import Image

from daguerre import weights
from daguerre.errors import RecipeError
from daguerre.networks.yunet import YuNet
from daguerre.progress import silent
from daguerre.training.loop import train
from daguerre.training.recipe import parse_recipe
from daguerre.training.trainers import make_trainer
from daguerre.training.trainers.face_detection import generalized_iou, parts_of
from daguerre.weights.checkpoint import WeightsHeader, write

SMALL = {"features": [4, 4, 6, 6], "units": 1}


def recipe(teacher, **changes):
    table = {
        "name": "seer",
        "step": "face_detection",
        "steps": 2,
        "batch": 2,
        "crop": 64,
        "precision": "float32",
        "network": {"name": "YuNet", "arguments": SMALL},
        "data": {"parts": ["old"]},
        "optimizer": {"lr": 1e-2},
        "losses": {"score": 1.0, "box": 1.0, "landmarks": 1.0},
        "teachers": {"weights": [str(teacher)]},
        "validation": {"every": 2, "fraction": 1 / 3},
    }
    return parse_recipe(table | changes)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    (folder / "old").mkdir()
    for number in range(6):
        pixels = np.random.default_rng(number).integers(0, 255, (100, 110, 3), np.uint8)
        Image.fromarray(pixels).save(folder / "old" / f"{number}.png")
    torch.manual_seed(0)
    header = WeightsHeader(
        name="teacher", task="find-faces", network="YuNet", arguments=SMALL, scale=1, licence="", source=""
    )
    write(folder / "teacher.safetensors", YuNet(**SMALL).state_dict(), header)
    return folder


def test_a_run_writes_weights_that_find_faces(folder, tmp_path):
    made = train(recipe(folder / "teacher.safetensors"), folder, tmp_path / "run")
    model = weights.load(made)
    assert isinstance(model.network, YuNet)
    assert set(model.header.scores) == {"recall", "wrong_per_picture"}


def test_what_the_teacher_says_is_learnt(folder):
    torch.manual_seed(0)
    trainer = make_trainer(recipe(folder / "teacher.safetensors", batch=4), folder, Fabric(accelerator="cpu"), silent)
    generators = [torch.Generator().manual_seed(0) for _ in range(12)]
    told = [trainer.training_step(step, g) for step, g in enumerate(generators, 1)]
    losses = [sum(parts[name] for name in ("score", "box", "landmarks")) for parts in told]
    assert losses[-1] < 0.8 * losses[0]


def test_its_features_are_learnt_and_the_maps_to_them_are_not_kept(folder, tmp_path):
    plan = recipe(folder / "teacher.safetensors", batch=4, losses={"features": 1.0})
    trainer = make_trainer(plan, folder, Fabric(accelerator="cpu"), silent)
    losses = [trainer.training_step(step, torch.Generator().manual_seed(0))["features"] for step in range(1, 13)]
    assert losses[-1] < 0.8 * losses[0]
    network, exported = trainer.export()
    assert isinstance(network, YuNet)
    assert exported.keys() == YuNet(**SMALL).state_dict().keys()


def test_without_one_teacher_nothing_can_be_learnt(folder):
    with pytest.raises(RecipeError, match=r"name it in teachers\.weights"):
        make_trainer(recipe("x", teachers=None), folder, Fabric(accelerator="cpu"), silent)


def test_who_says_what_the_teacher_says_loses_nothing():
    told = torch.randn(2, 16, 3, 4, generator=torch.Generator().manual_seed(0))
    assert all(part.item() == pytest.approx(0, abs=1e-5) for part in parts_of(told.clone(), told, 8).values())
    other = told.clone()
    other[:, 2] += 1
    assert parts_of(other, told, 8)["box"] > 0.1
    assert parts_of(other, told, 8)["landmarks"].item() == pytest.approx(0, abs=1e-5)


def test_generalized_iou_of_boxes_side_by_side_counts_the_gap():
    one, beside = (torch.tensor(box, dtype=torch.float32).view(1, 4, 1, 1) for box in ([0, 0, 1, 1], [3, 0, 4, 1]))
    assert generalized_iou(one, one).item() == 1
    assert generalized_iou(one, beside).item() == pytest.approx(-0.5)  # nothing shared, 2 of the hull's 4 are empty
