import pytest
import torch
from training.tiny import check_resuming, draw_pictures

from daguerre import weights
from daguerre.errors import RecipeError
from daguerre.networks.compact_vae import CompactEncoder, CompactVAE
from daguerre.training.loop import train
from daguerre.training.recipe import parse_recipe
from daguerre.training.trainers.translation import mix_masks
from daguerre.weights.checkpoint import WeightsHeader, write

VAE = {"name": "CompactVAE", "arguments": {"features": 4, "blocks": 1}}
TRANSLATION = {"name": "CompactTranslation", "arguments": {"features": 4, "before": 1, "after": 1, "cell": 4}}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Clean and old pictures, drawn, and two autoencoders."""
    folder = tmp_path_factory.mktemp("data")
    for part in ("new", "old"):
        draw_pictures(folder / part, size=(44, 40))
    for name in ("old", "clean"):
        header = WeightsHeader(name=name, task="restore", network="CompactVAE", arguments=VAE["arguments"])
        write(folder / f"{name}.safetensors", CompactVAE(**VAE["arguments"]).state_dict(), header)
    return folder


def recipe(data, **changes):
    table = {
        "name": "tiny",
        "step": "translation",
        "steps": 2,
        "batch": 2,
        "crop": 32,
        "network": TRANSLATION,
        "data": {"parts": ["new"]},
        "aging": {"half": 0.0},
        "autoencoders": {name: str(data / f"{name}.safetensors") for name in ("old", "clean")},
        "optimizer": {"lr": 1e-3},
        "losses": {"l1": 1.0, "hole": 0.1, "latent": 0.1},
        "validation": {"every": 1, "fraction": 1 / 3, "crop": 32},
    }
    return parse_recipe(table | changes)


ADVERSARIAL = {
    "losses": {"l1": 1.0, "log_mse": 0.1, "adversarial": 0.1, "feature_matching": 0.1},
    "discriminator": {
        "network": {"name": "MultiScaleDiscriminator", "arguments": {"features": 2, "layers": 1, "scales": 1}},
        "optimizer": {"lr": 1e-3},
        "loss": "least_squares",
    },
}


@pytest.mark.parametrize("changes", [{}, ADVERSARIAL], ids=["faithful", "adversarial"])
def test_it_trains_and_its_weights_load(data, tmp_path, changes):
    made = weights.load(str(train(recipe(data, **changes), data, tmp_path)))
    assert (made.header.task, made.header.network) == ("restore", "CompactTranslation")
    assert made.header.scores["psnr_rgb"] > 5
    assert list((tmp_path / "samples").iterdir())


def test_an_encoder_is_enough_of_the_old_autoencoder(data, tmp_path):
    encoder = CompactEncoder.of(CompactVAE(**VAE["arguments"]))
    header = WeightsHeader(name="encoder", task="restore", network="CompactEncoder", arguments=VAE["arguments"])
    write(tmp_path / "encoder.safetensors", encoder.state_dict(), header)
    names = {"old": str(tmp_path / "encoder.safetensors"), "clean": str(data / "clean.safetensors")}
    assert train(recipe(data, autoencoders=names), data, tmp_path / "run").exists()


def test_a_resumed_run_with_a_discriminator_ends_with_the_same_bits(data, tmp_path):
    check_resuming(recipe(data, **ADVERSARIAL), data, tmp_path, stop=1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"autoencoders": None}, "needs \\[autoencoders\\]"),
        ({"losses": {"l1": 1.0, "adversarial": 0.1}}, "go together"),
        ({"losses": {"l1": 1.0, "whole": 0.1}}, "did you mean 'hole'"),
        ({"keep": "encoder"}, "keep is 'encoder', which the step 'translation' cannot heed"),
        ({"autoencoders": {"old": "texture", "clean": "restore-vae-clean"}}, "old is a TextureUNet; it must be"),
        ({"autoencoders": {"old": "restore-vae-old", "clean": "texture"}}, "clean is a TextureUNet; it must be"),
    ],
)
def test_recipes_that_make_no_sense_are_refused(data, tmp_path, changes, message):
    with pytest.raises(RecipeError, match=message):
        train(recipe(data, **changes), data, tmp_path)


def test_masks_are_true_or_detected_and_dilated_but_never_eroded():
    true, detected = torch.zeros(2, 200, 1, 9, 9)
    true[..., 4, 4] = 1
    masks = mix_masks(true, detected, torch.Generator().manual_seed(0))
    areas = masks.sum((1, 2, 3))
    assert set(areas.tolist()) == {0.0, 1.0, 9.0, 25.0}
    assert 0.5 < (areas == 0).float().mean() < 0.7
    assert (mix_masks(true, true, torch.Generator().manual_seed(0)) >= true).all()
