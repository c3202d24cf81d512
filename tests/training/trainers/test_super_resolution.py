import csv
from pathlib import Path

import pytest
from training.tiny import draw_pictures
from training.tiny import super_resolution as recipe

from daguerre import weights
from daguerre.errors import RecipeError
from daguerre.networks.vgg import VGG19
from daguerre.training.loop import train
from daguerre.weights.checkpoint import WeightsHeader, write


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return draw_pictures(tmp_path_factory.mktemp("data"))


def table(run: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((run / "log.csv").read_text().splitlines()))


def test_training_gets_closer(data, tmp_path):
    path = train(recipe(steps=40, validation={"every": 40, "crop": 32}, ema=0.5), data, tmp_path / "long")
    untrained = train(recipe(steps=1, optimizer={"lr": 0.0}), data, tmp_path / "short")
    assert weights.load(path).header.scores["psnr_y"] > weights.load(untrained).header.scores["psnr_y"] + 0.1


def test_the_perceptual_loss_looks_through_the_weights_it_is_given(data, tmp_path):
    eyes = tmp_path / "eyes.safetensors"
    arguments = {"width": 0.03125, "classes": 0}
    header = WeightsHeader(name="eyes", task="features", network="VGG19", arguments=arguments)
    write(eyes, VGG19(**arguments).state_dict(), header)
    perceptual = {"weights": str(eyes), "layers": {"conv1_2": 0.5, "conv3_1": 1.0}}
    train(recipe(losses={"l1": 1.0, "perceptual": 0.1}, perceptual=perceptual), data, tmp_path / "run")
    assert all(float(row["perceptual"]) > 0 for row in table(tmp_path / "run"))


def test_a_network_that_does_not_upscale_is_refused(data, tmp_path):
    with pytest.raises(RecipeError, match="this step trains networks that upscale, not VGG19"):
        train(recipe(network={"name": "VGG19"}), data, tmp_path)
