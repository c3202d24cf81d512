import pytest
from training.tiny import check_resuming, draw_pictures

from daguerre import weights
from daguerre.errors import RecipeError
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
        draw_pictures(folder / part, size=(44, 40))
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
    check_resuming(recipe(**SHARED), data, tmp_path, stop=1)


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
