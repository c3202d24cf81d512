import math

import numpy as np
import pytest
import torch
from images.drawn import photo

from daguerre.images import Picture
from daguerre.images.resample import resize_bicubic
from daguerre.tasks.upscaling import consistency as module
from daguerre.tasks.upscaling.consistency import measure_agreement
from daguerre.tiling import plan_windows


def even(value, *shape):
    return Picture.from_array(np.full(shape, value, np.float64))


def test_a_tenth_more_everywhere_is_20_decibels():
    assert measure_agreement(even(0.6, 40, 60, 3), even(0.5, 10, 15, 3)) == pytest.approx(20, abs=1e-3)


def test_the_same_picture_agrees_exactly():
    picture = Picture.from_array(photo())
    assert measure_agreement(picture, picture) == math.inf


@pytest.mark.parametrize("size", [(80, 120), (61, 97), (20, 31)])
def test_windows_add_up_to_the_whole(monkeypatch, size):
    result, original = Picture.from_array(photo(*size, seed=1)), Picture.from_array(photo(20, 31))
    monkeypatch.setattr(module, "plan_windows", lambda height, width, side: plan_windows(height, width, 7))
    error = resize_bicubic(result.read().double(), 20, 31) - original.read().double()
    expected = -10 * math.log10(error.square().mean())
    assert measure_agreement(result, original) == pytest.approx(expected, abs=1e-4)


def test_invisible_pixels_do_not_count():
    small = np.full((10, 15, 4), 0.5)
    small[:, 5:, 3] = 0
    small[:, 5:, :3] = 0.9
    small[..., 3] *= 2
    large = even(0.6, 40, 60, 4)
    assert measure_agreement(large, Picture.from_array(small)) == pytest.approx(20, abs=1e-3)
    small[..., 3] = 0
    assert measure_agreement(large, Picture.from_array(small)) == math.inf


def test_progress_ends_at_the_end():
    told = []
    picture = Picture.from_array(photo())
    measure_agreement(picture, picture, progress=told.append)
    assert (told[-1].step, told[-1].done) == ("comparing", told[-1].total)
    assert torch.is_grad_enabled()
