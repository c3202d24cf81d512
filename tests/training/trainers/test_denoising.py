import numpy as np
import pytest
import torch
from lightning.fabric import Fabric
from PIL import Image

from daguerre import weights
from daguerre.errors import RecipeError
from daguerre.progress import silent
from daguerre.training.loop import train
from daguerre.training.recipe import parse_recipe
from daguerre.training.trainers.denoising import DenoisingTrainer, blur_and_deconvolve, degrade_texture


def recipe(**changes):
    table = {
        "name": "texture",
        "step": "denoising",
        "steps": 150,
        "batch": 4,
        "crop": 32,
        "ema": 0.9,
        "precision": "float32",
        "network": {"name": "TextureUNet", "arguments": {"features": [8, 8], "blocks": 1}},
        "data": {"parts": ["new"]},
        "aging": {"unharmed": 1.0},
        "optimizer": {"lr": 1e-2},
        "losses": {"sound": 0.1, "l1": 0.3},
        "validation": {"every": 150, "fraction": 1 / 3, "crop": 32},
    }
    return parse_recipe(table | changes)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    (folder / "new").mkdir()
    random = np.random.default_rng(0)
    for i in range(9):
        coarse = Image.fromarray(random.integers(60, 200, (4, 4, 3), dtype=np.uint8))
        coarse.resize((48, 40), Image.Resampling.BICUBIC).save(folder / "new" / f"{i}.png")
    return folder


def test_a_short_training_takes_noise_away(data, tmp_path):
    header = weights.load(train(recipe(), data, tmp_path)).header
    assert header.task == "texture"
    assert header.scores["plain"] > header.scores["plain_before"]


def test_batches_differ_and_are_the_same_from_the_same_generator(data):
    made = DenoisingTrainer(recipe(), data, Fabric(accelerator="cpu"), silent)
    first, other, again = (made.make_batch(torch.Generator().manual_seed(seed)) for seed in (0, 1, 0))
    assert first[0].shape == first[1].shape == (4, 3, 32, 32)
    assert torch.equal(first[0], again[0])
    assert not torch.equal(first[0], other[0])


def test_what_was_blurred_and_deconvolved_is_near_to_what_it_was():
    coarse = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    image = torch.nn.functional.interpolate(coarse, (64, 64), mode="bicubic").clamp(0, 1)
    apart = [
        (blur_and_deconvolve(image, torch.Generator().manual_seed(seed)) - image).square().mean().sqrt().item()
        for seed in range(8)
    ]
    assert 0 < min(apart) < max(apart) < 0.08
    assert len(set(apart)) == 8


def test_degraded_textures_keep_their_tones():
    image = torch.full((1, 3, 64, 64), 0.5)
    for seed in range(8):
        degraded, target = degrade_texture(image, torch.Generator().manual_seed(seed))
        torch.testing.assert_close(target, image)
        assert degraded.shape == image.shape
        assert abs(degraded.mean().item() - 0.5) < 0.02
    assert len({degrade_texture(image, torch.Generator().manual_seed(seed))[0].std().item() for seed in range(8)}) > 4


def test_another_network_is_refused(data, tmp_path):
    with pytest.raises(RecipeError, match="this step trains TextureUNet, not SRCNN"):
        train(recipe(network={"name": "SRCNN"}), data, tmp_path)
