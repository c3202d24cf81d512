import pytest
import torch

from daguerre.degradation.aging import Aged, age, texture
from daguerre.training.data.blur import Blur


def test_a_blur_is_as_wide_as_it_is_and_a_slight_one_is_undone():
    image = torch.rand(1, 3, 48, 48)
    assert Blur().equivalent_sigma == 0
    assert Blur(sigma=1.3).equivalent_sigma == 1.3
    assert Blur(factor=2.0).equivalent_sigma == pytest.approx(0.92)
    assert Blur(sigma=1.0, factor=2.0).equivalent_sigma == pytest.approx(1.36, abs=0.01)
    assert torch.equal(Blur(sigma=0.5).denoising_target(image), image)
    assert torch.equal(Blur(sigma=1.3).denoising_target(image), texture.blur(image, sigma=1.3))


def test_what_blurred_an_aged_photograph_is_known():
    image = torch.rand(1, 3, 48, 48)
    for seed in range(20):
        aged = age(image, seed=seed, kind="snapshot", strength=1.5)
        sigmas = [step["sigma"] for step in aged.record["steps"] if step["step"] == "blur"]
        assert [Blur.of(aged).sigma] == sigmas
    assert Blur.of(Aged(image, image, image, image[:, :1].byte(), {})) == Blur()
