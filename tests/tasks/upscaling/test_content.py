import numpy as np
import pytest
from images.drawn import photo

from daguerre.images import Picture
from daguerre.tasks.upscaling.content import recognize

PALETTE = np.array([[0, 0, 0], [255, 255, 255], [200, 40, 30], [40, 90, 200], [250, 200, 60]], np.uint8)


def sprite(height=24, width=20, seed=0):
    """Random squares of five colors, (H, W, 3)."""
    return PALETTE[np.random.default_rng(seed).integers(0, len(PALETTE), (height, width))]


def letters(height=120, width=160, smooth=False):
    """Dark rings on white, in black and white or with smoothed edges."""
    down, across = np.mgrid[0:height, 0:width]
    distance = np.abs(np.hypot(down % 40 - 20, across % 40 - 20) - 12) - 1.5
    grey = np.clip(distance + 0.5, 0, 1) if smooth else distance > 0
    return np.rint(np.repeat(grey[..., None], 3, axis=2) * 255).astype(np.uint8)


def of(array):
    return recognize(Picture.from_array(array))


@pytest.mark.parametrize("side", [2, 3, 8])
def test_equal_squares_of_few_colors_are_pixel_art(side):
    large = sprite().repeat(side, 0).repeat(side, 1)
    assert of(large) == "pixels"
    assert of(large[1:, 1:]) == "pixels"  # cut anywhere


def test_a_large_picture_of_squares_is_seen_by_its_windows():
    assert of(sprite(300, 200).repeat(4, 0).repeat(4, 1)) == "pixels"


def test_a_small_picture_of_a_few_colors_in_areas_is_pixel_art():
    icon = np.full((48, 48, 3), 255, np.uint8)
    icon[8:30, 10:12], icon[20:23, 8:40], icon[31:40, 13:27] = PALETTE[2], PALETTE[3], PALETTE[4]
    assert of(icon) == "pixels"


@pytest.mark.parametrize("smooth", [False, True])
def test_letters_and_lines_are_a_drawing(smooth):
    assert of(letters(smooth=smooth)) == "drawing"


def test_photographs_are_none_of_it():
    assert of(photo(200, 300)) == "photo"
    assert of(photo(50, 50)) == "photo"


def test_a_photograph_on_a_white_page_is_one():
    page = np.full((400, 600, 3), 255, np.uint8)
    page[100:300, 200:400] = photo(200, 200)
    assert of(page) == "photo"


def test_a_photograph_enlarged_by_repeating_its_pixels_stays_one():
    assert of(photo(60, 60).repeat(4, 0).repeat(4, 1)) == "photo"


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_what_is_empty_is_a_photograph_like_any_other(grey):
    assert of(np.full((50, 70, 3), grey, np.uint8)) == "photo"


def test_one_pixel_is_no_riddle():
    assert of(np.zeros((1, 1, 3), np.uint8)) == "photo"
