import numpy as np
import pytest
import torch
from PIL import Image

import daguerre.training.trainers.face_restoration as module
from daguerre import weights
from daguerre.errors import RecipeError
from daguerre.networks.vgg import VGG19
from daguerre.training.data import faces as restored_faces
from daguerre.training.loop import train
from daguerre.training.recipe import parse_recipe
from daguerre.weights.checkpoint import WeightsHeader, write

FACE = {"name": "CompactFace", "arguments": {"side": 32, "widths": [4, 4], "blocks": [1, 1]}}
JUDGE = {"name": "MultiScaleDiscriminator", "arguments": {"features": 2, "layers": 1, "scales": 1}}


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Drawn faces, a narrow network that looks at them, and few and small examples."""
    monkeypatch.setattr(restored_faces, "FACE_SIDES", (24, 40))
    monkeypatch.setattr(module, "VALIDATION_FACES", 3)
    (tmp_path / "faces").mkdir()
    for i in range(4):
        pixels = np.random.default_rng(i).integers(0, 255, (6, 6, 3), np.uint8)
        Image.fromarray(pixels).resize((48, 48), Image.Resampling.BICUBIC).save(tmp_path / "faces" / f"{i}.png")
    arguments = {"width": 1 / 32}
    header = WeightsHeader(name="narrow", task="features", network="VGG19", arguments=arguments)
    write(tmp_path / "narrow.safetensors", VGG19(**arguments).state_dict(), header)
    return tmp_path


def recipe(data, **changes):
    table = {
        "name": "tiny",
        "step": "face_restoration",
        "steps": 2,
        "batch": 2,
        "network": FACE,
        "data": {"parts": ["faces"]},
        "aging": {"pool": 3},
        "optimizer": {"lr": 1e-3},
        "losses": {"l1": 1.0},
        "perceptual": {"weights": str(data / "narrow.safetensors")},
        "validation": {"every": 2, "fraction": 1 / 3},
    }
    return parse_recipe(table | changes)


def test_it_trains_and_what_comes_of_it_loads(data):
    path = train(recipe(data), data, data / "run")
    loaded = weights.load(path)
    assert loaded.network(torch.rand(1, 3, 32, 32)).shape == (1, 3, 32, 32)
    assert loaded.header.task == "faces"
    assert {"psnr_before", "psnr_after", "ssim_after", "distance_after", "clean"} <= set(loaded.header.scores)


def test_it_trains_against_a_discriminator(data):
    plan = {"network": JUDGE, "optimizer": {"lr": 1e-3}, "loss": "hinge"}
    losses = {"l1": 1.0, "adversarial": 0.1, "feature_matching": 0.1}
    train(recipe(data, discriminator=plan, losses=losses), data, data / "run")
    assert "discriminator" in (data / "run" / "log.csv").read_text().splitlines()[0]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"losses": {"l1": 1.0, "adversarial": 0.1}}, "go together"),
        ({"losses": {"hole": 1.0}}, "no loss 'hole'"),
        ({"network": {"name": "CompactResNet", "arguments": {"scale": 1}}}, "trains CompactFace, not CompactResNet"),
    ],
)
def test_recipes_that_do_not_fit_are_refused(data, changes, problem):
    with pytest.raises(RecipeError, match=problem):
        train(recipe(data, **changes), data, data / "run")
