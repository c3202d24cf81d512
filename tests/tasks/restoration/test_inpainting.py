import pytest
import torch
from models import model_of

from daguerre.images import Picture, window_map
from daguerre.networks.compact_translation import CompactTranslation, LatentRestoration
from daguerre.networks.compact_vae import CompactEncoder, CompactVAE
from daguerre.tasks.restoration.inpainting import inpaint
from daguerre.tiling import plan_windows


@pytest.fixture
def network():
    torch.manual_seed(0)
    old, clean = (kind(features=8, blocks=1) for kind in (CompactEncoder, CompactVAE))
    return LatentRestoration(old, clean, CompactTranslation(features=8, before=1, after=1, cell=4)).eval()


def hole(height, width, side):
    """A photograph with a smooth gradient and a square hole, black, in its middle; and the mask of the hole."""
    slope = torch.linspace(0.2, 0.8, width).expand(1, 3, height, width).clone()
    mask = torch.zeros(1, 1, height, width)
    rows, columns = (slice((length - side) // 2, (length + side) // 2) for length in (height, width))
    mask[..., rows, columns] = 1
    return slope, torch.where(mask > 0, 0.0, slope), mask


def test_where_nothing_is_damaged_nothing_is_filled(network):
    _, image, mask = hole(60, 70, 8)
    photo, damage = Picture.from_tensor(image), Picture.from_tensor(torch.zeros_like(mask).expand(-1, 3, -1, -1))
    assert inpaint(photo, damage, model_of(network)) is photo


def test_a_hairline_begins_with_what_is_beside_it(network):
    true, _, _ = hole(60, 70, 8)
    mask = torch.zeros_like(true[:, :1])
    mask[..., 10:50, 31] = 1
    photo, damage = (
        Picture.from_tensor(part.expand(-1, 3, -1, -1), bits=16) for part in (torch.where(mask > 0, 1.0, true), mask)
    )
    filled = inpaint(photo, damage, model_of(network))
    assert (filled.read() - true).abs().max() < 0.02


def test_a_large_hole_is_filled_with_what_surrounds_it(network):
    network.forward = lambda image, mask, limit=None: torch.full_like(
        image, 0.5
    )  # so that only what is coarse has the slope
    true, image, mask = hole(150, 170, 60)
    photo, damage = (Picture.from_tensor(part.expand(-1, 3, -1, -1), bits=16) for part in (image, mask))
    filled = inpaint(photo, damage, model_of(network))
    assert 0 < (filled.read() - true).abs().max() < 0.15
    assert torch.allclose(filled.read() * (1 - mask), image, atol=1e-4)


@pytest.mark.parametrize("size", [(64, 80), (71, 55)])
def test_window_by_window_is_filled_as_in_training(network, size):
    _, image, mask = hole(*size, 20)
    photo, damage = (Picture.from_tensor(part.expand(-1, 3, -1, -1), bits=16) for part in (image, mask))
    with torch.inference_mode():
        whole = network.fill(image, mask)
    assert (inpaint(photo, damage, model_of(network)).read() - whole).abs().max() < 1e-3


def test_filling_does_not_depend_on_windows(network, monkeypatch):
    _, image, mask = hole(150, 170, 40)
    photo, damage = (Picture.from_tensor(part.expand(-1, 3, -1, -1), bits=16) for part in (image, mask))
    filled = inpaint(photo, damage, model_of(network))
    monkeypatch.setattr(window_map, "plan_windows", lambda height, width, side: plan_windows(height, width, 31))
    again = inpaint(photo, damage, model_of(network))
    assert (filled.read() - again.read()).abs().max() < 1e-4


def test_damage_that_covers_everything_ends(network):
    photo, damage = (Picture.from_tensor(torch.ones(1, 3, 100, 90)) for _ in range(2))
    filled = inpaint(photo, damage, model_of(network))
    assert (filled.height, filled.width) == (100, 90)
