import pytest
import torch
from degradation.aging.invariants import (
    check_any_size,
    check_more,
    check_opaque,
    check_repeats,
    check_soft,
    picture,
    seeded,
)

from daguerre.degradation.aging.surface_damage import dust, fibres, scratches, spots, writing

DARK = (0.05, 0.05, 0.05)
OPAQUE = {
    "scratches": lambda x, g: scratches(x, generator=g),
    "dark wide scratches": lambda x, g: scratches(x, ink=DARK, width=4, angle=90, broken=0, generator=g),
    "hairlines": lambda x, g: scratches(x, count=20, width=0.6, curve=2, broken=0.8, generator=g),
    "dust": lambda x, g: dust(x, generator=g),
    "fibres": lambda x, g: fibres(x, generator=g),
    "writing": lambda x, g: writing(x, generator=g),
}
EVERY = OPAQUE | {"spots": lambda x, g: spots(x, generator=g)}


@pytest.mark.parametrize("damage", OPAQUE.values(), ids=OPAQUE)
def test_opaque_damage_is_exactly_where_its_mask_is(damage):
    check_opaque(damage)


def test_the_mask_of_spots_is_where_they_are_visible():
    check_soft(EVERY["spots"])


@pytest.mark.parametrize("damage", EVERY.values(), ids=EVERY)
def test_damage_repeats_stays_in_range_differs_and_fits_any_size(damage):
    check_repeats(damage)
    check_any_size(damage)


def test_white_on_white_is_no_damage():
    white = torch.full((1, 3, 64, 64), 0.95)
    made, mask = scratches(white, ink=(0.95, 0.95, 0.95), generator=seeded())
    assert torch.equal(made, white)
    assert mask.sum() == 0


@pytest.mark.parametrize(
    ("damage", "less", "more"),
    [
        (scratches, {"count": 2}, {"count": 12}),
        (scratches, {"width": 1.5}, {"width": 5}),
        (scratches, {"length": 40}, {"length": 160}),
        (scratches, {"broken": 0.7}, {"broken": 0.1}),
        (dust, {"radius": 1}, {"radius": 3}),
        (fibres, {"length": 20}, {"length": 90}),
        (writing, {"letters": 3}, {"letters": 9}),
        (spots, {"opacity": 0.2}, {"opacity": 0.9}),
    ],
)
def test_a_larger_number_damages_more(damage, less, more):
    check_more(damage, less, more)


@pytest.mark.parametrize("damage", [scratches, fibres, dust, spots])
def test_none_asked_is_none_done(damage):
    made, mask = damage(picture(), count=0, generator=seeded())
    assert torch.equal(made, picture())
    assert mask.sum() == 0


def test_scratches_follow_the_angle_they_are_given():
    image = torch.full((1, 3, 160, 160), 0.5)
    for angle, axis in ((90, 0), (0, 1)):
        _, mask = scratches(image, count=1, angle=angle, curve=0, broken=0, generator=seeded(3))
        places = mask[0, 0].nonzero().float()
        assert places[:, axis].std() > 4 * places[:, 1 - axis].std()
