import numpy as np
import pytest
from images.drawn import photo

from daguerre.images import Picture, window_map
from daguerre.tasks.upscaling.pixels import enlarge_pixels


@pytest.mark.parametrize("factor", [1, 2, 3, 7])
def test_a_whole_factor_repeats_every_pixel(factor):
    array = photo(13, 9)
    made = enlarge_pixels(Picture.from_array(array), (13 * factor, 9 * factor))
    assert (made.array() == array.repeat(factor, 0).repeat(factor, 1)).all()


def test_a_pixel_over_a_seam_has_the_mean_of_what_it_covers():
    row = np.array([[0, 200]], np.uint8)
    made = enlarge_pixels(Picture.from_array(row), (1, 3))
    assert made.array().squeeze().tolist() == [0, 100, 200]
    made = enlarge_pixels(Picture.from_array(np.array([[0, 240, 0]], np.uint8)), (1, 5))  # covers 0.6 each
    assert made.array().squeeze().tolist() == [0, 80, 240, 80, 0]


def test_transparency_is_repeated_too():
    array = np.dstack([photo(5, 6), np.arange(30, dtype=np.uint8).reshape(5, 6) * 8])
    made = enlarge_pixels(Picture.from_array(array), (10, 12))
    assert (made.array()[..., 3] == array[..., 3].repeat(2, 0).repeat(2, 1)).all()


def test_the_windows_do_not_show(monkeypatch):
    picture = Picture.from_array(photo(40, 30, bits=16))
    whole = enlarge_pixels(picture, (93, 71)).array()
    monkeypatch.setitem(enlarge_pixels.__globals__["map_windows"].__kwdefaults__, "side", 17)
    assert (enlarge_pixels(picture, (93, 71)).array() == whole).all()
    assert window_map.SIDE > 93
