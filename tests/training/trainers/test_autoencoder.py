import numpy as np
import pytest
import torch
from PIL import Image

from daguerre import weights
from daguerre.errors import Cancelled, RecipeError
from daguerre.training.loop import train
from daguerre.training.recipe import Recipe, parse_recipe

LATENT_DISCRIMINATOR = {
    "network": {"name": "LatentDiscriminator", "arguments": {"features": 2, "layers": 1}},
    "optimizer": {"lr": 1e-3},
    "loss": "least_squares",
}
SHARED = {
    "losses": {"l1": 1.0, "kl": 1e-3, "adversarial": 0.1},
    "discriminator": LATENT_DISCRIMINATOR,
    "aging": {"half": 0.0, "real": ["old"]},
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Clean and old pictures, drawn."""
    folder = tmp_path_factory.mktemp("data")
    for part in ("new", "old"):
        (folder / part).mkdir()
        for i in range(4):
            pixels = np.random.default_rng(i).integers(0, 255, (6, 6, 3), np.uint8)
            Image.fromarray(pixels).resize((44, 40), Image.Resampling.BICUBIC).save(folder / part / f"{i}.png")
    return folder


def recipe(**changes) -> Recipe:
    table = {
        "name": "tiny",
        "step": "autoencoder",
        "steps": 2,
        "batch": 2,
        "crop": 32,
        "network": {"name": "CompactVAE", "arguments": {"features": 4, "blocks": 1}},
        "data": {"parts": ["new"]},
        "aging": {"half": 0.0},
        "optimizer": {"lr": 1e-3},
        "losses": {"l1": 1.0, "kl": 1e-3},
        "validation": {"every": 1, "fraction": 1 / 3, "crop": 32},
    }
    return parse_recipe(table | changes)


@pytest.mark.parametrize("changes", [{}, SHARED], ids=["alone", "shared"])
def test_it_trains_and_its_weights_load(data, tmp_path, changes):
    made = weights.load(str(train(recipe(**changes), data, tmp_path)))
    assert (made.header.task, made.header.network) == ("restore", "CompactVAE")
    assert made.header.scores["psnr_rgb"] > 5
    assert list((tmp_path / "samples").iterdir())


def test_the_encoder_can_be_kept_alone(data, tmp_path):
    assert weights.load(str(train(recipe(keep="encoder"), data, tmp_path))).header.network == "CompactEncoder"


def test_a_resumed_run_with_a_discriminator_ends_with_the_same_bits(data, tmp_path):
    plan, parts = recipe(**SHARED), tmp_path / "parts"
    straight = weights.load(str(train(plan, data, tmp_path / "whole"))).network.state_dict()

    def stop(event):
        if event.step == "training" and event.done == 1:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        train(plan, data, parts, progress=stop)
    resumed = weights.load(str(train(plan, data, parts, resume=True))).network.state_dict()
    assert all(torch.equal(straight[name], resumed[name]) for name in straight)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (SHARED | {"aging": {"half": 0.0}}, "name their parts in aging.real"),
        ({"discriminator": LATENT_DISCRIMINATOR}, "go together"),
    ],
)
def test_recipes_that_make_no_sense_are_refused(data, tmp_path, changes, message):
    with pytest.raises(RecipeError, match=message):
        train(recipe(**changes), data, tmp_path)
