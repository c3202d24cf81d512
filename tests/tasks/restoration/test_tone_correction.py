import pytest
import torch
from models import model_of

from daguerre.images import Picture
from daguerre.images import resize as resized
from daguerre.images.pixels import luma
from daguerre.networks.tone_curves import ToneCurves
from daguerre.tasks.restoration.tone_correction import ToneCorrection, has_plainly_changed, relit, tints_grey_rim
from daguerre.tiling import Window, plan_windows


@pytest.fixture(scope="module")
def network():
    """One that changes a lot, each part of the picture otherwise."""
    torch.manual_seed(0)
    made = ToneCurves(side=32, features=4, cells=4, segments=8, bins=8)
    for head in (made.whole, made.parts):
        torch.nn.init.normal_(head.weight, std=2)
    return made.eval()


def drawn(height, width):
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))


def sepia(height, width):
    """One tint, in every lightness."""
    light = drawn(height, width)[:, :1]
    return light * torch.tensor([1.0, 0.85, 0.6]).view(1, 3, 1, 1)


def corrected(picture, network, **how):
    correction = ToneCorrection.estimate(picture, model_of(network), **how)
    return correction(Window(0, 0, picture.height, picture.width), picture.read())


@pytest.mark.parametrize("keep_colour", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (1, 50), (57, 91), (200, 33)])
def test_windows_are_corrected_as_the_whole_to_the_last_bit_at_any_size(size, keep_colour, network):
    picture = Picture.from_tensor(drawn(*size), bits=16)
    correction = ToneCorrection.estimate(picture, model_of(network), keep_colour=keep_colour)
    whole = correction(Window(0, 0, *size), picture.read())
    assert (whole.shape, whole.min() >= 0, whole.max() <= 1) == ((1, 3, *size), True, True)
    for window in plan_windows(*size, 23):
        rows, columns = window.slices
        assert torch.equal(correction(window, picture.read(window)), whole[..., rows, columns])


def test_the_estimate_does_not_depend_on_how_the_picture_is_read(network, monkeypatch):
    picture = Picture.from_tensor(drawn(90, 61))
    whole = ToneCorrection.estimate(picture, model_of(network))
    monkeypatch.setattr(resized, "STRIP", 61 * 7)
    by_strips = ToneCorrection.estimate(picture, model_of(network))
    torch.testing.assert_close(by_strips.curves, whole.curves, rtol=0, atol=1e-5)
    assert whole.change == pytest.approx(by_strips.change, abs=1e-5)
    assert whole.change > 0.05


@pytest.mark.parametrize("keep_colour", [False, True])
def test_a_grey_picture_stays_neutral_to_rounding(keep_colour, network):
    made = corrected(Picture.from_tensor(drawn(40, 50)[:, :1].expand(-1, 3, -1, -1)), network, keep_colour=keep_colour)
    assert (made - made[:, :1]).abs().max() < 1e-6


def test_a_kept_colour_is_the_same_tint_in_another_lightness(network):
    picture = Picture.from_tensor(sepia(40, 50), bits=16)
    before, after = picture.read(), corrected(picture, network, keep_colour=True)
    assert (luma(after) - luma(before)).abs().mean() > 0.02
    fits = (luma(after) / 0.855 < 0.99).expand(-1, 3, -1, -1)  # 0.855 is the lightness of the tint at its brightest
    tint = luma(after) / 0.855 * torch.tensor([1.0, 0.85, 0.6]).view(1, 3, 1, 1)
    assert fits.float().mean() > 0.5
    torch.testing.assert_close(after[fits], tint[fits], rtol=0, atol=0.02)


def test_a_print_in_one_tint_gets_no_other(network):
    made = corrected(Picture.from_tensor(sepia(40, 50)), network)
    assert (made[:, 0] >= made[:, 2] - 1 / 255).all()
    assert (made - sepia(40, 50)).abs().mean() > 0.01


def test_relit_pixels_have_the_lightness_wanted_and_keep_their_hue():
    """By hand: (0.2, 0.1, 0.1) has lightness 0.1299; at twice that it is (0.4, 0.2, 0.2)."""
    image = torch.tensor([0.2, 0.1, 0.1]).view(1, 3, 1, 1)
    twice = relit(image, luma(image), 2 * luma(image))
    torch.testing.assert_close(twice.flatten(), torch.tensor([0.4, 0.2, 0.2]))
    light = torch.full((1, 1, 1, 1), 0.95)  # twice as red would leave [0, 1]: paler, as light, as red in hue
    pale = relit(image, luma(image), light)
    torch.testing.assert_close(luma(pale), light)
    assert pale[0, 0] == 1
    assert pale[0, 1] == pale[0, 2]
    black = torch.zeros(1, 3, 1, 1)
    assert torch.equal(relit(black, luma(black), torch.full((1, 1, 1, 1), 0.3)), torch.full((1, 3, 1, 1), 0.3))


def scene(height=64, width=64):
    """In colour, with black and white all over."""
    random = torch.Generator().manual_seed(2)
    light, tints = torch.rand(1, 1, 16, 16, generator=random), torch.rand(1, 3, 16, 16, generator=random)
    return torch.nn.functional.interpolate((0.7 * light + 0.5 * tints - 0.1).clamp(0, 1), (height, width))


def laid_under(image, black, white):
    low, high = (torch.tensor(tone).view(1, 3, 1, 1) for tone in (black, white))
    return low + (high - low) * image


def test_a_tinted_black_and_a_tinted_white_all_over_are_a_cast_and_nothing_else_is():
    yellow, pale = (0.25, 0.18, 0.06), (0.3, 0.3, 0.3)
    assert has_plainly_changed(laid_under(scene(), yellow, (0.85, 0.8, 0.5)), 0.0)
    assert not has_plainly_changed(scene(), 0.0)
    assert not has_plainly_changed(laid_under(scene(), pale, (0.7, 0.7, 0.7)), 0.0)  # may be pale by nature
    assert not has_plainly_changed(laid_under(scene(), yellow, (0.85, 0.8, 0.5)), 0.2)  # the network knows better
    sepia = scene().mean(1, keepdim=True) * torch.tensor([1.0, 0.9, 0.7]).view(1, 3, 1, 1)
    assert not has_plainly_changed(laid_under(sepia, yellow, (0.85, 0.8, 0.5)), 0.0)


def test_one_lamp_and_one_dark_corner_are_no_evidence():
    image = laid_under(0.3 + 0.3 * scene(), (0.25, 0.18, 0.06), (0.85, 0.8, 0.5))
    image[..., :8, :8] = torch.tensor([0.25, 0.18, 0.06]).view(3, 1, 1)
    image[..., -8:, -8:] = torch.tensor([0.85, 0.8, 0.5]).view(3, 1, 1)
    assert not has_plainly_changed(image, 0.0)


def on_a_bed(image):
    """A picture on the gray bed of a scanner."""
    laid = torch.full_like(image, 0.4)
    laid[..., 8:-8, 8:-8] = image[..., 8:-8, 8:-8]
    return laid


def test_a_gray_bed_that_would_be_tinted_is_noticed():
    image = on_a_bed(drawn(64, 64))
    bluer = image.clone()
    bluer[:, 2] += 0.05
    assert tints_grey_rim(image, bluer)
    assert not tints_grey_rim(image, image.square())
    assert not tints_grey_rim(image[..., 8:-8, 8:-8], bluer[..., 8:-8, 8:-8])


def test_gray_all_over_may_be_a_color_that_has_faded():
    image = torch.full((1, 3, 64, 64), 0.4)
    bluer = image.clone()
    bluer[:, 2] += 0.05
    assert not tints_grey_rim(image, bluer)


def test_where_a_bed_would_be_tinted_only_lightness_is_corrected(network):
    picture = Picture.from_tensor(on_a_bed(drawn(64, 64)), bits=16)
    made = corrected(picture, network)
    torch.testing.assert_close(made, corrected(picture, network, keep_colour=True))
    assert not torch.equal(made, corrected(picture, network, changed=True))


def test_a_plain_cast_is_undone_without_being_told_and_what_more_could_be_done_is_known():
    blind = model_of(ToneCurves(side=64))  # changes nothing
    cast = laid_under(scene(), (0.25, 0.18, 0.06), (0.85, 0.8, 0.5))
    picture = Picture.from_tensor(cast, bits=16)
    found = ToneCorrection.estimate(picture, blind)
    made = found(Window(0, 0, 64, 64), picture.read())
    assert (made - scene()).abs().mean() < 0.5 * (cast - scene()).abs().mean()
    assert found.more == pytest.approx(0, abs=1e-6)
    pale = Picture.from_tensor(laid_under(scene(), (0.3, 0.3, 0.3), (0.7, 0.7, 0.7)), bits=16)
    left = ToneCorrection.estimate(pale, blind)
    assert left.change == pytest.approx(0, abs=1e-6)
    assert left.more > 0.05
