import numpy as np
import pytest
import torch
from images.drawn import photo

from daguerre.images import Picture
from daguerre.images.visible import SPREAD, read_colours
from daguerre.tiling import Window, plan_windows

WHOLE = Window(0, 0, 24, 50)


def pierced(hidden):
    """A picture whose right part is wholly transparent, with a colour hidden there."""
    levels = photo(24, 50, 4)
    levels[..., 3] = 1
    levels[:, 20:, 3] = 0
    levels[:, 20:, :3] = hidden
    return Picture.from_array(levels)


def test_without_transparency_colours_are_as_they_are():
    picture = Picture.from_array(photo(24, 50))
    colours, alpha = read_colours(picture, Window(3, 4, 10, 11))
    assert alpha is None
    assert torch.equal(colours, picture.read(Window(3, 4, 10, 11)))


def test_hidden_colours_cannot_be_told():
    (black, alpha), (white, _) = (read_colours(pierced(hidden), WHOLE) for hidden in (0, 255))
    assert torch.equal(black, white)
    assert torch.equal(alpha, pierced(0).read_alpha())


def test_the_faintest_visible_colour_stays():
    assert torch.equal(read_colours(pierced(0), WHOLE)[0][..., :20], pierced(0).read()[..., :20])


def test_visible_colours_are_carried_over_the_edge_and_grey_lies_beyond():
    picture = pierced(0)
    colours = read_colours(picture, WHOLE)[0]
    around = picture.read()[..., 12 - SPREAD : 12 + SPREAD + 1, 20 - SPREAD : 20].mean(dim=(-2, -1))
    assert colours[..., 12, 20] == pytest.approx(around.numpy(), abs=1e-5)
    assert (colours[..., 20 + SPREAD :] == 0.5).all()


def test_a_window_is_cut_out_of_the_whole():
    picture = pierced(0)
    colours, alpha = read_colours(picture, WHOLE)
    for window in plan_windows(24, 50, 9):
        part, part_alpha = read_colours(picture, window)
        assert (part - colours[(..., *window.slices)]).abs().max() < 1e-6
        assert torch.equal(part_alpha, alpha[(..., *window.slices)])


def test_grey_stays_neutral_over_the_edge():
    levels = photo(24, 50, 2)
    levels[:, 20:, 1] = np.arange(30) % 2
    colours = read_colours(Picture.from_array(levels), WHOLE)[0]
    assert torch.equal(colours[:, 0], colours[:, 1])
    assert torch.equal(colours[:, 0], colours[:, 2])
