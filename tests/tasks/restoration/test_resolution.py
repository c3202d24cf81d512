from pathlib import Path

import numpy as np
import pytest
import torch
from images.drawn import photo

import daguerre.tasks.restoration.resolution as module
from daguerre import weights
from daguerre.degradation.aging import texture
from daguerre.evaluation.metrics import psnr
from daguerre.images import Picture
from daguerre.images.resample import resize_bicubic
from daguerre.tasks.restoration.deblurring import measure_edges
from daguerre.tasks.restoration.resolution import emptiness, measure_resolution, smaller, upscale_again

EXAMPLES = Path(__file__).parents[3] / "examples"
NAMES = ["astronaut", "coffee"]


def example(name):
    return Picture.open(EXAMPLES / f"{name}.jpg").read()


def found(image):
    picture = Picture.from_tensor(image)
    return measure_resolution(picture, measure_edges(picture))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("factor", [2, 3, 4])
def test_what_was_enlarged_is_found_with_its_factor(name, factor):
    assert found(texture.low_resolution(example(name), factor=factor)) == (factor, True)


@pytest.mark.parametrize("name", NAMES)
def test_an_enlarged_photograph_is_found_below_its_compression(name):
    assert found(texture.compress(texture.low_resolution(example(name), factor=2), quality=85)) == (2, True)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sigma", [0, 0.8, 1.2, 2.0, 3.0])
def test_what_is_sharp_or_only_blurred_was_not_enlarged(name, sigma):
    assert found(texture.blur(example(name), sigma=sigma)).enlarged is False


def test_a_blurred_photograph_is_soft_and_a_sharp_one_is_not():
    assert found(texture.blur(example("coffee"), sigma=1.2)).finest == 2
    assert found(example("coffee")).finest == 1


@pytest.mark.parametrize("size", [(300, 200), (301, 203)])
def test_the_smaller_picture_comes_back_exactly_and_shrinking_alone_does_not_give_it(size):
    small = resize_bicubic(example("coffee"), *size).clamp(0, 1)
    enlarged = Picture.from_tensor(resize_bicubic(small, 2 * size[0], 2 * size[1]), bits=16)
    exact, shrunk = (psnr(smaller(enlarged, 2, exact=exact).read(), small) for exact in (True, False))
    assert exact > 50
    assert exact > shrunk + 8


def test_the_answer_does_not_depend_on_the_windows(monkeypatch):
    picture = Picture.from_tensor(texture.low_resolution(example("coffee")[..., :203, :301], factor=2), bits=16)
    whole, copy = emptiness(picture, 2), smaller(picture, 2).array()
    monkeypatch.setattr(module, "WINDOW_SIDE", 50)
    assert emptiness(picture, 2) == pytest.approx(whole, abs=0.01)
    assert np.abs(smaller(picture, 2).array().astype(int) - copy).max() <= 1


@pytest.mark.parametrize("factor", [2, 3])
def test_what_is_made_does_not_depend_on_the_windows(factor, monkeypatch):
    picture = Picture.from_array(photo(90, 71, bits=16))
    whole = upscale_again(picture, factor, weights.load(module.MODELS[factor]), exact=True).array()
    monkeypatch.setattr("daguerre.weights.model.window_side", lambda *_, **__: 16)
    parts = upscale_again(picture, factor, weights.load(module.MODELS[factor]), exact=True).array()
    assert (whole != picture.array()).any()
    assert np.abs(whole.astype(int) - parts).max() <= 1


@pytest.mark.parametrize(("factor", "gain"), [(2, 2), (3, 1), (4, 0.5)])
def test_enlarged_again_it_is_nearer_to_what_it_was(factor, gain):
    sharp = example("coffee")
    before = texture.low_resolution(sharp, factor=factor)
    after = upscale_again(Picture.from_tensor(before), factor, weights.load(module.MODELS[factor]), exact=True).read()
    assert psnr(after, sharp) > psnr(before, sharp) + gain


def test_black_and_white_stays_neutral_and_transparency_stays():
    grey = upscale_again(Picture.from_array(photo(40, 50, channels=1)), 2, weights.load(module.MODELS[2]), exact=True)
    assert grey.grey
    see_through = Picture.from_array(photo(40, 50, channels=4))
    made = upscale_again(see_through, 2, weights.load(module.MODELS[2]), exact=False)
    assert torch.equal(made.read_alpha(), see_through.read_alpha())


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (20, 20)])
def test_of_too_few_pixels_nobody_can_tell(size):
    assert found(torch.rand(1, 3, *size)) == (1, False)


def test_without_detail_nobody_can_tell():
    assert found(torch.full((1, 3, 100, 100), 0.5)) == (1, False)
