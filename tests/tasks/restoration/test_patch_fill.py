import torch

from daguerre.tasks.restoration.patch_fill import fill_with_patches, large_holes


def mask(height, width, *boxes):
    made = torch.zeros(1, 1, height, width)
    for top, left, bottom, right in boxes:
        made[..., top:bottom, left:right] = 1
    return made


def test_what_is_narrow_is_no_large_hole():
    assert not large_holes(mask(100, 120, (10, 5, 14, 115), (40, 40, 55, 55))).any()


def test_a_hole_is_large_with_its_narrow_ends_but_not_with_a_scratch_far_away():
    damage = mask(100, 120, (30, 30, 60, 60), (44, 60, 46, 66), (90, 5, 92, 115))
    assert (large_holes(damage) == mask(100, 120, (30, 30, 60, 60), (44, 60, 46, 66))).all()


def test_a_corner_that_is_torn_off_is_as_large_as_a_hole_twice_its_size():
    corner = mask(100, 120, (0, 0, 12, 12))
    assert (large_holes(corner) == corner).all()


def test_only_the_hole_is_changed_and_only_known_places_are_copied():
    generator = torch.Generator().manual_seed(0)
    image, hole, lost = torch.rand(1, 3, 70, 90, generator=generator), mask(70, 90, (20, 30, 45, 60)), mask(70, 90)
    lost[..., 55:, :] = 1
    image[..., 55:, :], image[..., 20:45, 30:60] = 7.0, -7.0
    made = fill_with_patches(image, hole, lost)
    assert (made.image[..., hole[0, 0] == 0] == image[..., hole[0, 0] == 0]).all()
    inside = made.image[..., 20:45, 30:60]
    assert inside.min() >= 0
    assert inside.max() <= 1
    y, x = (hole[0, 0] > 0).nonzero().T
    down, across = made.moves[:, y, x]
    assert (hole + lost)[0, 0, y + down, x + across].sum() == 0


def test_the_same_hole_is_filled_in_the_same_way():
    image, hole = torch.rand(1, 3, 60, 60), mask(60, 60, (20, 20, 44, 44))
    first, second = (fill_with_patches(image, hole, torch.zeros_like(hole)) for _ in range(2))
    assert (first.image == second.image).all()


def test_where_nothing_is_known_nothing_is_made():
    image, hole = torch.rand(1, 3, 40, 40), torch.ones(1, 1, 40, 40)
    made = fill_with_patches(image, hole, torch.zeros_like(hole))
    assert (made.image == image).all()
    assert not made.moves.any()
