import pytest
import torch
from torch.nn import functional as F

from daguerre.images.pixels import luma
from daguerre.tasks.restoration.guard import Guard

SOUND = torch.zeros(1, 1, 96, 96)


def noise(deviation, seed=0, channels=1):
    random = torch.Generator().manual_seed(seed)
    return deviation * torch.randn(1, channels, 96, 96, generator=random).expand(1, 3, 96, 96)


def flat(level=0.5):
    return torch.full((1, 3, 96, 96), level)


def step():
    """Dark to the left, light to the right, softly."""
    return (0.3 + 0.4 * torch.sigmoid((torch.arange(96.0) - 48) / 3)).expand(1, 3, 96, 96)


def held(before, made, damage=SOUND, *, noise=0.0, blur=0.0):
    return Guard(noise, blur)(before, made, damage)


def test_what_was_not_changed_is_not_touched():
    image = (step() + noise(0.02)).clamp(0, 1)
    after = held(image, image)
    torch.testing.assert_close(after.image, image)
    assert not any(places.any() for places in after.places.values())


def test_a_coloured_fringe_on_grey_is_taken_back():
    made = step().clone()
    made[:, 0, :, 40:50] += 0.15
    after = held(step(), made)
    assert (after.image.amax(1) - after.image.amin(1)).max() < 0.03
    assert after.places["colours"].any()


def test_a_colour_that_is_nearby_may_come():
    before = step().clone()
    before[:, 0, :, 46:] += 0.15
    made = before.clone()
    made[:, 0, :, 44:] = before[:, 0, :, 44:].clamp(min=0.45)
    assert not held(before, made).places["colours"].any()


def test_rings_beside_an_edge_are_taken_back():
    made = step().clone()
    made[..., 20:30] += 0.2
    after = held(step(), made)
    assert (after.image - step()).abs().max() < 0.06
    assert after.places["rings"][..., 20:30].all()


def test_a_form_that_was_not_there_is_taken_back():
    before = (flat() + noise(0.1)).clamp(0, 1)
    made = flat()
    made[..., 30:60, 30:60] = 0.7
    after = held(before, made, noise=0.1)
    assert after.places["forms"].any()
    inside = luma(after.image)[..., 40:50, 40:50].mean()
    assert inside < 0.6


@pytest.mark.parametrize("thing", ["new colour", "new form"])
def test_where_it_is_damaged_anything_may_come(thing):
    made = flat()
    made[..., 30:60, 30:60] = torch.tensor([0.9, 0.2, 0.2] if thing == "new colour" else [0.9] * 3).view(3, 1, 1)
    damage = SOUND.clone()
    damage[..., 30:60, 30:60] = 1
    torch.testing.assert_close(held(flat(), made, damage).image, made)


def test_texture_comes_back_where_more_was_lost_than_noise():
    lawn = noise(0.06, seed=1)
    lawn[..., :48] = 0
    before = (flat() + lawn + noise(0.01)).clamp(0, 1)
    guard = Guard.of([(before, flat(), SOUND)], 0.0)
    after = guard(before, flat(), SOUND)
    left, right = (luma(after.image)[..., columns].std() for columns in (slice(0, 24), slice(72, 96)))
    assert left < 0.006, "grain alone is halved"
    assert right > 0.025
    assert after.places["texture"][..., 72:].all()


def test_even_grain_and_a_few_specks_stay_away():
    grain = (flat() + noise(0.05)).clamp(0, 1)
    guard = Guard.of([(grain, flat(), SOUND)], 0.0)
    assert luma(guard(grain, flat(), SOUND).image).std() < 0.01
    specks = flat()
    specks[..., 10::24, 10::24] = 1
    guard = Guard.of([(specks, flat(), SOUND)], 0.0)
    torch.testing.assert_close(guard(specks, flat(), SOUND).image, flat())


def test_the_screen_of_a_printed_picture_stays_away():
    before = flat().clone()
    before[..., 48:] += 0.3 * ((torch.arange(96)[:, None] + torch.arange(48)) % 4 < 2).float() - 0.15
    guard = Guard.of([(before, flat(), SOUND)], 0.0)
    assert (guard(before, flat(), SOUND).image - flat())[..., 60:].abs().max() < 0.03


def test_windows_are_held_back_as_the_whole():
    before = (step() + noise(0.05) * F.interpolate(torch.rand(1, 1, 3, 3), (96, 96))).clamp(0, 1)
    made = step()
    guard = Guard(0.01, blur=1.5)
    whole, halo = guard(before, made, SOUND).image, guard.halo
    part = guard(*(image[..., 40 - halo :, 40 - halo :] for image in (before, made, SOUND))).image
    torch.testing.assert_close(part[..., halo:, halo:], whole[..., 40:, 40:], rtol=0, atol=1e-5)


@pytest.mark.parametrize(("strength", "left"), [(0.01, 0.005), (0.03, 0.012), (0.08, 0.0)])
def test_grain_is_halved_as_far_as_it_is_seen_only_closely_and_what_is_stronger_goes(strength, left):
    before = (flat() + noise(strength)).clamp(0, 1)
    after = held(before, flat(), noise=1.0)
    kept = (luma(after.image) - luma(flat()))[..., 16:-16, 16:-16].std()
    assert kept == pytest.approx(left, abs=0.0015)
    assert not after.places["texture"].any(), "it was meant to stay"
