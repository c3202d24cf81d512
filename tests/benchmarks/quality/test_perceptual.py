import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.quality.perceptual import distortions, rank_correlation, ranking_agreement, spearman, through_jpeg
from daguerre.images.resample import resize_bicubic


def drawn(side: int = 48) -> Tensor:
    """A picture with soft areas, edges and texture."""
    generator = torch.Generator().manual_seed(3)
    soft = resize_bicubic(torch.rand(1, 3, 4, 4, generator=generator), side, side)
    soft[..., side // 2 :, : side // 3] *= 0.3
    texture = 0.2 * torch.rand(1, 1, side // 2, side // 2, generator=generator)
    soft[..., side // 2 :, side // 2 :] += texture
    return soft.clamp(0, 1)


def squared_error(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).square().mean(dim=(1, 2, 3))


def test_every_kind_of_distortion_grows_and_comes_beside_a_picture_of_its_size():
    for kind, versions in distortions(drawn(), torch.Generator().manual_seed(0)).items():
        errors = [float((original - distorted).square().mean()) for original, distorted in versions]
        assert errors == sorted(errors), kind


def test_jpeg_of_high_quality_keeps_the_colours_in_their_places():
    picture = torch.tensor([0.8, 0.3, 0.1]).view(1, 3, 1, 1).expand(1, 3, 16, 24)
    assert torch.allclose(through_jpeg(picture, 95), picture, atol=0.03)


def test_ranking_tells_a_right_order_from_a_wrong_one_and_from_none():
    right = ranking_agreement(squared_error, [drawn()])
    wrong = ranking_agreement(lambda a, b: -squared_error(a, b), [drawn()])
    blind = ranking_agreement(lambda a, b: torch.zeros(1), [drawn()])
    assert right["within"] > 0.95
    assert wrong["within"] == pytest.approx(1 - right["within"])
    assert wrong["across"] == pytest.approx(1 - right["across"])
    assert set(blind.values()) == {0.5}


def test_squared_error_takes_a_small_shift_for_worse_than_a_strong_blur_and_blurred_features_do_not():
    # A distance that forgives small displacements, as a network's deeper layers do.
    def pooled(a: Tensor, b: Tensor) -> Tensor:
        energy = [F.avg_pool2d((x - F.avg_pool2d(x, 3, 1, 1)).square(), 12, 4) for x in (a, b)]
        return (energy[0] - energy[1]).square().mean(dim=(1, 2, 3))

    texture = [torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))]
    squared = ranking_agreement(squared_error, texture)
    assert squared["across"] < ranking_agreement(pooled, texture)["across"]


def test_spearman_by_hand():
    assert spearman([1, 2, 3], [10, 30, 20]) == pytest.approx(0.5)
    assert spearman([1, 2, 3], [9, 5, 1]) == pytest.approx(-1)


def test_a_distance_ranks_as_itself_and_not_as_another():
    pictures = [drawn()]
    itself = rank_correlation(squared_error, lambda a, b: squared_error(a, b).sqrt(), pictures)
    assert list(itself.values()) == pytest.approx([1, 1, 1])
    other = rank_correlation(squared_error, lambda a, b: (a - b).mean().abs(), pictures)
    assert all(value < 0.95 for value in other.values())
