import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from daguerre.tiling import Window, plan_windows

SIZES = st.integers(1, 50)


@given(SIZES, SIZES, SIZES)
def test_windows_cover_every_pixel_exactly_once(height, width, side):
    covered = torch.zeros(height, width, dtype=torch.int)
    for window in plan_windows(height, width, side):
        assert 1 <= window.height <= side
        assert 1 <= window.width <= side
        covered[window.slices] += 1
    assert (covered == 1).all()


@pytest.mark.parametrize("size", [(0, 5, 5), (5, 0, 5), (5, 5, 0)])
def test_nothing_to_cover_is_a_callers_mistake(size):
    with pytest.raises(ValueError, match="no windows"):
        plan_windows(*size)


def test_a_window_grows_up_to_the_edge_of_the_picture():
    assert Window(2, 3, 4, 5).grown(3, 8, 20) == Window(0, 0, 8, 11)


def test_a_window_within_another_is_counted_from_its_corner():
    assert Window(5, 6, 2, 2).within(Window(3, 2, 9, 9)) == Window(2, 4, 2, 2)
