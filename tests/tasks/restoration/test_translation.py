import pytest
import torch

from daguerre.devices import choose_device
from daguerre.images import Picture
from daguerre.networks.compact_translation import CompactTranslation, LatentRestoration
from daguerre.networks.compact_vae import CompactEncoder, CompactVAE
from daguerre.tasks.restoration import translation as module
from daguerre.tasks.restoration.translation import Mending, fill_coarsely
from daguerre.tiling import Window, plan_windows

DEVICE = choose_device("cpu", "float32")


@pytest.fixture
def network():
    torch.manual_seed(0)
    old, clean = (kind(features=8, blocks=1) for kind in (CompactEncoder, CompactVAE))
    return LatentRestoration(old, clean, CompactTranslation(features=8, before=1, after=1, cell=4)).eval()


def example(height, width, damaged=0.05):
    generator = torch.Generator().manual_seed(1)
    image = torch.rand(1, 3, height, width, generator=generator)
    return image, (torch.rand(1, 1, height, width, generator=generator) < damaged).float()


@pytest.mark.parametrize("window", [Window(97, 102, 30, 41), Window(0, 0, 1, 1), Window(239, 240, 1, 16)])
def test_a_window_is_the_same_as_that_of_the_whole(network, window):
    image, mask = example(240, 256)
    whole = network(image, mask, 0.01)
    mending = Mending(network, DEVICE, (240, 256), 0.01)
    source = mending.source(window)
    assert source.height < 240
    made = mending(window, *(part[..., *source.slices] for part in (image, mask)))
    assert (made - whole[..., *window.slices]).abs().max() < 1e-5


@pytest.mark.parametrize("size", [(1, 1), (3, 50), (101, 67)])
def test_any_size_is_mended_and_the_windows_do_not_matter(network, size):
    image, mask = example(*size)
    mending = Mending(network, DEVICE, size)
    whole = mending(Window(0, 0, *size), image, mask)
    assert whole.shape == image.shape
    for window in plan_windows(*size, 37):
        source = mending.source(window)
        made = mending(window, *(part[..., *source.slices] for part in (image, mask)))
        assert (made - whole[..., *window.slices]).abs().max() < 1e-5


def test_the_limit_follows_the_calmest_parts(network, monkeypatch):
    image, mask = example(200, 300, damaged=0)
    monkeypatch.setattr(Mending, "activity", lambda *_: torch.linspace(0, 0.1, 101))
    limit = Mending(network, DEVICE, (200, 300)).calm(lambda source: (image, mask))
    assert limit == pytest.approx(module.LIMIT * module.CALM * 0.1)


def test_samples_lie_in_the_photograph_and_reach_its_corners(network):
    for size in ((1, 1), (100, 5000), (3000, 2000)):
        samples = Mending(network, DEVICE, size).samples()
        assert len(samples) <= module.SAMPLES**2
        assert min(w.top for w in samples) == min(w.left for w in samples) == 0
        assert (max(w.bottom for w in samples), max(w.right for w in samples)) == size


def test_a_photograph_of_which_nothing_is_left_has_no_limit(network):
    image, mask = example(40, 50, damaged=2)
    assert Mending(network, DEVICE, (40, 50)).calm(lambda source: (image, mask)) is None


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
    assert fill_coarsely(photo, damage, network, DEVICE) is photo


def test_a_hairline_begins_with_what_is_beside_it(network):
    true, _, _ = hole(60, 70, 8)
    mask = torch.zeros_like(true[:, :1])
    mask[..., 10:50, 31] = 1
    photo, damage = (
        Picture.from_tensor(part.expand(-1, 3, -1, -1), bits=16) for part in (torch.where(mask > 0, 1.0, true), mask)
    )
    filled = fill_coarsely(photo, damage, network, DEVICE)
    assert (filled.read() - true).abs().max() < 0.02


def test_a_large_hole_is_filled_with_what_surrounds_it(network):
    network.forward = lambda image, mask, limit=None: torch.full_like(
        image, 0.5
    )  # so that only what is coarse has the slope
    true, image, mask = hole(150, 170, 60)
    photo, damage = (Picture.from_tensor(part.expand(-1, 3, -1, -1), bits=16) for part in (image, mask))
    filled = fill_coarsely(photo, damage, network, DEVICE)
    assert 0 < (filled.read() - true).abs().max() < 0.15
    assert torch.allclose(filled.read() * (1 - mask), image, atol=1e-4)


@pytest.mark.parametrize("size", [(64, 80), (71, 55)])
def test_window_by_window_is_filled_as_in_training(network, size):
    _, image, mask = hole(*size, 20)
    photo, damage = (Picture.from_tensor(part.expand(-1, 3, -1, -1), bits=16) for part in (image, mask))
    with torch.inference_mode():
        whole = network.fill(image, mask)
    assert (fill_coarsely(photo, damage, network, DEVICE).read() - whole).abs().max() < 1e-3


def test_filling_does_not_depend_on_windows(network, monkeypatch):
    _, image, mask = hole(150, 170, 40)
    photo, damage = (Picture.from_tensor(part.expand(-1, 3, -1, -1), bits=16) for part in (image, mask))
    filled = fill_coarsely(photo, damage, network, DEVICE)
    monkeypatch.setattr(module, "plan_windows", lambda height, width, side: plan_windows(height, width, 31))
    again = fill_coarsely(photo, damage, network, DEVICE)
    assert (filled.read() - again.read()).abs().max() < 1e-4


def test_damage_that_covers_everything_ends(network):
    photo, damage = (Picture.from_tensor(torch.ones(1, 3, 100, 90)) for _ in range(2))
    filled = fill_coarsely(photo, damage, network, DEVICE)
    assert (filled.height, filled.width) == (100, 90)
