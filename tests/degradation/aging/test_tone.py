import pytest
import torch
from torch import Tensor

from daguerre.degradation.aging import tone


def colours(height: int = 31, width: int = 23) -> Tensor:
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0))


def grey(value: float) -> Tensor:
    return torch.full((1, 3, 24, 32), value)


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(1)


UNCHANGED = {
    "sepia": lambda x: tone.sepia(x, strength=0),
    "fade": lambda x: tone.fade(x),
    "yellow": lambda x: tone.yellow(x, strength=0),
    "cast": lambda x: tone.cast(x, gains=(1, 1, 1)),
    "fade_dyes": lambda x: tone.fade_dyes(x),
    "vignette": lambda x: tone.vignette(x, strength=0),
    "uneven_exposure": lambda x: tone.uneven_exposure(x, strength=0, generator=seeded()),
    "silver_mirroring": lambda x: tone.silver_mirroring(x, strength=0, generator=seeded()),
}
STRONG = {
    "sepia": lambda x: tone.sepia(x),
    "fade": lambda x: tone.fade(x, lift=0.3, dull=0.3, wash=1),
    "fade hard": lambda x: tone.fade(x, lift=-0.3, dull=-0.3, wash=-0.5),
    "yellow": lambda x: tone.yellow(x, strength=2),
    "cast": lambda x: tone.cast(x, gains=(1.3, 1, 0.7)),
    "fade_dyes": lambda x: tone.fade_dyes(x, cyan=1.2, magenta=0.5, yellow=0.2),
    "vignette": lambda x: tone.vignette(x, strength=2),
    "uneven_exposure": lambda x: tone.uneven_exposure(x, strength=2, generator=seeded()),
    "silver_mirroring": lambda x: tone.silver_mirroring(x, strength=2, generator=seeded()),
    "monochrome": lambda x: tone.monochrome(x),
}


@pytest.mark.parametrize("change", UNCHANGED.values(), ids=UNCHANGED)
def test_no_strength_is_no_change(change):
    assert torch.equal(change(colours()), colours())


@pytest.mark.parametrize("change", STRONG.values(), ids=STRONG)
def test_tones_stay_in_range_and_sizes_stay(change):
    made = change(colours())
    assert made.shape == colours().shape
    assert made.min() >= 0
    assert made.max() <= 1
    assert not torch.allclose(made, colours())


@pytest.mark.parametrize("emulsion", tone.EMULSIONS)
def test_every_emulsion_makes_grey_and_keeps_grey_to_the_last_bit(emulsion):
    made = tone.monochrome(colours(), emulsion=emulsion)
    assert torch.equal(made[:, :1].expand_as(made), made)
    assert torch.equal(tone.monochrome(made, emulsion=emulsion), made)
    assert sum(tone.EMULSIONS[emulsion]) == pytest.approx(1)


def test_early_emulsions_are_blind_to_red():
    red = torch.tensor([0.8, 0.1, 0.1])[None, :, None, None]
    values = [tone.monochrome(red, emulsion=e).mean().item() for e in ("blue", "orthochromatic", "panchromatic")]
    assert values == sorted(values)


def test_toning_gives_black_and_white_the_colours_asked_for():
    shadow, light = (0.2, 0.1, 0.0), (0.9, 0.8, 0.7)
    for value, wanted in ((0.0, shadow), (1.0, light)):
        assert tone.sepia(grey(value), shadow=shadow, light=light)[0, :, 0, 0].tolist() == pytest.approx(wanted)


def test_fading_lifts_black_and_dulls_white_by_the_numbers_given():
    assert tone.fade(grey(0.0), lift=0.2, dull=0.1).mean().item() == pytest.approx(0.2)
    assert tone.fade(grey(1.0), lift=0.2, dull=0.1).mean().item() == pytest.approx(0.9)
    assert tone.fade(grey(0.25), wash=1).mean().item() == pytest.approx(0.5)


def test_a_dye_that_is_gone_leaves_its_channel_white():
    made = tone.fade_dyes(grey(0.25), cyan=1, magenta=0.5)
    assert made[0, :, 0, 0].tolist() == pytest.approx([1, 0.5, 0.25])


def test_yellowing_leaves_black_and_takes_blue_most():
    assert tone.yellow(grey(0.0)).abs().max() == 0
    red, green, blue = tone.yellow(grey(1.0))[0, :, 0, 0].tolist()
    assert red > green > blue


def test_a_vignette_spares_the_middle_and_takes_from_the_corners_what_it_says():
    made = tone.vignette(torch.ones(1, 3, 101, 101), strength=0.5)
    assert made[0, 0, 50, 50] == 1
    assert made[0, 0, 0, 0].item() == pytest.approx(0.5, abs=0.01)
    assert tone.vignette(grey(0.0), strength=1, white=True)[0, 0, 0, 0].item() > 0.9


def test_silver_shows_blue_in_the_dark_near_the_border_only():
    made = tone.silver_mirroring(torch.zeros(1, 3, 90, 120), strength=0.8, reach=0.25, generator=seeded())
    assert made[..., 30:60, 30:90].abs().max() == 0
    assert made[:, 2].max() > made[:, 0].max() > 0.2
    assert torch.equal(tone.silver_mirroring(grey(1.0), strength=0.8, generator=seeded()), grey(1.0))
