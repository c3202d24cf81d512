import math

import pytest
import torch

from daguerre.degradation.aging.noise import (
    border_distance,
    pixel_coordinates,
    smooth_noise,
    smoothstep,
    uniform,
    white_noise,
)


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def test_smooth_noise_has_mean_0_deviation_1_and_hills_of_its_size():
    like = torch.zeros(4, 1, 256, 256)
    for octaves in (1, 3):
        noise = smooth_noise(like, 16, seeded(), octaves)
        assert abs(noise.mean()) < 0.1
        assert noise.std().item() == pytest.approx(1, abs=0.2)
    near, far = (math.sqrt((noise - noise.roll(step, -1)).square().mean()) for step in (1, 32))
    assert near < 0.4 * far


def test_numbers_are_drawn_for_each_picture_between_their_bounds():
    drawn = uniform(torch.zeros(3, 1, 2, 2), -2, 5, seeded(), 400)
    assert drawn.shape == (3, 400, 1, 1)
    assert drawn.min() >= -2
    assert drawn.max() <= 5
    assert drawn.mean().item() == pytest.approx(1.5, abs=0.3)
    assert not torch.equal(drawn[0], drawn[1])


def test_white_noise_has_mean_0_and_deviation_1():
    noise = white_noise(torch.zeros(2, 3, 100, 100), 3, seeded())
    assert noise.shape == (2, 3, 100, 100)
    assert noise.mean().item() == pytest.approx(0, abs=0.02)
    assert noise.std().item() == pytest.approx(1, abs=0.02)


def test_coordinates_count_rows_and_columns():
    rows, columns = pixel_coordinates(torch.zeros(2, 3, 4, 5))
    assert rows.flatten().tolist() == [0, 1, 2, 3]
    assert columns.flatten().tolist() == [0, 1, 2, 3, 4]
    assert (rows + columns).shape == (1, 1, 4, 5)


def test_the_distance_to_the_border_begins_at_half_a_pixel():
    assert border_distance(torch.zeros(1, 3, 3, 5))[0, 0].tolist() == [
        [0.5, 0.5, 0.5, 0.5, 0.5],
        [0.5, 1.5, 1.5, 1.5, 0.5],
        [0.5, 0.5, 0.5, 0.5, 0.5],
    ]


def test_a_smooth_step_rises_from_0_to_1_through_a_half():
    assert smoothstep(torch.tensor([-1.0, 0.0, 0.25, 0.5, 1.0, 7.0])).tolist() == [0, 0, 0.15625, 0.5, 1, 1]
