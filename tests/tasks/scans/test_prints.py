import math

import numpy as np
import pytest
import torch
from images.drawn import photo

from daguerre.images import Picture
from daguerre.tasks.scans.prints import Print, find_prints, straightened
from daguerre.tiling import Window


def scan(*prints, ground=250, size=(300, 400), seed=0):
    """Photographs on an even ground, each (row, column, height, width, angle)."""
    levels = np.full((*size, 3), ground, np.uint8)
    for one in prints:
        rows, columns = np.nonzero(Print(*one).inside(Window(0, 0, *size)).numpy()[0, 0])
        made = 40 + photo(*size, seed=seed)[rows, columns] // 2
        levels[rows, columns] = made
    return Picture.from_array(levels)


@pytest.mark.parametrize("ground", [250, 6])
@pytest.mark.parametrize("angle", [0.0, 4.0, -7.0])
def test_a_print_is_found_on_white_and_on_black(ground, angle):
    (found,) = find_prints(scan((140, 190, 160, 220, angle), ground=ground))
    assert (found.row, found.column) == pytest.approx((140, 190), abs=2)
    assert (found.height, found.width) == pytest.approx((157, 217), abs=3)
    assert found.angle == pytest.approx(angle, abs=0.6)


def test_prints_are_found_from_the_top_and_one_may_lie_in_the_corner():
    found = find_prints(scan((60, 90, 120, 180, 0), (210, 280, 120, 160, 3)))
    assert [round(one.angle) for one in found] == [0, 3]
    assert found[0].row < found[1].row


def person(levels):
    rows, columns = np.mgrid[0:300, 0:400]
    levels[(rows - 110) ** 2 + (columns - 200) ** 2 < 50**2] = 120
    levels[((rows - 300) / 140) ** 2 + ((columns - 200) / 110) ** 2 < 1] = 60
    return levels


def land(levels):
    columns = np.arange(400)
    for column, top in zip(columns, 150 + 25 * np.sin(columns / 30), strict=True):
        levels[int(top) :, column] = 90
    return levels


@pytest.mark.parametrize("draw", [person, land])
def test_what_stands_before_white_is_no_print(draw):
    assert find_prints(Picture.from_array(draw(np.full((300, 400, 3), 248, np.uint8)))) == []


@pytest.mark.parametrize("size", [(1, 1), (30, 200), (200, 300)])
def test_a_photograph_up_to_its_edges_or_nothing_at_all_has_no_prints(size):
    assert find_prints(Picture.from_array(photo(*size))) == []
    assert find_prints(Picture.from_array(np.full((*size, 3), 255, np.uint8))) == []


def test_what_is_cut_out_is_no_print():
    levels = scan((140, 190, 160, 220, 0)).array()
    alpha = np.where(levels[..., :1] == 250, 0, 255).astype(np.uint8)
    assert find_prints(Picture.from_array(np.concatenate([levels, alpha], 2))) == []


def test_a_print_lying_straight_is_cut_out_to_the_pixel():
    picture = scan((140, 190, 160, 220, 0))
    (found,) = find_prints(picture)
    made = straightened(picture, found).array()
    top, left = round(found.row - made.shape[0] / 2), round(found.column - made.shape[1] / 2)
    assert (made == picture.array()[top : top + made.shape[0], left : left + made.shape[1]]).all()


def test_a_turned_print_is_straightened():
    rows, columns = np.mgrid[0:300, 0:400] + 0.5
    angle = math.radians(6)
    down = (rows - 150) * math.cos(angle) - (columns - 200) * math.sin(angle)
    across = (columns - 200) * math.cos(angle) + (rows - 150) * math.sin(angle)
    levels = np.where((abs(down) < 70) & (abs(across) < 110), np.where(down < 0, 60, 160), 250).astype(np.uint8)
    picture = Picture.from_array(levels)
    (found,) = find_prints(picture)
    made = straightened(picture, found).array().astype(int)
    assert made.shape == pytest.approx((138, 218), abs=4)
    assert abs(made[:60].mean() - 60) < 2
    assert abs(made[-60:].mean() - 160) < 2


def test_the_box_holds_the_print_and_stays_in_the_picture():
    one = Print(50, 60, 80, 100, 30)
    box = one.box(100, 200)
    inside = one.inside(Window(0, 0, 100, 200))[0, 0]
    assert torch.equal(inside.any(1).nonzero().aminmax().min, torch.tensor(box.top))
    assert box.bottom <= 100
    assert inside[box.slices].sum() == inside.sum()
