import numpy as np
import pytest
import torch
from PIL import Image

import daguerre.training.trainers.face_restoration as module
from daguerre import weights
from daguerre.errors import RecipeError
from daguerre.evaluation.metrics import psnr
from daguerre.images.resample import resize_bicubic
from daguerre.networks.vgg import VGG19
from daguerre.tasks.faces.detection import Face
from daguerre.training.data import faces as restored_faces
from daguerre.training.data.faces import RestoredFaces, detect_face
from daguerre.training.loop import train
from daguerre.training.recipe import parse_recipe
from daguerre.weights.checkpoint import WeightsHeader, write

FACE = {"name": "CompactFace", "arguments": {"side": 32, "widths": [4, 4], "blocks": [1, 1]}}
JUDGE = {"name": "MultiScaleDiscriminator", "arguments": {"features": 2, "layers": 1, "scales": 1}}


class Plain:
    device = torch.device("cpu")


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


def test_an_example_is_the_same_whenever_it_is_made(data, tmp_path):
    faces = [torch.randint(0, 255, (3, 48, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))]
    first, again, other = (RestoredFaces(recipe(data), Plain, 32).example(number, faces) for number in (5, 5, 6))
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


def test_a_face_is_cut_out_by_where_it_is_found_in_what_was_restored(data):
    examples = RestoredFaces(recipe(data), Plain, 32)
    made = torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    whole = examples.crop_pair(made, 1 - made)
    assert (whole.float().sum(0) - 255).abs().max() <= 1  # both are cut alike
    seen = []

    def find(picture):
        seen.append((picture.height, picture.width))
        return [Face(10, 10, 4), Face(20, 18, 30, 0.5), Face(0, 0, 60)]

    examples.finder = find
    part = examples.crop_pair(made, 1 - made)
    assert seen == [(60, 60)]
    assert detect_face(find, made) == Face(10, 8, 30, 0.5)
    assert not torch.equal(part, whole)


def test_where_no_face_is_found_all_is_shown(data):
    examples = RestoredFaces(recipe(data), Plain, 32)
    examples.finder = lambda picture: []
    image = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    shown = examples.crop_pair(image, image)[:1].float() / 255
    assert (shown - resize_bicubic(image, 32, 32)).abs().max() < 0.2
    assert psnr(shown, resize_bicubic(image, 32, 32).clamp(0, 1), channel="rgb") > 25
