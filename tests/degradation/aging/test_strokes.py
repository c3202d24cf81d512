import pytest
import torch

from daguerre.degradation.aging.strokes import cover, jitter, wander


def test_a_dab_covers_the_area_of_its_disc_and_strays_nowhere():
    like = torch.zeros(2, 3, 20, 30)
    points = torch.tensor([[[[10.0, 12.5]]], [[[-30.0, 5.0]]]])
    made = cover(like, points, torch.full((2, 1, 1), 4.0), torch.ones(2, 1, 1))
    assert made[0].sum().item() == pytest.approx(torch.pi * 16, rel=0.03)
    assert made[0, 0, 10, 12] == 1
    assert made[1].sum() == 0


def test_a_straight_curve_has_its_length_and_its_heading():
    like, heading = torch.zeros(2, 3, 50, 60), torch.full((2, 4, 1, 1), 0.0)
    generator = torch.Generator().manual_seed(0)
    points = wander(like, 4, length=30, stride=0.5, heading=heading, turn=0.0, generator=generator)
    assert points.shape == (2, 4, 60, 2)
    steps = points.diff(dim=2)
    torch.testing.assert_close(steps.norm(dim=-1), torch.full((2, 4, 59), 0.5))
    assert steps[..., 0].abs().max() < 1e-6, "along the columns' axis"


def test_noise_along_curves_has_mean_0_and_deviation_about_1():
    noise = jitter(torch.zeros(3, 3, 8, 8), 40, 600, 30.0, torch.Generator().manual_seed(0))
    assert noise.shape == (3, 40, 600)
    assert noise.mean().item() == pytest.approx(0, abs=0.1)
    assert noise.std().item() == pytest.approx(1, abs=0.2)
