import pytest
import torch

from daguerre.networks.vgg import VGG16, VGG19
from daguerre.training.data.distillation_targets import (
    DISTORTIONS,
    TargetPool,
    direction_distance,
    distort,
    gathered,
    matched_layers,
)


def test_the_first_and_last_layers_of_each_block_are_matched():
    matched = matched_layers(VGG19, VGG16)
    assert matched["relu3_4"] == "relu3_3"
    assert matched["relu4_2"] == "relu4_2"
    assert list(matched) == [layer for layer in VGG19.layers if layer in matched]
    assert len(matched) == 11


def test_features_are_gathered_row_by_row():
    maps = torch.arange(12.0).reshape(1, 2, 2, 3)  # of two channels, 2 x 3
    assert gathered(maps, torch.tensor([[0, 4]])).tolist() == [[[0, 6], [4, 10]]]


@pytest.mark.parametrize("way", DISTORTIONS)
def test_every_distortion_keeps_the_shape_and_changes_something(way):
    images = torch.rand(2, 1, 3, 33, 40, generator=torch.Generator().manual_seed(0))
    changed = way(images[0], images[1], torch.Generator().manual_seed(2))
    assert changed.shape == images[0].shape
    assert not torch.allclose(changed, images[0], atol=0.01)


def test_the_same_seed_distorts_alike_and_within_range():
    images = torch.rand(6, 3, 32, 32)
    one, two = (distort(images, torch.Generator().manual_seed(3)) for _ in range(2))
    assert one.equal(two)
    assert (one.min() >= 0, one.max() <= 1) == (True, True)


def test_targets_of_a_batch_have_mean_0_and_deviation_1():
    features = {"relu1_1": 3 + 2 * torch.randn(40, 2, 9, 4, generator=torch.Generator().manual_seed(0)).half()}
    pool = TargetPool(torch.zeros(40, 2, 3, 8, 8, dtype=torch.uint8), {1: torch.zeros(40, 9).long()}, features, None)
    images, positions, targets = pool.pairs(torch.arange(40), pool.moments())
    assert (len(images), len(positions[1]), targets.distances["relu1_1"].shape) == (80, 80, (40,))
    x = targets.features["relu1_1"].flatten(0, 1)
    torch.testing.assert_close(x.mean(0), torch.zeros(4), atol=1e-2, rtol=0)
    torch.testing.assert_close(x.std(0), torch.ones(4), atol=0.03, rtol=0)


def test_half_of_a_batch_has_labels_alone_where_there_are_such():
    pairs, labels = torch.zeros(5, 2, 3, 8, 8, dtype=torch.uint8), torch.zeros(5, 2, 3).half()
    named = torch.full((7, 3, 8, 8), 255, dtype=torch.uint8), torch.ones(7, 3).half()
    features = {"relu1_1": torch.zeros(5, 2, 9, 4).half()}
    pool = TargetPool(pairs, {1: torch.zeros(5, 9).long()}, features, labels, named)
    images, positions, targets = pool.draw(12, pool.moments(), torch.Generator().manual_seed(0))
    assert (len(images), len(positions[1]), len(targets.features["relu1_1"])) == (12, 6, 6)
    assert images.mean((1, 2, 3)).tolist() == [0] * 6 + [1] * 6
    assert targets.labels is not None
    assert targets.labels[:, 0].tolist() == [0] * 6 + [1] * 6


def test_distances_of_directions_by_hand():
    one = torch.tensor([[[3.0, 4.0], [1.0, 0.0]]])
    assert direction_distance(one, 2 * one).item() == pytest.approx(0)
    assert direction_distance(one, torch.tensor([[[6.0, 8.0], [0.0, 7.0]]])).item() == pytest.approx(1)  # of 0 and 2
