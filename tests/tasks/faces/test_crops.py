import cmath
import math
import pickle

import numpy as np
import pytest
import torch
from images.drawn import photo
from torch.nn import functional as F

from daguerre.images import Picture
from daguerre.tasks.faces.crops import Frame, Sight, changed, common, cut, turned
from daguerre.tasks.faces.detection import Face
from daguerre.tiling import Window

SQUARE = Window(10, 20, 40, 40)


def frame(detail, inside=SQUARE):
    return Frame(inside.top, inside.left, inside.height, inside, detail)


def test_a_part_of_a_picture_has_its_pixels_and_its_depth():
    picture = Picture.from_array(photo(bits=16))
    part = cut(picture, Window(3, 4, 10, 20))
    assert part.bits == 16
    assert np.array_equal(part.array(), picture.array()[3:13, 4:24])


def test_what_two_windows_share():
    assert common(Window(0, 5, 10, 10), Window(4, 0, 20, 8)) == Window(4, 5, 6, 3)


def test_frames_touch_where_they_share_a_pixel():
    touching = frame(torch.zeros(1, 3, 4, 4)).touches
    assert touching(Window(0, 0, 11, 21))
    assert not touching(Window(0, 0, 10, 100))
    assert not touching(Window(0, 60, 100, 5))


def test_the_weight_is_full_in_the_middle_falls_smoothly_and_is_none_in_the_corners():
    weight = frame(torch.zeros(1, 3, 4, 4)).weight(SQUARE)[0, 0]
    assert weight[20, 20] == 1
    assert weight[0, 0] == 0
    # It falls from 0.78 of the way to the border on; the middle of this pixel lies half a row and 17.5 columns away.
    left = (1 - math.hypot(0.5, 17.5) / 20) / 0.22
    assert weight[20, 37].item() == pytest.approx(left**2 * (3 - 2 * left), rel=1e-4)


def test_a_constant_change_is_one_at_every_size_and_in_every_window():
    detail = torch.tensor([0.1, -0.2, 0.3]).view(1, 3, 1, 1)
    for window in (SQUARE, Window(12, 33, 7, 5)):
        made = frame(detail.expand(1, 3, 16, 16)).change(window)
        torch.testing.assert_close(made, detail.expand(1, 3, window.height, window.width))


def test_a_window_of_a_change_is_that_part_of_the_whole():
    one = frame(torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)))
    window = Window(22, 31, 9, 13)
    torch.testing.assert_close(one.change(window), one.change(SQUARE)[(..., *window.within(SQUARE).slices)])


def test_how_much_a_face_changes_is_counted_where_it_counts():
    assert changed(frame(torch.full((1, 3, 40, 40), -0.25))) == pytest.approx(0.25)
    corners = torch.zeros(1, 3, 40, 40)
    corners[..., :3, :3] = corners[..., -3:, -3:] = 1
    assert changed(frame(corners)) == 0


def test_a_network_sees_the_square_at_its_size_and_the_border_goes_on_beyond_the_picture():
    picture = Picture.from_array(photo(60, 60))
    sight = Sight.of(picture, Face(left=-10, top=20, side=40), (0, 0, 1), 20)
    assert sight.inside == Window(20, 0, 40, 30)
    assert (sight.rows, sight.columns) == (slice(0, 20), slice(5, 20))
    assert sight.image.shape == (1, 3, 20, 20)
    assert torch.equal(sight.image[..., :5], sight.image[..., 5:6].expand(-1, -1, -1, 5))


def inclined(side=160, turn=30.0):
    """A picture with smooth blobs, and the same turned clockwise about its middle."""
    grey = F.interpolate(torch.rand(1, 3, 9, 9, generator=torch.Generator().manual_seed(0)), side, mode="bicubic")
    upright = grey.clamp(0, 1)
    return upright, turned(upright, -turn, side, padding="border").clamp(0, 1)


def test_an_inclined_face_is_seen_upright_and_what_is_added_is_laid_back():
    upright, turned_over = inclined()
    straight = Sight.of(Picture.from_tensor(upright), Face(50, 40, 60), (0, 0, 1), 32)
    middle = cmath.rect(1, math.radians(30)) * complex(80 - 80, 70 - 80) + complex(80, 80)
    face = Face(round(middle.real - 30), round(middle.imag - 30), 60, turn=30.0)
    seen = Sight.of(Picture.from_tensor(turned_over), face, (0, 0, 1), 32)
    assert seen.inside.height > straight.inside.height
    assert seen.upright().shape == straight.upright().shape == (1, 3, 32, 32)
    assert (seen.upright() - straight.upright()).abs().mean() < 0.02
    assert (seen.upright() - seen.image[..., 6:38, 6:38]).abs().mean() > 0.05
    detail = straight.upright() - 0.5
    back = seen.laid_back(detail)
    assert back.shape[2:] == (seen.rows.stop - seen.rows.start, seen.columns.stop - seen.columns.start)
    again = turned(back, 30.0, 32, padding="zeros")[..., 8:24, 8:24]
    assert (again - detail[..., 8:24, 8:24]).abs().mean() < 0.03


def test_a_face_hardly_inclined_is_left_as_it_is():
    upright, _ = inclined()
    picture = Picture.from_tensor(upright)
    leaning, straight = (Sight.of(picture, Face(50, 40, 60, turn=turn), (0, 0, 1), 32) for turn in (12.0, 0.0))
    assert torch.equal(leaning.upright(), straight.image)
    assert torch.equal(leaning.laid_back(straight.image), straight.image)


def test_a_part_of_a_picture_travels_with_its_pixels(tmp_path):
    path = Picture.from_array(photo()).save(tmp_path / "a.png")
    part = cut(Picture.open(path), Window(3, 4, 10, 20))
    assert np.array_equal(pickle.loads(pickle.dumps(part)).array(), photo()[3:13, 4:24])
