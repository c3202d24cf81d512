import torch

from daguerre.degradation.aging.distractors import add_border, add_distractors


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(2)


def test_things_are_put_into_a_scene_and_the_rest_of_it_stays():
    plain = torch.full((1, 3, 96, 128), 0.4)
    made = add_distractors(plain, count=4, size=20, generator=seeded())
    assert made.min() >= 0
    assert made.max() <= 1
    changed = (made - plain).abs().amax(1) > 0.02
    assert 0.002 < changed.float().mean() < 0.7
    assert torch.equal(made, add_distractors(plain, count=4, size=20, generator=seeded()))


def test_a_larger_thing_covers_more():
    plain = torch.full((1, 3, 128, 128), 0.4)
    small, large = (
        (add_distractors(plain, count=6, size=size, generator=seeded()) - plain).abs().mean() for size in (4.0, 40.0)
    )
    assert large > 2 * small


def test_a_border_lies_along_the_sides_alone():
    plain = torch.full((1, 3, 96, 128), 0.4)
    made = add_border(plain, generator=seeded())
    changed = (made - plain).abs().amax(1)[0] > 0.1
    assert changed.any()
    assert not changed[20:-20, 20:-20].any()
    assert 0 <= made.min() < made.max() <= 1
