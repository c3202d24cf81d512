import torch
from torch.nn import functional as F

from daguerre.training.data.drawings import drawing, drawing_pair


def made(seed, side=64):
    return drawing(side, torch.Generator().manual_seed(seed))


def test_a_drawing_comes_from_its_generator_and_has_something_in_it():
    assert torch.equal(made(0)[0], made(0)[0])
    drawings = [made(seed) for seed in range(12)]
    assert {image.shape for image, _ in drawings} == {(1, 3, 64, 64)}
    assert all(image.min() >= 0 and image.max() <= 1 for image, _ in drawings)
    assert sum(float(image.std()) > 0.02 for image, _ in drawings) >= 10
    assert {monochrome for _, monochrome in drawings} == {False, True}


def test_a_black_and_white_one_has_grays_only_along_its_edges():
    images = [image for image, monochrome in map(made, range(30)) if monochrome]
    assert all((image == image[:, :1]).all() for image in images)
    between = torch.cat([((image > 0.02) & (image < 0.98)).flatten() for image in images])
    assert 0 < between.float().mean() < 0.25


def test_twins_are_four_times_smaller_and_some_have_one_bit():
    generator = torch.Generator().manual_seed(0)
    pairs = [drawing_pair(64, 4, generator) for _ in range(40)]
    assert {(small.shape, large.shape) for small, large in pairs} == {((1, 3, 16, 16), (1, 3, 64, 64))}
    assert any(set(small.unique().tolist()) == {0.0, 1.0} for small, _ in pairs)
    away = [(F.avg_pool2d(large, 4) - small).abs().mean() for small, large in pairs]
    assert sorted(away)[len(away) // 2] < 0.06
