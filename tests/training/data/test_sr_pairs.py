import pytest
import torch
from lightning.fabric import Fabric
from training.tiny import draw_pictures, super_resolution

from daguerre.errors import DataError, RecipeError
from daguerre.images.resample import resize_bicubic
from daguerre.networks.compact_resnet import CompactResNet, enlarge_bicubic
from daguerre.progress import silent
from daguerre.training.data.sr_pairs import SuperResolutionPairs
from daguerre.weights.checkpoint import WeightsHeader, write


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return draw_pictures(tmp_path_factory.mktemp("data"))


def pairs(folder, **changes: object) -> SuperResolutionPairs:
    return SuperResolutionPairs(super_resolution(batch=3, **changes), folder, 2, Fabric(accelerator="cpu"), silent)


def test_low_crops_are_high_ones_downscaled(data):
    low, high, truth = pairs(data).draw(torch.Generator().manual_seed(0))
    assert torch.equal(high, truth)
    assert (low.shape, high.shape) == ((3, 3, 8, 8), (3, 3, 16, 16))
    inside = (..., slice(2, -2), slice(2, -2))  # twins are made of whole pictures, so borders differ
    torch.testing.assert_close(low[inside], resize_bicubic(high, 8, 8).clamp(0, 1)[inside], atol=0.005, rtol=0)


def test_pictures_are_cropped_at_every_size_that_a_recipe_names(data):
    shapes = [picture.shape for picture in pairs(data, data={"parts": ["."], "sizes": [1.0, 0.5, 0.1]}).crops.high]
    assert shapes == 3 * [(3, 36, 40)] + 3 * [(3, 18, 20)], "and not where too small"
    with pytest.raises(DataError, match=r"no picture has 16 pixels at any size of data.sizes; make crop smaller"):
        pairs(data, data={"parts": ["."], "sizes": [0.1]})


@pytest.mark.parametrize("changes", [{}, {"degradation": {}}], ids=["bicubic", "degraded"])
def test_the_validation_set_is_always_the_same(data, changes):
    one, other = (pairs(data, **changes).validation_set for _ in range(2))
    assert [(low.shape, high.shape) for low, high in one] == [((1, 3, 16, 16), (1, 3, 32, 32))]
    assert all(torch.equal(a, b) for pair in zip(one, other, strict=True) for a, b in zip(*pair, strict=True))


def test_degraded_crops_are_drawn_from_the_generator(data):
    degraded = pairs(data, degradation={})
    first, again, other = (degraded.draw(torch.Generator().manual_seed(seed))[0] for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def darkening(path) -> str:
    """Weights that double a picture and take 0.2 from it."""
    arguments = {"scale": 2, "features": 4, "blocks": 1}
    network = CompactResNet(**arguments)
    network.conv_last.weight.data.zero_()
    network.conv_last.bias.data.fill_(-0.2)
    header = WeightsHeader(name="t", task="upscale", network="CompactResNet", arguments=arguments, scale=2)
    write(path, network.state_dict(), header)
    return str(path)


def test_teachers_are_asked_about_a_pool_of_degraded_crops(data, tmp_path):
    plan = {"weights": [darkening(tmp_path / "t.safetensors")], "ensemble": False, "side": 24, "pool": 6}
    one, other = (pairs(data, degradation={}, teachers=plan) for _ in range(2))
    assert [tuple(low.shape) for low in one.crops.low] == 6 * [(3, 12, 12)]
    batch, again = (same.draw(torch.Generator().manual_seed(0)) for same in (one, other))
    assert [tuple(x.shape) for x in batch] == [(3, 3, 8, 8), (3, 3, 16, 16), (3, 3, 16, 16)]
    assert all(torch.equal(a, b) for a, b in zip(batch, again, strict=True))
    assert torch.equal(batch.wanted, batch.truth)
    for small, large in zip(one.crops.low, one.crops.high, strict=True):
        wanted = enlarge_bicubic(small[None] / 255, 2)
        wanted = torch.nn.functional.pixel_shuffle(wanted, 2).sub(0.2).clamp(0, 1)
        torch.testing.assert_close(large[None] / 255, wanted, atol=0.01, rtol=0)


def test_degraded_crops_are_a_part_of_the_teachers_output_and_the_rest_of_the_truth(data, tmp_path):
    plan = {"weights": [darkening(tmp_path / "t.safetensors")], "side": 24, "pool": 4}
    made = [torch.stack(pairs(data, degradation={}, teachers=plan | {"share": s}).crops.high) for s in (0.0, 0.5, 1.0)]
    true, mixed, taught = (levels.float() for levels in made)
    inside = taught > 0
    torch.testing.assert_close(mixed[inside], ((true + taught) / 2)[inside], atol=1.01, rtol=0)
    assert (true - taught).abs().mean() > 10


def test_a_pool_keeps_the_truth_for_losses_that_ask_for_it(data, tmp_path):
    plan = {"weights": [darkening(tmp_path / "t.safetensors")], "ensemble": False, "side": 24, "pool": 6}
    taught, both = (pairs(data, degradation={}, teachers=plan | {"truth": truth}) for truth in ([], ["l1"]))
    alone = pairs(data, degradation={}, teachers=plan | {"share": 0.0})
    low, wanted, truth = both.draw(torch.Generator().manual_seed(0))
    assert torch.equal(low, taught.draw(torch.Generator().manual_seed(0)).low)
    assert torch.equal(wanted, taught.draw(torch.Generator().manual_seed(0)).wanted)
    assert torch.equal(truth, alone.draw(torch.Generator().manual_seed(0)).wanted)
    assert not torch.equal(wanted, truth)


def test_crops_are_drawn_with_what_surrounds_them(data):
    low, high, _ = pairs(data, surround=4).draw(torch.Generator().manual_seed(0))
    assert (low.shape, high.shape) == ((3, 3, 10, 10), (3, 3, 20, 20))


def test_a_pool_that_cannot_be_made_is_refused(data, tmp_path):
    plan = {"weights": [darkening(tmp_path / "t.safetensors")]}
    with pytest.raises(RecipeError, match=r"teachers\.side is 12; it must be at least crop and surround, 16"):
        pairs(data, degradation={}, teachers=plan | {"side": 12})
    with pytest.raises(RecipeError, match=r"teachers\.side is 17; it must be a multiple of the scale, 2"):
        pairs(data, degradation={}, teachers=plan | {"side": 17})


def test_a_crop_that_the_scale_does_not_divide_is_refused(data):
    for name in ("crop", "surround"):
        with pytest.raises(RecipeError, match=f"{name} is 15; it must be a multiple of the scale, 2"):
            pairs(data, **{name: 15})


def test_drawings_join_the_pictures_and_cannot_be_degraded_in_batches(data):
    both = pairs(data, data={"parts": ["."], "drawings": 2}).crops
    assert [picture.shape for picture in both.high[-2:]] == [(3, 16, 16)] * 2
    assert [picture.shape for picture in both.low[-2:]] == [(3, 8, 8)] * 2
    with pytest.raises(RecipeError, match=r"data.drawings goes with teachers, or without a degradation"):
        pairs(data, data={"parts": ["."], "drawings": 2}, degradation={})
