import torch
from images.drawn import photo

from daguerre.images import Picture
from daguerre.images.pixels import luma
from daguerre.tasks.restoration.tint import Tint, UsualTint, colourfulness, has_colour

BROWN = torch.tensor([1.0, 0.85, 0.6]).view(1, 3, 1, 1)


def lights(height, width):
    return Picture.from_array(photo(height, width, channels=1)).read()


def test_a_large_stain_is_no_colour_but_a_lawn_is():
    def tinted(*tint):
        made = lights(80, 96)
        made[..., :30] *= torch.tensor(tint).view(3, 1, 1)
        return made

    assert not has_colour(tinted(1.0, 1.0, 1.0))
    assert not has_colour(tinted(1.0, 0.7, 0.4))
    assert has_colour(tinted(0.4, 1.0, 0.4))
    assert has_colour(torch.rand(1, 3, 80, 96, generator=torch.Generator().manual_seed(1)))


def test_only_a_print_in_one_tint_has_a_tint():
    assert Tint.of(lights(80, 96) * BROWN) is not None
    assert Tint.of(lights(80, 96)) is None
    assert Tint.of(torch.rand(1, 3, 80, 96, generator=torch.Generator().manual_seed(1))) is None


def test_sepia_never_turns_blue_or_green_and_keeps_the_lightness_that_it_gets():
    sepia = lights(80, 96) * BROWN
    turned = (sepia * torch.tensor([0.7, 0.9, 1.3]).view(1, 3, 1, 1)).clamp(0, 1)
    kept = Tint.of(sepia).kept(sepia, turned)
    assert (turned[:, 2] > turned[:, 0]).any()
    assert (kept[:, 0] >= kept[:, 1] - 1e-5).all()
    assert (kept[:, 1] >= kept[:, 2] - 1e-5).all()
    assert torch.allclose(luma(kept), luma(turned), atol=1e-5)


def test_sepia_may_become_paler_or_deeper_as_it_is_asked_to():
    sepia = lights(80, 96) * BROWN * 0.9
    tint = Tint.of(sepia)
    for amount in (0.5, 1.2):
        wanted = luma(sepia) + amount * (sepia - luma(sepia))
        assert torch.allclose(tint.kept(sepia, wanted), wanted, atol=1e-3)


def test_what_does_not_change_stays_whatever_its_tint():
    sepia = lights(80, 96) * BROWN
    sepia[..., :9, :9] = torch.tensor([0.2, 0.3, 0.8]).view(1, 3, 1, 1)
    assert torch.allclose(Tint.of(sepia).kept(sepia, sepia), sepia, atol=1e-6)


def on(ground, photograph):
    """A photograph on an even ground four times as large."""
    height, width = photograph.shape[2:]
    whole = torch.full((1, 3, 2 * height, 2 * width), ground)
    whole[..., 10 : 10 + height, 20 : 20 + width] = photograph
    return whole


def test_a_white_bed_a_black_frame_or_the_night_hides_no_colour_and_gives_none():
    warm = lights(60, 80) * torch.tensor([1.0, 0.6, 0.3]).view(1, 3, 1, 1)
    warm[..., 40:] = lights(60, 80)[..., 40:] * torch.tensor([0.8, 0.7, 0.6]).view(1, 3, 1, 1)
    warm[:, :, :20] = lights(60, 80)[:, :, :20]
    for ground in (0.98, 0.02):
        assert has_colour(on(ground, warm))
        assert not has_colour(on(ground, lights(60, 80)))


def test_what_is_transparent_is_no_part_of_a_print():
    logo, alpha = torch.full((1, 3, 80, 100), 0.5), torch.zeros(1, 1, 80, 100)
    logo[..., 20:60, 20:80] = torch.tensor([0.8, 0.4, 0.1]).view(3, 1, 1)
    logo[..., 30:50, 30:60] = torch.tensor([0.3, 0.2, 0.6]).view(3, 1, 1)
    alpha[..., 20:60, 20:80] = 1
    assert has_colour(logo, alpha)


def test_a_print_in_one_tint_is_hardly_colourful_and_a_new_photograph_is():
    sepia, many = lights(80, 96) * BROWN, Picture.from_array(photo(80, 96)).read()
    assert colourfulness(lights(80, 96)) < 1e-6
    assert colourfulness(BROWN.expand(1, 3, 80, 96)) < 1e-6
    assert colourfulness(sepia) < 0.5 * colourfulness(many)


def test_colour_that_cannot_be_seen_does_not_count():
    half = lights(80, 96)
    half[..., 48:] = torch.rand(1, 3, 80, 48, generator=torch.Generator().manual_seed(1))
    seen = torch.ones(1, 1, 80, 96)
    seen[..., 48:] = 0
    assert colourfulness(half) > 0.1
    assert colourfulness(half, seen) < 1e-6
    assert colourfulness(half, 0 * seen) == 0


def test_what_is_filled_gets_the_tint_of_its_surroundings_and_keeps_its_lightness():
    sepia = lights(80, 96) * BROWN
    sepia[..., 60:] *= torch.tensor([1.0, 0.9, 0.7]).view(1, 3, 1, 1)  # a stain
    filled = torch.zeros(1, 1, 80, 96)
    filled[..., 10:14, :] = 1
    grey = torch.where(filled > 0, luma(sepia).expand(-1, 3, -1, -1), sepia)
    made = UsualTint.of(grey, 1 - filled).given_to(grey, filled)
    assert torch.equal(made[..., 14:, :], grey[..., 14:, :])
    assert torch.allclose(luma(made), luma(grey), atol=1e-5)
    apart = (made - sepia)[..., 10:14, :].abs()
    assert apart[..., :50].max() < 0.02
    assert apart[..., 70:].max() < 0.03
    assert (grey - sepia)[..., 10:14, :].abs().max() > 0.1


def test_windows_do_not_matter_for_the_tint_of_what_is_filled():
    sepia = lights(80, 120) * BROWN * (1 + 0.02 * torch.rand(1, 3, 80, 120, generator=torch.Generator().manual_seed(1)))
    filled = (torch.rand(1, 1, 80, 120, generator=torch.Generator().manual_seed(2)) < 0.1).float()
    tint = UsualTint.of(sepia, 1 - filled)
    whole = tint.given_to(sepia, filled)[..., 50:70]
    rest = slice(50 - tint.halo, 70 + tint.halo)
    part = tint.given_to(sepia[..., rest], filled[..., rest])[..., tint.halo : -tint.halo]
    torch.testing.assert_close(part, whole, atol=1e-6, rtol=0)


def test_a_photograph_in_colour_has_no_usual_tint():
    colours = torch.rand(1, 3, 80, 96, generator=torch.Generator().manual_seed(1))
    assert UsualTint.of(colours, torch.ones(1, 1, 80, 96)) is None
