import pytest
import torch
from degradation.aging.invariants import check_any_size, check_more, check_opaque, check_repeats, check_soft, seeded

from daguerre.degradation.aging.paper_damage import crease, hole, stain, tape, tide_line, torn_corner, torn_edge

OPAQUE = {
    "crease": lambda x, g: crease(x, shade=0, generator=g),
    "torn_edge": lambda x, g: torn_edge(x, generator=g),
    "torn_corner": lambda x, g: torn_corner(x, generator=g),
    "hole": lambda x, g: hole(x, generator=g),
}
SOFT = {
    "shaded crease": lambda x, g: crease(x, lost=0, shade=0.2, generator=g),
    "stain": lambda x, g: stain(x, radius=20, generator=g),
    "tide_line": lambda x, g: tide_line(x, generator=g),
    "tape": lambda x, g: tape(x, generator=g),
}
EVERY = OPAQUE | SOFT


@pytest.mark.parametrize("damage", OPAQUE.values(), ids=OPAQUE)
def test_opaque_damage_is_exactly_where_its_mask_is(damage):
    check_opaque(damage)


@pytest.mark.parametrize("damage", SOFT.values(), ids=SOFT)
def test_the_mask_of_soft_damage_is_where_it_is_visible(damage):
    check_soft(damage)


@pytest.mark.parametrize("damage", EVERY.values(), ids=EVERY)
def test_damage_repeats_stays_in_range_differs_and_fits_any_size(damage):
    check_repeats(damage)
    check_any_size(damage)


def test_paper_that_is_gone_is_damage_though_it_looks_like_the_picture():
    white = torch.full((1, 3, 64, 64), 0.95)
    _, mask = torn_corner(white, paper=(0.95, 0.95, 0.95), backing=(0.95, 0.95, 0.95), generator=seeded())
    assert mask.mean() > 0.05


@pytest.mark.parametrize(
    ("damage", "less", "more"),
    [
        (crease, {"lost": 0.1, "shade": 0}, {"lost": 0.9, "shade": 0}),
        (torn_edge, {"depth": 3}, {"depth": 12}),
        (torn_corner, {"size": 20}, {"size": 50}),
        (hole, {"radius": 5}, {"radius": 15}),
        (stain, {"radius": 15}, {"radius": 40}),
        (tide_line, {"opacity": 0.2}, {"opacity": 0.9}),
        (tape, {"width": 10}, {"width": 30}),
    ],
)
def test_a_larger_number_damages_more(damage, less, more):
    check_more(damage, less, more)
