import itertools
import math

import pytest
import torch
from tasks.stylization.small_vgg import STYLE_LAYERS, picture, small_extractor

from daguerre.devices import Device
from daguerre.errors import DeviceError
from daguerre.networks.vgg import VGG19
from daguerre.tasks.stylization.vgg_statistics import (
    FeatureExtractor,
    FeatureSums,
    Tile,
    blend,
    feature_weights,
    gather,
)
from daguerre.tiling import Window


def test_a_device_without_any_memory_is_reported():
    extractor = small_extractor()

    def look(image, view):
        raise torch.OutOfMemoryError("no memory")

    extractor.extract = look
    with pytest.raises(DeviceError, match="no memory left to paint with"):
        gather(extractor, picture(64, 64), [None])


def test_what_is_always_strong_has_its_variance_in_bfloat16():
    """Of the square of 20, bfloat16 keeps 400 or 402; the variance here is 1/64."""
    features = (20 + 0.125 * (torch.arange(400.0) % 3 - 1)).view(1, 1, 20, 20)
    features = torch.cat([features, features.flip(3)], 1)
    weights = torch.linspace(0, 1, 400).view(1, 1, 20, 20)
    for shown in (None, weights):
        exact, rounded = (
            FeatureSums.of(x, shown).descriptor("moments") for x in (features.double(), features.bfloat16())
        )
        torch.testing.assert_close(rounded[1].double(), exact[1].double(), rtol=0.02, atol=1e-4)


def test_sums_by_hand():
    features = torch.tensor([[1.0, 2.0], [3.0, 0.0]])[None, :, None]  # two features at two feature_slices
    sums = FeatureSums.of(features, None)
    assert (sums.weight.item(), sums.first.tolist()) == (2, [3, 3])
    assert sums.second.tolist() == [[5, 3], [3, 9]]
    assert [part.tolist() for part in sums.descriptor("gram")] == [[[2.5, 1.5], [1.5, 4.5]]]
    assert [part.tolist() for part in sums.descriptor("moments")] == [[1.5, 1.5], [[0.25, -0.75], [-0.75, 2.25]]]
    half = FeatureSums.of(features, torch.tensor([[[[0.5, 0.0]]]]))
    assert [part.tolist() for part in half.descriptor("gram")] == [[[1, 3], [3, 9]]]


def test_mixtures_by_hand():
    ours, theirs = (torch.tensor([[3.0]]),), (torch.tensor([[2.0]]),)
    mixed = blend([{"relu1_1": ours}, {"relu1_1": theirs}], [3, 1])
    assert mixed["relu1_1"][0].item() == 2.75


def test_a_feature_counts_what_the_pixels_below_it_do_on_average():
    tile = Tile(Window(0, 0, 2, 4), Window(0, 0, 2, 4))
    region = torch.tensor([[1.0, 1.0, 0.5, 0.0], [1.0, 0.0, 0.0, 0.0]])[None, None]
    assert feature_weights(region, tile, 2).tolist() == [[[[0.75, 0.125]]]]
    assert feature_weights(region, tile, 4).shape == (1, 1, 0, 1)  # no feature stands on so few rows
    assert feature_weights(None, tile, 2) is None


def test_averages_take_the_place_of_maxima():
    image = picture(32, 32)
    features = [
        small_extractor(layers=["relu2_1"], pooling=pooling).network(image, ["relu2_1"])
        for pooling in ("average", "smooth", "max")
    ]
    for one, other in itertools.combinations(features, 2):
        assert not torch.allclose(one["relu2_1"], other["relu2_1"], rtol=0.01)


def test_memory_for_a_window_grows_with_the_network():
    narrow, wide = (
        small_extractor(),
        FeatureExtractor(VGG19(width=1 / 8), Device(torch.device("cpu"), torch.float32), [*STYLE_LAYERS]),
    )
    assert math.isclose(wide.bytes_per_pixel / narrow.bytes_per_pixel, 2, rel_tol=0.2)
