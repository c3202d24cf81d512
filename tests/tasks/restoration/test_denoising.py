from pathlib import Path

import numpy as np
import pytest
import torch
from images.drawn import photo
from models import model_of

from daguerre import weights
from daguerre.evaluation.metrics import psnr
from daguerre.images import Picture
from daguerre.networks.denoising_unet import TextureUNet
from daguerre.tasks.restoration.denoising import denoise

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    made = TextureUNet(features=(4, 6), blocks=1)
    torch.nn.init.normal_(made.last.weight, std=0.1)
    return model_of(made)


@pytest.mark.parametrize("blur", [0.0, 1.7])
def test_the_result_does_not_depend_on_the_windows(network, monkeypatch, blur):
    picture = Picture.from_array(photo(150, 131, bits=16))
    whole = denoise(picture, network, blur=blur).array()
    monkeypatch.setattr("daguerre.weights.model.window_side", lambda *_, **__: 30)
    parts = denoise(picture, network, blur=blur).array()
    assert (whole != picture.array()).any()
    assert np.abs(whole.astype(int) - parts).max() <= 1


def test_grey_stays_neutral_and_transparency_stays(network):
    grey = Picture.from_array(photo(40, 50, channels=1))
    assert denoise(grey, network).grey
    clear = Picture.from_array(np.concatenate([photo(40, 50), np.full((40, 50, 1), 77, np.uint8)], 2))
    alpha = denoise(clear, network).read_alpha()
    assert (alpha * 255).round().unique().tolist() == [77]


@pytest.mark.parametrize("name", ["astronaut", "coffee"])
def test_what_ships_takes_noise_away_and_leaves_a_clean_photograph(name):
    ships = weights.load("texture")
    clean = Picture.open(EXAMPLES / f"{name}.jpg")
    generator = torch.Generator().manual_seed(0)
    noise = 0.04 * torch.randn(1, 3, clean.height, clean.width, generator=generator)
    noisy = Picture.from_tensor((clean.read() + noise).clamp(0, 1), bits=16)

    def near(picture):
        return psnr(denoise(picture, ships).read(), clean.read(), channel="rgb").item()

    assert near(noisy) > psnr(noisy.read(), clean.read(), channel="rgb").item() + 2
    assert near(clean) > 38
