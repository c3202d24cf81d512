from dataclasses import replace

import numpy as np
import pytest
import torch
from lightning.fabric import Fabric
from PIL import Image

import daguerre.training.steps.faces as module
from daguerre import weights
from daguerre.errors import RecipeError
from daguerre.images.deconvolution import gaussian
from daguerre.networks.vgg import VGG19
from daguerre.training import restored_faces
from daguerre.training.aging import Aged
from daguerre.training.loop import train
from daguerre.training.recipe import parse_recipe
from daguerre.training.restored_faces import RestoredFaces, measured
from daguerre.weights.checkpoint import WeightsHeader, write

FACE = {"name": "CompactFace", "arguments": {"side": 32, "widths": [4, 4], "blocks": [1, 1]}}
JUDGE = {"name": "MultiScaleDiscriminator", "arguments": {"features": 2, "layers": 1, "scales": 1}}


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Drawn faces, a narrow network that looks at them, and few and small examples."""
    monkeypatch.setattr(restored_faces, "SIZES", (24, 40))
    monkeypatch.setattr(module, "SIZES", (24, 40))
    monkeypatch.setattr(module, "TRIALS", 3)
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
        "step": "faces",
        "steps": 2,
        "batch": 2,
        "network": FACE,
        "data": {"parts": ["faces"]},
        "aging": {"pool": 3},
        "optimizer": {"lr": 1e-3},
        "losses": {"l1": 1.0},
        "perceptual": {"weights": str(data / "narrow.safetensors")},
        "validation": {"every": 2, "one_in": 3},
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


def test_an_example_is_the_same_whenever_it_is_made(data, tmp_path):
    class Plain:
        device, autocast = torch.device("cpu"), staticmethod(lambda: torch.autocast("cpu", enabled=False))

    faces = [torch.randint(0, 255, (3, 48, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))]
    first, again, other = (
        restored_faces.RestoredFaces(recipe(data), Plain, 32).example(number, faces) for number in (5, 5, 6)
    )
    assert first.shape == (2, 3, 32, 32)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


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


def test_faces_of_blurred_photographs_come_sharper_to_it(data):
    examples = RestoredFaces(recipe(data), Fabric(accelerator="cpu"), 32)
    light = torch.linspace(0, 1, 64).mul(40).sin().mul(0.4).add(0.5)
    sharp = (light[:, None] * light).expand(1, 3, 64, 64).contiguous()
    soft, nothing = gaussian(sharp, 1.5), torch.zeros(1, 1, 64, 64)
    left, undone = (examples.restored(soft, nothing, blur) for blur in (0.0, 1.5))
    assert (undone - sharp).square().mean() < 0.8 * (left - sharp).square().mean()


def test_blur_is_undone_where_it_would_be_measured():
    nothing, record = torch.zeros(1, 3, 8, 8), {"steps": [{"step": "blur", "sigma": 2.0}]}
    aged = Aged(nothing, nothing, nothing, nothing[:, :1].byte(), record)
    sharp = replace(aged, record={})
    found = [measured(aged, 1.0, torch.Generator().manual_seed(seed)) for seed in range(200)]
    undone = [blur for blur in found if blur]
    assert 0.5 < len(undone) / len(found) < 0.7
    assert 1.9 < sum(undone) / len(undone) < 2.1
    assert not any(measured(sharp, 1.0, torch.Generator().manual_seed(seed)) for seed in range(200))
