import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.measure import label, regionprops

from daguerre.tiling.components import FAINT, keep_pieces


def noise(height, width, share, seed=0):
    """Levels of which a share is 100 or more."""
    random = np.random.default_rng(seed)
    return np.where(random.random((height, width)) < share, random.integers(100, 256, (height, width)), 20).astype(
        np.uint8
    )


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.floats(0.05, 0.7),
    st.integers(0, 1000),
    st.sampled_from([1, 7, 64, 2000]),
)
def test_pieces_are_what_a_labelling_of_the_whole_picture_finds(height, width, share, seed, strip):
    levels = noise(height, width, share, seed)
    found = regionprops(label(levels >= 100, connectivity=2), levels)
    expected = sorted((*region.bbox, int(region.area), int(region.intensity_max)) for region in found)
    seen = []

    def wanted(pieces):
        seen.append(pieces)
        return pieces.area >= 4

    mask = levels.copy()
    count = keep_pieces(mask, 100, wanted, strip=strip)
    (pieces,) = seen
    numbers = (pieces.top, pieces.left, pieces.bottom, pieces.right, pieces.area, pieces.peak)
    assert sorted(zip(*(n.tolist() for n in numbers), strict=True)) == expected
    whole = label(levels >= 100, connectivity=2)
    places = whole.ravel()[pieces.place]
    assert sorted(places.tolist()) == list(range(1, len(found) + 1)), "each in a piece of its own"
    assert [int(found[place - 1].intensity_max) for place in places] == pieces.peak.tolist()
    kept = np.zeros_like(levels)
    for region in found:
        if region.area >= 4:
            kept[tuple(region.coords.T)] = 255
    np.testing.assert_array_equal(mask, kept)
    assert count == sum(region.area >= 4 for region in found)


def test_a_spiral_that_crosses_many_strips_is_one_piece():
    levels = np.zeros((41, 41), np.uint8)
    y = x = 0
    step = 40
    levels[0, :] = 200
    y, x = 0, 40
    for number, (dy, dx) in enumerate([(1, 0), (0, -1), (-1, 0), (0, 1)] * 10):
        if number and number % 2 == 0:
            step -= 2
        for _ in range(max(step, 0)):
            y, x = y + dy, x + dx
            levels[y, x] = 200
        if step <= 2:
            break
    assert keep_pieces(levels, 100, lambda pieces: pieces.area > 0, strip=41) == 1


@pytest.mark.parametrize("level", [0, 255])
def test_pictures_of_one_level_are_none_or_one_piece(level):
    levels = np.full((9, 5), level, np.uint8)
    assert keep_pieces(levels, 100, lambda pieces: pieces.area == 45, strip=10) == (level > 0)
    assert (levels == level).all()


@pytest.mark.parametrize("strip", [1, 40, 10**6])
def test_the_rim_of_each_component_is_trimmed_by_its_own_peak(strip):
    levels = np.zeros((9, 20), np.uint8)
    levels[2:7, 2:7], levels[3:6, 3:6], levels[4, 4] = 40, 100, 200
    levels[2:7, 11:16], levels[3:6, 12:15] = 40, 60
    assert keep_pieces(levels, 30, lambda pieces: pieces.area > 0, trim=0.5, strip=strip) == 2
    expected = np.zeros((9, 20), np.uint8)
    expected[2:7, 2:7], expected[3:6, 3:6], expected[2:7, 11:16] = FAINT, 255, 255
    np.testing.assert_array_equal(levels, expected)
