from pathlib import Path

import pytest
import torch

from daguerre.degradation.aging import texture
from daguerre.evaluation.metrics import psnr
from daguerre.images import Picture
from daguerre.images.filters import local_range, reach_of, sharpened

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = ["astronaut", "coffee"]


def blurred(name, sigma):
    return texture.blur(Picture.open(EXAMPLES / f"{name}.jpg").read(), sigma=sigma)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sigma", [0.8, 1.3, 2.0])
def test_a_blur_that_is_known_is_mostly_undone(name, sigma):
    soft, sharp = blurred(name, sigma), blurred(name, 0)
    before, after = (psnr(image.clamp(0, 1), sharp, channel="rgb").item() for image in (soft, sharpened(soft, sigma)))
    assert after > before + 1.5


def test_what_is_sharper_than_the_blur_is_left():
    image = blurred("coffee", 2.0)
    scratched = image.clone()
    scratched[..., 100:102, 40:300] = 1.0
    made = sharpened(scratched, 2.0) - scratched
    around = (..., slice(99, 103), slice(50, 290))
    elsewhere = (..., slice(102 + reach_of(2.0), 200), slice(50, 290))
    assert made[around].abs().amax() < 0.02
    torch.testing.assert_close(made[elsewhere], (sharpened(image, 2.0) - image)[elsewhere])


def test_nothing_beyond_its_reach_is_sharpened():
    noise = torch.rand(1, 3, 120, 60, generator=torch.Generator().manual_seed(0))
    image = texture.blur(noise, sigma=2.3)
    changed = image.clone()
    changed[..., 80:, :] = 0
    apart = (sharpened(image, 2.3) - sharpened(changed, 2.3)).abs().amax((0, 1, 3))
    first = int(apart.nonzero()[0])
    assert 80 - reach_of(2.3) <= first < 80


def test_lightness_nearby_is_known():
    image = torch.zeros(1, 1, 9, 9)
    image[..., 4, 4], image[..., 0, 0] = 1, -1
    low, high = local_range(image, 2)
    assert torch.equal(high[0, 0].nonzero().aminmax().min, torch.tensor(2))
    assert (low < 0).sum() == 9
    assert (high > 0).sum() == 25


def test_a_blur_that_is_taken_for_wider_gives_no_second_contour():
    """An edge that was hardly blurred, sharpened as if it were very soft."""
    edge = (0.3 + 0.4 * torch.sigmoid((torch.arange(96.0) - 48) / 0.8)).expand(1, 3, 40, 96)
    made = sharpened(edge, 3.0)
    assert made.amin() > 0.3 - 0.21
    assert made.amax() < 0.7 + 0.21
    beyond = sharpened(edge, 3.0)[..., 70:]
    assert (beyond - 0.7).abs().max() < 0.01
