import csv
from pathlib import Path

import pytest
import torch
from lightning.fabric import Fabric
from training.tiny import draw_pictures
from training.tiny import super_resolution as recipe

from daguerre import weights
from daguerre.errors import RecipeError
from daguerre.networks.vgg import VGG19
from daguerre.progress import silent
from daguerre.training.loop import train
from daguerre.training.trainers import make_trainer
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


def test_what_surrounds_a_crop_is_cut_off_at_random(data):
    trainer = make_trainer(recipe(surround=4), data, Fabric(accelerator="cpu"), silent)
    generator = torch.Generator().manual_seed(0)
    image = torch.arange(400.0).view(1, 1, 20, 20)
    pairs = [trainer.cut([image, -image], generator) for _ in range(300)]
    corners = {int(one[0, 0, 0, 0]) for one, _ in pairs}
    assert corners == {20 * top + left for top in range(5) for left in range(5)}
    assert all(one.shape == (1, 1, 16, 16) and torch.equal(one, -other) for one, other in pairs)


def test_losses_have_the_truth_as_target_where_the_recipe_says_so(data, tmp_path):
    teacher = train(recipe(steps=1, name="teacher", optimizer={"lr": 1.0}), data, tmp_path / "teacher")
    plan = {"weights": [str(teacher)], "side": 24, "pool": 4}
    losses = []
    for name, truth in (("taught", []), ("true", ["l1"]), ("other", ["grid"])):
        changes = {"degradation": {}, "losses": {"l1": 1.0, "grid": 1.0}, "teachers": plan | {"truth": truth}}
        train(recipe(surround=4, steps=1, **changes), data, tmp_path / name)
        losses.append([float(table(tmp_path / name)[0][loss]) for loss in ("l1", "grid")])
    (taught, grid), (true, grid_beside_true), (taught_again, true_grid) = losses
    assert taught == taught_again != true
    assert grid == grid_beside_true != true_grid


def test_a_network_that_does_not_upscale_is_refused(data, tmp_path):
    with pytest.raises(RecipeError, match="this step trains networks that upscale, not VGG19"):
        train(recipe(network={"name": "VGG19"}), data, tmp_path)
