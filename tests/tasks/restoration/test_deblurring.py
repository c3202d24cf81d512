from pathlib import Path

import pytest
import torch

import daguerre.tasks.restoration.deblurring as module
from daguerre.degradation.aging import texture
from daguerre.images import Picture
from daguerre.images.filters import BLURRED_SIGMA, excess
from daguerre.tasks.restoration.deblurring import measure_edges

EXAMPLES = Path(__file__).parents[3] / "examples"
NAMES = ["astronaut", "coffee"]


def blurred(name, sigma):
    return texture.blur(Picture.open(EXAMPLES / f"{name}.jpg").read(), sigma=sigma)


@pytest.mark.parametrize("name", NAMES)
def test_a_sharp_photograph_is_sharp(name):
    assert measure_edges(Picture.open(EXAMPLES / f"{name}.jpg")) < BLURRED_SIGMA


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sigma", [1.3, 2.0, 2.5])
def test_a_blur_is_measured_to_a_fifth_of_its_width(name, sigma):
    assert measure_edges(Picture.from_tensor(blurred(name, sigma))) == pytest.approx(sigma, rel=0.2)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_out_of_focus_does_not_make_a_photograph_blurred(name):
    image = blurred(name, 0)
    third = image.shape[3] // 3
    image[..., third:] = blurred(name, 2.0)[..., third:]
    assert measure_edges(Picture.from_tensor(image)) < BLURRED_SIGMA


def test_the_answer_does_not_depend_on_the_windows(monkeypatch):
    picture = Picture.from_tensor(blurred("coffee", 1.5), bits=16)
    whole = measure_edges(picture)
    monkeypatch.setattr(module, "WINDOW_SIDE", 64)
    assert measure_edges(picture) == whole > 0


def test_a_photograph_is_made_as_sharp_as_photographs_are_and_no_sharper():
    assert excess(0) == excess(0.5) == excess(0.7) == 0
    assert 0 < excess(0.9) < 0.6
    assert excess(2.0) == pytest.approx(1.87, abs=0.01)


def test_without_edges_nobody_can_tell():
    assert measure_edges(Picture.from_tensor(torch.full((1, 3, 200, 200), 0.5))) == 0


def test_black_and_white_is_measured_as_well():
    grey = blurred("coffee", 2.0).mean(1, keepdim=True)
    assert measure_edges(Picture.from_tensor(grey)) == pytest.approx(2.0, rel=0.2)
