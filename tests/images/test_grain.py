import torch

from daguerre.images.grain import MOST_GRAIN, grain_share, kept_grain, size_around


def noise(deviation, seed=0):
    random = torch.Generator().manual_seed(seed)
    return deviation * torch.randn(1, 1, 96, 96, generator=random)


def test_the_size_of_noise_is_its_deviation_whatever_a_few_specks_say():
    specked = noise(0.02)
    specked[..., ::24, ::24] = 1
    torch.testing.assert_close(size_around(specked).mean(), torch.tensor(0.02), rtol=0.15, atol=0)


def test_half_of_slight_grain_stays_and_no_more_of_strong_grain_than_is_seen_closely():
    assert 0.4 < grain_share(noise(0.01)).mean() <= 0.5
    strong = noise(0.03)
    assert (grain_share(strong) * strong).std() < 1.1 * MOST_GRAIN
    assert grain_share(noise(0.1)).max() == 0


def test_most_of_slight_grain_that_was_smoothed_away_comes_back():
    grain = noise(0.01)
    after = torch.full_like(grain, 0.5)
    back = kept_grain(after + grain, after)
    assert 0.5 * grain.std() < back.std() < 0.75 * grain.std()
    assert (back - grain).std() < 0.5 * grain.std()


def test_of_strong_grain_only_what_is_seen_closely_comes_back():
    after = torch.full((1, 1, 96, 96), 0.5)
    assert kept_grain(after + noise(0.05), after).std() < 1.2 * MOST_GRAIN


def test_detail_that_was_added_stays():
    before = torch.full((1, 1, 96, 96), 0.5)
    assert kept_grain(before, before + noise(0.03)).abs().max() < 1e-4


def test_a_speck_that_was_taken_away_does_not_come_back():
    after = torch.full((1, 1, 96, 96), 0.5)
    before = after + noise(0.01)
    before[..., 48, 48] = 1
    assert kept_grain(before, after)[..., 48, 48] == 0
