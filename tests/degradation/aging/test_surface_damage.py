import pytest
import torch
from torch import Tensor

from daguerre.degradation.aging import paper_damage as paper
from daguerre.degradation.aging import surface_damage as marks
from daguerre.degradation.aging.strokes import cover


def picture(height: int = 70, width: int = 90) -> Tensor:
    """Two middling pictures, so that light and dark damage both show."""
    return 0.4 + 0.2 * torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0))


def seeded(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


DARK = (0.05, 0.05, 0.05)
OPAQUE = {
    "scratches": lambda x, g: marks.scratches(x, generator=g),
    "dark wide scratches": lambda x, g: marks.scratches(x, ink=DARK, width=4, angle=90, broken=0, generator=g),
    "hairlines": lambda x, g: marks.scratches(x, count=20, width=0.6, curve=2, broken=0.8, generator=g),
    "dust": lambda x, g: marks.dust(x, generator=g),
    "fibres": lambda x, g: marks.fibres(x, generator=g),
    "writing": lambda x, g: marks.writing(x, generator=g),
    "crease": lambda x, g: paper.crease(x, shade=0, generator=g),
    "torn_edge": lambda x, g: paper.torn_edge(x, generator=g),
    "torn_corner": lambda x, g: paper.torn_corner(x, generator=g),
    "hole": lambda x, g: paper.hole(x, generator=g),
}
SOFT = {
    "spots": lambda x, g: marks.spots(x, generator=g),
    "shaded crease": lambda x, g: paper.crease(x, lost=0, shade=0.2, generator=g),
    "stain": lambda x, g: paper.stain(x, radius=20, generator=g),
    "tide_line": lambda x, g: paper.tide_line(x, generator=g),
    "tape": lambda x, g: paper.tape(x, generator=g),
}
EVERY = OPAQUE | SOFT


@pytest.mark.parametrize("damage", OPAQUE.values(), ids=OPAQUE)
def test_opaque_damage_is_exactly_where_its_mask_is(damage):
    made, mask = damage(picture(), seeded())
    changed = (made != picture()).any(1, keepdim=True)
    assert torch.equal(changed, mask.bool())
    assert 0 < mask.mean() < 0.7


@pytest.mark.parametrize("damage", SOFT.values(), ids=SOFT)
def test_the_mask_of_soft_damage_is_where_it_is_seen(damage):
    made, mask = damage(picture(), seeded())
    assert torch.equal((made - picture()).abs().amax(1, keepdim=True) >= marks.VISIBLE, mask.bool())
    assert 0 < mask.mean() < 0.7


@pytest.mark.parametrize("damage", EVERY.values(), ids=EVERY)
def test_damage_repeats_stays_in_range_and_differs_from_picture_to_picture(damage):
    image = picture()[:1].expand(2, -1, -1, -1)
    made, mask = damage(image, seeded())
    again, same = damage(image, seeded())
    assert torch.equal(made, again)
    assert torch.equal(mask, same)
    assert mask.shape == (2, 1, 70, 90)
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    assert made.min() >= 0
    assert made.max() <= 1
    assert not torch.equal(mask[0], mask[1])


@pytest.mark.parametrize("damage", EVERY.values(), ids=EVERY)
@pytest.mark.parametrize("size", [(16, 16), (17, 200)])
def test_damage_fits_pictures_of_any_size(damage, size):
    made, mask = damage(picture(*size), seeded())
    assert made.shape[-2:] == mask.shape[-2:] == size


def test_white_on_white_is_no_damage_but_paper_that_is_gone_is():
    white = torch.full((1, 3, 64, 64), 0.95)
    made, mask = marks.scratches(white, ink=(0.95, 0.95, 0.95), generator=seeded())
    assert torch.equal(made, white)
    assert mask.sum() == 0
    _, mask = paper.torn_corner(white, paper=(0.95, 0.95, 0.95), backing=(0.95, 0.95, 0.95), generator=seeded())
    assert mask.mean() > 0.05


@pytest.mark.parametrize(
    ("damage", "less", "more"),
    [
        (marks.scratches, {"count": 2}, {"count": 12}),
        (marks.scratches, {"width": 1.5}, {"width": 5}),
        (marks.scratches, {"length": 40}, {"length": 160}),
        (marks.scratches, {"broken": 0.7}, {"broken": 0.1}),
        (marks.dust, {"radius": 1}, {"radius": 3}),
        (marks.fibres, {"length": 20}, {"length": 90}),
        (marks.writing, {"letters": 3}, {"letters": 9}),
        (marks.spots, {"opacity": 0.2}, {"opacity": 0.9}),
        (paper.crease, {"lost": 0.1, "shade": 0}, {"lost": 0.9, "shade": 0}),
        (paper.torn_edge, {"depth": 3}, {"depth": 12}),
        (paper.torn_corner, {"size": 20}, {"size": 50}),
        (paper.hole, {"radius": 5}, {"radius": 15}),
        (paper.stain, {"radius": 15}, {"radius": 40}),
        (paper.tide_line, {"opacity": 0.2}, {"opacity": 0.9}),
        (paper.tape, {"width": 10}, {"width": 30}),
    ],
)
def test_a_larger_number_damages_more(damage, less, more):
    image = torch.full((4, 3, 128, 128), 0.5)
    few, many = (damage(image, generator=seeded(), **how)[1].mean() for how in (less, more))
    assert few < many


@pytest.mark.parametrize("damage", [marks.scratches, marks.fibres, marks.dust, marks.spots])
def test_none_asked_is_none_done(damage):
    made, mask = damage(picture(), count=0, generator=seeded())
    assert torch.equal(made, picture())
    assert mask.sum() == 0


def test_scratches_follow_the_angle_they_are_given():
    image = torch.full((1, 3, 160, 160), 0.5)
    for angle, axis in ((90, 0), (0, 1)):
        _, mask = marks.scratches(image, count=1, angle=angle, curve=0, broken=0, generator=seeded(3))
        places = mask[0, 0].nonzero().float()
        assert places[:, axis].std() > 4 * places[:, 1 - axis].std()


def test_a_dab_covers_the_area_of_its_disc_and_strays_nowhere():
    like = torch.zeros(2, 3, 20, 30)
    points = torch.tensor([[[[10.0, 12.5]]], [[[-30.0, 5.0]]]])
    made = cover(like, points, torch.full((2, 1, 1), 4.0), torch.ones(2, 1, 1))
    assert made[0].sum().item() == pytest.approx(torch.pi * 16, rel=0.03)
    assert made[0, 0, 10, 12] == 1
    assert made[1].sum() == 0
