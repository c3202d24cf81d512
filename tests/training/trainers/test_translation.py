import numpy as np
import pytest
import torch
from PIL import Image

from daguerre import weights
from daguerre.errors import RecipeError
from daguerre.networks.compact_vae import CompactVAE
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
        (folder / part).mkdir()
        for i in range(4):
            pixels = np.random.default_rng(i).integers(0, 255, (6, 6, 3), np.uint8)
            Image.fromarray(pixels).resize((44, 40), Image.Resampling.BICUBIC).save(folder / part / f"{i}.png")
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


def judged(network):
    return {"network": network, "optimizer": {"lr": 1e-3}, "loss": "least_squares"}


IMAGES = judged({"name": "MultiScaleDiscriminator", "arguments": {"features": 2, "layers": 1, "scales": 1}})
LATENTS = judged({"name": "LatentDiscriminator", "arguments": {"features": 2, "layers": 1}})
VARIANTS = {
    "translation": {},
    "adversarial translation": {
        "losses": {"l1": 1.0, "adversarial": 0.1, "feature_matching": 0.1},
        "discriminator": IMAGES,
    },
    "autoencoding": {"step": "autoencoder", "network": VAE, "losses": {"l1": 1.0, "kl": 1e-3}, "autoencoders": None},
    "shared autoencoding": {
        "step": "autoencoder",
        "network": VAE,
        "losses": {"l1": 1.0, "kl": 1e-3, "adversarial": 0.1},
        "discriminator": LATENTS,
        "aging": {"half": 0.0, "real": ["old"]},
        "autoencoders": None,
    },
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_trains_and_its_weights_load(data, tmp_path, variant):
    made = weights.load(str(train(recipe(data, **VARIANTS[variant]), data, tmp_path)))
    assert made.header.task == "restore"
    assert made.header.scores["psnr_rgb"] > 5
    assert list((tmp_path / "samples").iterdir())


def test_an_encoder_kept_alone_is_enough_for_a_translation(data, tmp_path):
    kept = train(recipe(data, **VARIANTS["autoencoding"], keep="encoder"), data, tmp_path / "old")
    assert weights.load(kept).header.network == "CompactEncoder"
    train(recipe(data, autoencoders={"old": str(kept), "clean": str(data / "clean.safetensors")}), data, tmp_path)


@pytest.mark.parametrize("variant", ["adversarial translation", "shared autoencoding"])
def test_a_resumed_run_ends_with_the_same_bits(data, tmp_path, variant):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    plan = recipe(data, **VARIANTS[variant])
    straight = weights.load(str(train(plan, data, whole))).network.state_dict()

    def stop(event):
        from daguerre.errors import Cancelled

        if event.step == "training" and event.done == 1:
            raise Cancelled("enough")

    from daguerre.errors import Cancelled

    with pytest.raises(Cancelled):
        train(plan, data, parts, progress=stop)
    resumed = weights.load(str(train(plan, data, parts, resume=True))).network.state_dict()
    assert all(torch.equal(straight[name], resumed[name]) for name in straight)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"autoencoders": None}, "needs \\[autoencoders\\]"),
        ({"losses": {"l1": 1.0, "adversarial": 0.1}}, "go together"),
        ({"losses": {"l1": 1.0, "whole": 0.1}}, "did you mean 'hole'"),
        (VARIANTS["shared autoencoding"] | {"aging": {"half": 0.0}}, "name their parts in aging.real"),
        (VARIANTS["autoencoding"] | {"discriminator": LATENTS}, "go together"),
        ({"keep": "encoder"}, "keep is 'encoder', which the step 'translation' cannot heed"),
        ({"autoencoders": {"old": "texture", "clean": "restore-vae-clean"}}, "old is a TextureUNet; it must be"),
        ({"autoencoders": {"old": "restore-vae-old", "clean": "texture"}}, "clean is a TextureUNet; it must be"),
    ],
)
def test_recipes_that_make_no_sense_are_refused(data, tmp_path, changes, message):
    with pytest.raises(RecipeError, match=message):
        train(recipe(data, **changes), data, tmp_path)


def test_masks_are_told_or_found_and_widened_but_never_shrunk():
    told, found = torch.zeros(2, 200, 1, 9, 9)
    told[..., 4, 4] = 1
    masks = mix_masks(told, found, torch.Generator().manual_seed(0))
    areas = masks.sum((1, 2, 3))
    assert set(areas.tolist()) == {0.0, 1.0, 9.0, 25.0}
    assert 0.5 < (areas == 0).float().mean() < 0.7
    assert (mix_masks(told, told, torch.Generator().manual_seed(0)) >= told).all()
