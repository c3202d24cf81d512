import numpy as np
import pytest

from daguerre.images import Picture
from daguerre.tasks.scans.borders import clear_borders, find_borders


def scan(turns=0, size=(160, 240), askew=1):
    """A noisy grey picture with a white border of 12 pixels at its top, a little askew, turned by quarters."""
    random = np.random.default_rng(0)
    levels = random.integers(90, 130, size).astype(np.uint8)
    for column in range(size[1]):
        levels[: 12 + askew * column // 60, column] = 250
    return np.rot90(levels, turns).copy()


def cleared(levels):
    made = np.full(levels.shape, 255, np.uint8)
    clear_borders(made, find_borders(Picture.from_array(levels)))
    return made


@pytest.mark.parametrize("turns", range(4))
def test_nothing_is_damaged_in_a_border_on_whichever_side(turns):
    left = np.rot90(cleared(scan(turns)), -turns)
    assert (left[:12] == 0).all()
    assert (left[20:] == 255).all()


def test_a_torn_corner_is_no_border():
    levels = scan()
    for row in range(60):
        levels[row, : 60 - row] = 250
    left = cleared(levels)
    assert (left[:5, :30] == 255).all()
    assert (left[:12, 70:] == 0).all()


def test_dirt_on_a_border_may_be_damage():
    levels = scan()
    levels[3:7, 100:105] = 20
    left = cleared(levels)
    assert (left[3:7, 101:104] == 255).all()


def test_a_border_of_a_large_scan_is_found_on_a_smaller_copy():
    levels = np.repeat(np.repeat(scan(askew=0), 10, 0), 10, 1)
    left = cleared(levels)
    assert (left[:110] == 0).all()
    assert (left[180:] == 255).all()


@pytest.mark.parametrize("size", [(1, 1), (99, 500), (160, 240)])
def test_a_picture_without_borders_has_none(size):
    levels = np.random.default_rng(1).integers(0, 255, size).astype(np.uint8)
    assert find_borders(Picture.from_array(levels)) == []
    assert find_borders(Picture.from_array(np.full(size, 255, np.uint8))) == []
