import pytest
import torch
from images.drawn import photo
from torch.nn import functional as F

from daguerre.images import Picture
from daguerre.images.visible import read_exactly
from daguerre.images.window_map import map_windows


def blurred(window, colours):
    """The mean of 3 x 3, of the whole source, its own border mirrored."""
    return F.avg_pool2d(F.pad(colours, (1, 1, 1, 1), mode="reflect"), 3, stride=1)


@pytest.mark.parametrize("side", [7, 16, 1000])
def test_the_windows_do_not_matter_where_the_halo_holds_what_a_pixel_depends_on(side):
    picture = Picture.from_array(photo(40, 33, bits=16))
    made = map_windows(picture, blurred, side=side, halo=1)
    assert (made.read() - blurred(None, picture.read())).abs().max() < 1 / 65535
    assert made.bits == 16


def test_transparency_is_cropped_or_made_or_left_out():
    picture = Picture.from_array(photo(20, 30, channels=4))
    same = map_windows(picture, blurred, side=8, halo=1)
    assert torch.equal(same.read_alpha(), picture.read_alpha())
    half = map_windows(picture, blurred, side=8, halo=1, alpha=lambda window, alpha: alpha / 2)
    assert (half.read_alpha() - picture.read_alpha() / 2).abs().max() < 1 / 255
    assert not map_windows(picture, blurred, side=8, halo=1, opaque=True).alpha


def test_hidden_colours_stay_where_they_are_read_exactly():
    levels = photo(20, 30, channels=4)
    levels[:10, :, 3] = 0
    made = map_windows(Picture.from_array(levels), lambda window, colours: colours, read=read_exactly)
    assert (made.array() == levels).all()


def test_a_result_of_another_size_is_made_of_sources_of_its_own():
    picture = Picture.from_array(photo(20, 30))

    def halved(window, colours):
        assert colours.shape[-2:] == (2 * window.height, 2 * window.width)
        return F.avg_pool2d(colours, 2)

    made = map_windows(picture, halved, side=4, source=lambda window: window.scaled(2), size=(10, 15), bits=16)
    assert (made.read() - F.avg_pool2d(picture.read(), 2)).abs().max() < 1 / 65535


def test_bits_and_greyness_are_those_of_what_the_result_is_like():
    grey, colour = Picture.from_array(photo(12, 12, channels=1, bits=16)), Picture.from_array(photo(12, 12))
    made = map_windows(colour, lambda window, colours: colours, like=grey)
    assert (made.bits, made.grey) == (16, True)
    assert map_windows(grey, lambda window, colours: colours, bits=8, grey=False).bits == 8


def test_progress_counts_every_pixel_of_the_result():
    told = []
    map_windows(Picture.from_array(photo(20, 30)), blurred, side=8, halo=1, step="blurring", progress=told.append)
    assert (told[-1].step, told[-1].done, told[-1].total) == ("blurring", 600, 600)
    assert told[0].done == 0


def test_every_window_of_the_result_is_made_once():
    counts = torch.zeros(10, 9)

    def note(window, colours):
        assert (window.height, window.width) == colours.shape[-2:]
        counts[window.slices] += 1
        return colours

    map_windows(Picture.from_array(photo(10, 9)), note, side=6)
    assert (counts == 1).all()
