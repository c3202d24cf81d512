import pytest
import torch
from models import model_of

from daguerre.images import Picture, window_map
from daguerre.networks.compact_translation import CompactTranslation, LatentRestoration
from daguerre.networks.compact_vae import CompactEncoder, CompactVAE
from daguerre.tasks.restoration import inpainting as module
from daguerre.tasks.restoration.inpainting import inpaint, without_large_holes
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
    made = inpaint(photo, damage, model_of(network))
    assert (made.picture, made.unfinished, made.share) == (photo, damage, 0)


def test_a_hairline_begins_with_what_is_beside_it(network):
    true, _, _ = hole(60, 70, 8)
    mask = torch.zeros_like(true[:, :1])
    mask[..., 10:50, 31] = 1
    photo, damage = (
        Picture.from_tensor(part.expand(-1, 3, -1, -1), bits=16) for part in (torch.where(mask > 0, 1.0, true), mask)
    )
    filled = inpaint(photo, damage, model_of(network)).picture
    assert (filled.read() - true).abs().max() < 0.02


def test_a_large_hole_is_filled_with_what_surrounds_it(network):
    network.forward = lambda image, mask, limit=None: torch.full_like(
        image, 0.5
    )  # so that only what is coarse has the slope
    true, image, mask = hole(150, 170, 60)
    photo, damage = (Picture.from_tensor(part.expand(-1, 3, -1, -1), bits=16) for part in (image, mask))
    filled = inpaint(photo, damage, model_of(network)).picture
    assert 0 < (filled.read() - true).abs().max() < 0.15
    assert torch.allclose(filled.read() * (1 - mask), image, atol=1e-4)


@pytest.mark.parametrize("size", [(64, 80), (71, 55)])
def test_window_by_window_is_filled_as_in_training(network, monkeypatch, size):
    _, image, mask = hole(*size, 20)
    photo, damage = (Picture.from_tensor(part.expand(-1, 3, -1, -1), bits=16) for part in (image, mask))
    monkeypatch.setattr(module, "large_holes", torch.zeros_like)
    with torch.inference_mode():
        whole = network.fill(image, mask)
    assert (inpaint(photo, damage, model_of(network)).picture.read() - whole).abs().max() < 1e-3


def test_filling_does_not_depend_on_windows(network, monkeypatch):
    _, image, mask = hole(150, 170, 40)
    photo, damage = (Picture.from_tensor(part.expand(-1, 3, -1, -1), bits=16) for part in (image, mask))
    filled = inpaint(photo, damage, model_of(network)).picture
    monkeypatch.setattr(window_map, "plan_windows", lambda height, width, side: plan_windows(height, width, 31))
    again = inpaint(photo, damage, model_of(network)).picture
    assert (filled.read() - again.read()).abs().max() < 1e-4


def test_damage_that_covers_everything_ends(network):
    photo, damage = (Picture.from_tensor(torch.ones(1, 3, 100, 90)) for _ in range(2))
    filled = inpaint(photo, damage, model_of(network)).picture
    assert (filled.height, filled.width) == (100, 90)


def stripes(height, width, side):
    """Black and white stripes of four pixels with a square hole; the truth, the picture with the hole, and the mask."""
    _, _, mask = hole(height, width, side)
    true = ((torch.arange(width) // 4) % 2 * 0.8 + 0.1).expand(1, 3, height, width).clone()
    return true, torch.where(mask > 0, 0.5, true), mask


def test_a_large_hole_gets_the_texture_around_it_and_is_finished(network):
    true, image, mask = stripes(120, 140, 40)
    photo, damage = (Picture.from_tensor(part.expand(-1, 3, -1, -1), bits=16) for part in (image, mask))
    made = inpaint(photo, damage, model_of(network))
    assert (made.picture.read() - true).abs().mean() < 0.01
    assert not made.unfinished.array().any()
    assert made.share == pytest.approx(42 * 42 / (120 * 140), rel=0.01)


def test_in_a_large_photograph_it_has_the_detail_that_its_copy_lacks(network, monkeypatch):
    monkeypatch.setattr(module, "COPY_SIDE", 80)
    _, image, mask = stripes(120, 144, 48)
    grain = 0.1 * torch.rand(1, 1, 120, 144, generator=torch.Generator().manual_seed(1))
    photo = Picture.from_tensor((image * 0.8 + grain).expand(-1, 3, -1, -1), bits=16)
    made = inpaint(photo, Picture.from_tensor(mask.expand(-1, 3, -1, -1)), model_of(network)).picture.read()
    roughness = (made[..., 1:, :] - made[..., :-1, :]).abs().mean(1, keepdim=True)
    inside = mask[..., 1:, :] * mask[..., :-1, :]
    of_hole, of_rest = ((roughness * part).sum() / part.sum() for part in (inside, 1 - mask[..., 1:, :]))
    assert of_hole > 0.6 * of_rest


def test_a_large_hole_can_be_left_and_scratches_are_filled_all_the_same():
    _, _, mask = hole(900, 700, 120)
    mask[..., 20:300, 50:52] = 1
    kept = without_large_holes(Picture.from_tensor(mask.expand(-1, 3, -1, -1))).read()[:, :1]
    assert (kept[..., :350, :100] == mask[..., :350, :100]).all()
    assert not kept[..., 350:, :].any()
