import pytest
import torch
from tasks.stylization.small_vgg import picture

from daguerre.tasks.stylization.objective import Losses
from daguerre.tasks.stylization.optimizers import (
    build_pyramid,
    collapse_pyramid,
    optimize_adam,
    optimize_lbfgs,
    pyramid_gradients,
)

AXES = torch.tensor([[1.0, 0.5, 0.2], [1.0, 0.0, -0.4], [1.0, -0.5, 0.2]])  # light, red to blue, magenta to green


def test_adam_reaches_the_minimum_and_stays_in_range():
    wanted = torch.tensor([0.25, 0.75, 1.5]).view(1, 3, 1, 1)

    def bowl(image):
        loss = (image - wanted).square().sum().item()
        return Losses(content=loss, style=0, variation=0, total=loss), 2 * (image - wanted)

    image = torch.full((1, 3, 1, 1), 0.5)
    totals = [losses.total for losses in optimize_adam(image, bowl, 300, rate=0.1, axes=AXES)]
    assert image.flatten().tolist() == pytest.approx([0.25, 0.75, 1.0], abs=1e-3)
    assert totals[0] == pytest.approx(0.0625 * 2 + 1)
    assert totals[-1] == pytest.approx(0.25, abs=1e-4)


def test_with_less_reach_wide_areas_move_less():
    def brighter(image):
        return Losses(content=0, style=0, variation=0, total=0), torch.full_like(image, -1.0)

    moved = []
    for reach in (1.0, 0.5, 0.0):
        image = torch.full((1, 3, 64, 64), 0.2)
        list(optimize_adam(image, brighter, 1, rate=0.001, axes=torch.eye(3), step_scale=reach))
        moved.append(image[0, 0].mean().item() - 0.2)
    assert moved[2] == pytest.approx(0.003, rel=0.01)  # by as much at each of three levels
    assert moved[1] == pytest.approx(0.001 * (1 + 1.7**0.5 + 1.7), rel=0.01)
    assert moved[0] == pytest.approx(0.001 * (1 + 1.7 + 1.7**2), rel=0.01)


def test_curvature_reaches_the_minimum_in_a_few_steps():
    wanted = picture(24, 24) * torch.tensor([1.0, 0.5, 0.9]).view(1, 3, 1, 1)
    stiff = torch.logspace(-0.5, 0.5, 24)

    def bowl(image):
        loss = (stiff * (image - wanted).square()).sum().item()
        return Losses(content=loss, style=0, variation=0, total=loss), 2 * stiff * (image - wanted)

    image = torch.full((1, 3, 24, 24), 0.5)
    totals = [losses.total for losses in optimize_lbfgs(image, bowl, 25, axes=AXES)]
    assert len(totals) == 25
    assert totals[-1] < 0.01 * totals[0]
    assert not image.requires_grad


@pytest.mark.parametrize("size", [(1, 1), (33, 47), (64, 17)])
def test_the_levels_of_a_pyramid_sum_to_the_picture(size):
    image = picture(*size)
    levels = build_pyramid(image, AXES)
    assert len(levels) == {1: 1, 33: 3, 64: 2}[size[0]]
    torch.testing.assert_close(collapse_pyramid(levels, AXES), image, rtol=0, atol=1e-6)


def test_the_slopes_of_a_pyramid_are_those_of_its_sum():
    levels = [level.double() for level in build_pyramid(picture(33, 47), AXES)]
    axes = AXES.double()
    weights = picture(33, 47, seed=3).double()
    slopes = pyramid_gradients(levels, weights.clone(), axes)
    for level, slope in zip(levels, slopes, strict=True):
        before = (collapse_pyramid(levels, axes) * weights).sum()
        level[0, 1, 2, 3] += 1
        assert ((collapse_pyramid(levels, axes) * weights).sum() - before).item() == pytest.approx(
            slope[0, 1, 2, 3].item()
        )
        level[0, 1, 2, 3] -= 1


def test_the_first_channel_of_a_level_is_light_and_the_others_are_contrasts():
    grey, red = torch.full((1, 3, 4, 4), 0.5), torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1).expand(1, 3, 4, 4)
    assert build_pyramid(grey, AXES)[0][0, :, 0, 0].tolist() == pytest.approx([0.5, 0, 0], abs=1e-6)
    assert build_pyramid(red, AXES)[0][0, 1, 0, 0] > 0.5


def test_no_slope_leads_further_out_of_range():
    levels = build_pyramid(torch.tensor([-0.1, -0.1, 0.5, 1.1, 1.1]).expand(1, 3, 1, 5), AXES)
    (slope,) = pyramid_gradients(levels, torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0]).expand(1, 3, 1, 5), AXES)
    assert slope[0, 0, 0].tolist() == [0, -3, 3, 0, 3]  # of light, which moves all three colours
