import numpy as np
import pytest
import torch
from models import model_of

from daguerre.images import Picture, window_map
from daguerre.images import resize as resized
from daguerre.networks.stain_unet import StainUNet
from daguerre.tasks.restoration import stain_removal as module
from daguerre.tasks.restoration.stain_removal import remove_stains


class Spotless(StainUNet):
    """Says that nothing is stained."""

    multiple = 8

    def __init__(self):
        super().__init__(side=32, features=(4, 6))

    def forward(self, image):
        return torch.full_like(image[:, :1], -50).expand(-1, 4, -1, -1)


class Whole(StainUNet):
    """Says that the left third is stained, of a factor of its own in each channel."""

    multiple = 8

    def __init__(self):
        super().__init__(side=32, features=(4, 6))

    def forward(self, image):
        likely = torch.full_like(image[:, :1], -50)
        likely[..., : image.shape[3] // 3] = 50
        factors = torch.tensor([0.1, 0.3, 0.5]).view(1, 3, 1, 1)
        if torch.equal(image[:, 0], image[:, 2]):  # as a StainUNet does
            factors = factors.mean(1, keepdim=True)
        return torch.cat([likely, factors.expand_as(image)], 1)


class Strong(Whole):
    """The same, with factors that are much too large."""

    def forward(self, image):
        made = super().forward(image)
        return torch.cat([made[:, :1], made[:, 1:] + 0.5], 1)


def unstained(photo, network):
    return remove_stains(photo, model_of(network))


def drawn(height, width, *, stained=False, **how):
    """A print of one tint, its left third stained as `Whole` says."""
    down, across = torch.arange(height)[:, None], torch.arange(width)
    light = 0.5 + 0.5 * torch.sin(down / 6) * torch.sin(across / 5).expand(1, 1, height, width)
    image = 0.3 + 0.5 * light * torch.tensor([1.0, 0.9, 0.8]).view(3, 1, 1)
    if stained:
        image[..., : width // 3] /= torch.tensor([0.1, 0.3, 0.5]).view(3, 1, 1).exp()
    return Picture.from_tensor(image, **how)


def test_factors_are_applied_where_they_belong_and_nowhere_else(monkeypatch):
    monkeypatch.setattr(module, "SHADE_MARGIN", 1.0)
    photo = drawn(80, 128, stained=True, bits=16)
    picture, stained, doubtful = unstained(photo, Whole())
    before, after = photo.read(), picture.read()
    assert picture.bits == 16
    assert (stained, doubtful) == (pytest.approx(10 / 32), 0)
    gains = torch.tensor([0.1, 0.3, 0.5]).view(3, 1, 1) - module.NOISE_FLOOR
    torch.testing.assert_close(after[..., :30], before[..., :30] * gains.exp(), rtol=0, atol=1e-4)
    assert torch.equal(after[..., 60:], before[..., 60:])


def test_a_picture_without_stains_is_given_back_itself():
    photo = drawn(64, 70)
    assert unstained(photo, Spotless()) == (photo, 0, 0)


@pytest.mark.parametrize("size", [(64, 64), (65, 200), (130, 97)])
def test_windows_are_lightened_as_the_whole_at_any_size(size, monkeypatch):
    network = StainUNet(side=32, features=(4, 6)).eval()
    torch.manual_seed(0)
    torch.nn.init.normal_(network.last.weight, std=2.0)
    photo = drawn(*size, bits=16)
    whole = unstained(photo, network)[0].array()
    monkeypatch.setattr(window_map, "SIDE", 23)
    monkeypatch.setattr(resized, "STRIP", 23 * size[1])
    pieces = unstained(photo, network)[0].array()
    assert whole.shape == (*size, 3)
    assert np.abs(whole.astype(int) - pieces).max() <= 1  # of 65535


def test_grey_stays_grey_and_transparency_stays():
    levels = np.random.default_rng(0).integers(60, 250, (80, 70), np.uint8)
    levels[:, :23] //= 2
    made = unstained(Picture.from_array(levels), Whole())[0]
    assert made.grey
    assert not np.array_equal(made.array(), levels)
    alpha = np.random.default_rng(1).integers(128, 255, (80, 70, 1), np.uint8)
    clear = np.concatenate([levels[..., None].repeat(3, 2), alpha], 2)
    made = unstained(Picture.from_array(clear), Whole())[0].array()
    assert np.array_equal(made[..., 3], clear[..., 3])
    assert not np.array_equal(made[..., :3], clear[..., :3])


def test_nothing_becomes_lighter_than_what_surrounds_it():
    photo = drawn(80, 128, stained=True, bits=16)
    lifted = unstained(photo, Strong())[0].read()
    around = photo.read()[..., 44:].amax((2, 3), keepdim=True)
    assert (lifted[..., :40] <= around + 1e-3).all()


def test_a_stain_whose_outline_is_not_seen_is_left():
    photo = drawn(80, 128, bits=16)
    assert unstained(photo, Whole())[:2] == (photo, 0)


def test_the_shades_of_a_stain_become_no_lighter_than_those_around_it():
    """Not even where white spots in the surroundings would allow it."""
    light = torch.full((1, 1, 64, 64), 0.5)
    light[..., ::8, ::8] = 1.0
    ring = (torch.arange(64) >= 24).expand(1, 1, 64, 64)
    gains = torch.where(ring, 0.0, 0.4).expand(1, 3, 64, 64)
    share = module.toned_down(light, gains, ring)
    assert share[..., 16:48, :12].max() < 0.15
    assert module.toned_down(torch.where(ring, light, light / 1.5), gains, ring)[..., 16:48, :12].min() > 0.99


def test_what_would_get_a_tint_that_is_nowhere_around_is_left():
    """A burn: nearly black, so that gains which differ give it colours, and red cloth on a grey print."""
    for colour in ((0.25, 0.03, 0.02), (0.6, 0.1, 0.4)):
        image = drawn(80, 128, bits=16).read()
        image[..., :42] = image[..., :42] * torch.tensor(colour).view(3, 1, 1)
        photo = Picture.from_tensor(image, bits=16)
        if module.has_colour(image):
            continue
        picture, stained, doubtful = unstained(photo, Whole())
        assert (picture is photo, stained) == (True, 0)
        assert doubtful > 0.2


def test_a_light_in_the_dark_is_no_stain():
    image = 0.15 + 0.1 * drawn(80, 128).read()
    image[..., :42] += torch.tensor([0.3, 0.28, 0.25]).view(3, 1, 1)
    photo = Picture.from_tensor(image)
    assert unstained(photo, Whole())[0] is photo


def test_a_stain_with_nothing_around_it_is_left():
    class All(Whole):
        def forward(self, image):
            made = super().forward(image)
            return torch.cat([torch.full_like(made[:, :1], 50), made[:, 1:]], 1)

    photo = drawn(80, 96)
    assert unstained(photo, All())[0] is photo


def test_a_logo_in_colour_keeps_it_however_much_is_transparent():
    levels = np.zeros((120, 160, 4), np.uint8)
    levels[30:90, 40:120] = (200, 110, 30, 255)
    levels[50:70, 60:100] = (90, 50, 160, 255)
    photo = Picture.from_array(levels)
    assert unstained(photo, Whole())[0] is photo


def test_a_picture_in_colour_is_left():
    levels = np.random.default_rng(0).integers(0, 200, (80, 70, 3), np.uint8)
    photo = Picture.from_array(levels)
    assert unstained(photo, Whole())[0] is photo


def test_what_may_be_stained_or_not_is_left():
    class Doubts(Whole):
        def forward(self, image):
            return super().forward(image).clamp(min=-0.3, max=0.3)  # a likelihood of 0.57

    photo = drawn(80, 96)
    assert unstained(photo, Doubts())[0] is photo


@pytest.mark.parametrize("size", [(1, 1), (63, 200)])
def test_pictures_too_small_to_tell_are_left(size):
    photo = drawn(*size)
    assert unstained(photo, Whole())[0] is photo
