import json

import pytest
import torch
from torch import Tensor

from daguerre.degradation.aging import DAMAGES, KINDS, age, tone


def picture(height: int = 48, width: int = 40) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))


def is_grey(image: Tensor) -> bool:
    return bool((image == image[:, :1]).all())


@pytest.mark.parametrize("kind", ["any", *KINDS])
def test_the_same_seed_gives_the_same_bytes_and_another_does_not(kind):
    first, again, other = (age(picture(), seed=seed, kind=kind) for seed in (4, 4, 5))
    for name in ("image", "mask", "clean", "toned", "kinds"):
        assert torch.equal(getattr(first, name), getattr(again, name))
    assert first.record == again.record
    assert not torch.equal(first.image, other.image)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_everything_aged_is_in_range_and_of_the_pictures_size(kind, seed):
    aged = age(picture(), seed=seed, kind=kind, strength=1.5)
    for image in (aged.image, aged.clean, aged.toned):
        assert image.shape == picture().shape
        assert image.min() >= 0
        assert image.max() <= 1
    assert aged.mask.shape == aged.kinds.shape == (1, 1, 48, 40)
    assert torch.equal(aged.mask, (aged.kinds > 0).float())
    assert aged.kinds.max() <= len(DAMAGES)
    assert json.loads(json.dumps(aged.record)) == aged.record


@pytest.mark.parametrize("kind", KINDS)
def test_without_strength_the_photograph_is_as_it_was_when_new(kind):
    aged = age(picture(), seed=1, kind=kind, strength=0)
    assert torch.allclose(aged.image, aged.clean, atol=1e-6)
    assert torch.allclose(aged.toned, aged.clean, atol=1e-6)
    assert aged.mask.sum() == 0


def test_damage_alone_leaves_what_is_outside_its_mask_untouched_but_for_soft_damage():
    for seed in range(8):
        aged = age(picture(64, 64), seed=seed, kind="damaged")
        assert torch.equal(aged.clean, picture(64, 64))
        soft = {"spots", "stain", "tide_line", "tape", "crease"} & {step["step"] for step in aged.record["steps"]}
        outside = (aged.image - aged.clean).abs() * (1 - aged.mask)
        assert outside.max() <= (0.04 * len(soft) * 2 if soft else 0)


def test_a_grey_photograph_that_is_damaged_stays_grey():
    grey = tone.monochrome(picture())
    for seed in range(6):
        aged = age(grey, seed=seed, kind="damaged")
        assert is_grey(aged.image)
        assert torch.equal(aged.clean, grey)


def test_colour_that_is_gone_is_not_asked_for_and_colour_that_is_left_is():
    assert torch.equal(age(picture(), seed=2, kind="colour-print").clean, picture())
    for seed in range(6):
        aged = age(picture(), seed=seed, kind="newspaper")
        assert is_grey(aged.clean)
        tones = age(picture(), seed=seed, kind="studio").clean  # one curve from black to white: toned, not coloured
        values = tones[0].flatten(1).T
        _, strengths, _ = torch.linalg.svd(values - values.mean(0))
        assert is_grey(tones) or strengths[0] > 2 * strengths[1]


def test_more_strength_is_further_from_clean():
    def error(strength: float) -> float:
        pairs = [age(picture(), seed=seed, kind="ruin", strength=strength) for seed in range(6)]
        return sum((p.image - p.clean).square().mean().item() for p in pairs)

    assert error(0.3) < error(1) < error(2)


@pytest.mark.parametrize(
    ("image", "how", "said"),
    [
        (torch.zeros(2, 3, 32, 32), {}, r"one picture .* not \(2, 3, 32, 32\)"),
        (torch.zeros(1, 3, 32, 8), {}, "at least 16 x 16"),
        (torch.zeros(1, 3, 32, 32), {"kind": "daguerreotype"}, "no kind 'daguerreotype' .* studio"),
        (torch.zeros(1, 3, 32, 32), {"strength": -1}, "strength is -1"),
    ],
)
def test_what_cannot_be_aged_is_refused_with_the_reason(image, how, said):
    with pytest.raises(ValueError, match=said):
        age(image, seed=0, **how)


@pytest.mark.parametrize("kind", KINDS)
def test_without_damage_only_tones_and_texture_change(kind):
    hurt, spared = (age(picture(), seed=6, kind=kind, strength=1.5, damage=damage) for damage in (True, False))
    assert hurt.mask.sum() > 0
    assert spared.mask.sum() == 0
    assert (spared.image != spared.clean).any() == (kind != "damaged")


def test_a_portrait_that_was_printed_to_end_in_white_is_nothing_to_undo():
    ending = [age(torch.zeros(1, 3, 64, 64), seed=seed, kind="studio", damage=False) for seed in range(12)]
    printed = [one for one in ending if any(step.get("white") for step in one.record["steps"])]
    assert 0 < len(printed) < 12
    assert all(one.clean[..., 0, 0].mean() > 0.6 > 0.3 > one.clean[..., 32, 32].mean() for one in printed)
