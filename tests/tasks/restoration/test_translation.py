import pytest
import torch
from models import damaged_example, model_of, tiny_restoration

from daguerre.tasks.restoration import translation as module
from daguerre.tasks.restoration.translation import Translation
from daguerre.tiling import Window, plan_windows


@pytest.fixture
def network():
    return tiny_restoration()


@pytest.mark.parametrize("window", [Window(97, 102, 30, 41), Window(0, 0, 1, 1), Window(239, 240, 1, 16)])
def test_a_window_is_the_same_as_that_of_the_whole(network, window):
    image, mask = damaged_example(240, 256)
    whole = network(image, mask, 0.01)
    translation = Translation(model_of(network), (240, 256), 0.01)
    source = translation.source(window)
    assert source.height < 240
    made = translation(window, *(part[..., *source.slices] for part in (image, mask)))
    assert (made - whole[..., *window.slices]).abs().max() < 1e-5


@pytest.mark.parametrize("size", [(1, 1), (3, 50), (101, 67)])
def test_any_size_is_mended_and_the_windows_do_not_matter(network, size):
    image, mask = damaged_example(*size)
    translation = Translation(model_of(network), size)
    whole = translation(Window(0, 0, *size), image, mask)
    assert whole.shape == image.shape
    for window in plan_windows(*size, 37):
        source = translation.source(window)
        made = translation(window, *(part[..., *source.slices] for part in (image, mask)))
        assert (made - whole[..., *window.slices]).abs().max() < 1e-5


def test_the_limit_follows_the_calmest_parts(network, monkeypatch):
    image, mask = damaged_example(200, 300, damaged=0)
    monkeypatch.setattr(Translation, "activity", lambda *_: torch.linspace(0, 0.1, 101))
    limit = Translation(model_of(network), (200, 300)).calm(lambda source: (image, mask))
    assert limit == pytest.approx(module.CHANGE_LIMIT * module.CALM_SHARE * 0.1)


def test_samples_lie_in_the_photograph_and_reach_its_corners():
    for size in ((1, 1), (100, 5000), (3000, 2000)):
        samples = module.spread(*size)
        assert len(samples) <= module.SAMPLES_PER_AXIS**2
        assert min(w.top for w in samples) == min(w.left for w in samples) == 0
        assert (max(w.bottom for w in samples), max(w.right for w in samples)) == size


def test_a_photograph_of_which_nothing_is_left_has_no_limit(network):
    image, mask = damaged_example(40, 50, damaged=2)
    assert Translation(model_of(network), (40, 50)).calm(lambda source: (image, mask)) is None
