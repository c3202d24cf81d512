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
        return torch.cat([likely, torch.tensor([0.1, 0.3, 0.5]).view(1, 3, 1, 1).expand_as(image)], 1)


def unstained(photo, network):
    return remove_stains(photo, model_of(network))


def drawn(height, width, **how):
    """A print of one tint."""
    light = torch.rand(1, 1, height, width, generator=torch.Generator().manual_seed(0))
    image = 0.5 * light * torch.tensor([1.0, 0.9, 0.8]).view(3, 1, 1)
    return Picture.from_tensor(image, **how)


def test_factors_are_applied_where_they_belong_and_nowhere_else():
    photo = drawn(80, 128, bits=16)
    picture, stained = unstained(photo, Whole())
    before, after = photo.read(), picture.read()
    assert picture.bits == 16
    assert stained == pytest.approx(10 / 32)
    gains = torch.tensor([0.1, 0.3, 0.5]).view(3, 1, 1) - module.NOISE_FLOOR
    torch.testing.assert_close(after[..., :30], before[..., :30] * gains.exp(), rtol=0, atol=1e-4)
    assert torch.equal(after[..., 60:], before[..., 60:])


def test_a_picture_without_stains_is_given_back_itself():
    photo = drawn(64, 70)
    assert unstained(photo, Spotless()) == (photo, 0)


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
    grey = Picture.from_array(np.random.default_rng(0).integers(0, 100, (80, 70), np.uint8))
    assert unstained(grey, Whole())[0].grey
    levels = np.random.default_rng(0).integers(0, 100, (80, 70, 4), np.uint8)
    levels[..., 1:3] = levels[..., :1]
    made = unstained(Picture.from_array(levels), Whole())[0].array()
    assert np.array_equal(made[..., 3], levels[..., 3])
    assert not np.array_equal(made[..., :3], levels[..., :3])


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
