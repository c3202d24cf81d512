import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from daguerre.errors import MissingExtra
from daguerre.evaluation.perceptual import (
    ALEXNET,
    distortions,
    lpips_distance,
    perceptual_distance,
    rank_correlation,
    ranking_agreement,
    spearman,
    through_jpeg,
)
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


def colours(image: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
    return {"colour": image}


def test_distance_of_parallel_features_is_0_and_of_orthogonal_ones_2():
    red, dark_red = torch.zeros(1, 3, 2, 2), torch.zeros(1, 3, 2, 2)
    red[:, 0], dark_red[:, 0] = 1, 0.25
    green = red.roll(1, dims=1)
    distance = perceptual_distance(colours, {"colour": 1})
    assert distance(red, dark_red).tolist() == pytest.approx([0])
    assert distance(red, green).tolist() == pytest.approx([2])


def test_layers_count_by_their_weights():
    def features(image: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        return {"colour": image, "same": torch.ones_like(image)}

    red = torch.zeros(1, 3, 2, 2)
    red[:, 0] = 1
    assert perceptual_distance(features, {"colour": 1, "same": 3})(red, red.roll(1, dims=1)).item() == pytest.approx(
        0.5
    )


def test_distance_is_finite_where_nothing_is_seen():
    distance = perceptual_distance(colours, {"colour": 1})
    assert distance(torch.zeros(2, 3, 4, 4), torch.ones(2, 3, 4, 4)).tolist() == pytest.approx([1, 1])


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


def test_lpips_without_its_package_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "lpips", None)
    with pytest.raises(MissingExtra, match="pip install lpips"):
        lpips_distance()


def test_lpips_without_weights_names_the_file_and_downloads_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setitem(sys.modules, "lpips", SimpleNamespace())
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(MissingExtra, match=f"checkpoints/{ALEXNET}"):
        lpips_distance()


def test_lpips_gets_pictures_of_our_range_and_gives_one_number_each(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    class LPIPS(torch.nn.Module):
        def __init__(self, *, net: str, verbose: bool) -> None:
            super().__init__()

        def forward(self, a: Tensor, b: Tensor, normalize: bool) -> Tensor:
            assert normalize  # its own convention is [-1, 1]
            return (a - b).abs().mean(dim=(1, 2, 3), keepdim=True)

    monkeypatch.setitem(sys.modules, "lpips", SimpleNamespace(LPIPS=LPIPS))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / ALEXNET).touch()
    assert lpips_distance()(torch.zeros(2, 3, 4, 4), torch.ones(2, 3, 4, 4)).tolist() == [1, 1]


def test_spearman_by_hand():
    assert spearman([1, 2, 3], [10, 30, 20]) == pytest.approx(0.5)
    assert spearman([1, 2, 3], [9, 5, 1]) == pytest.approx(-1)


def test_a_distance_ranks_as_itself_and_not_as_another():
    pictures = [drawn()]
    itself = rank_correlation(squared_error, lambda a, b: squared_error(a, b).sqrt(), pictures)
    assert list(itself.values()) == pytest.approx([1, 1, 1])
    other = rank_correlation(squared_error, lambda a, b: (a - b).mean().abs(), pictures)
    assert all(value < 0.95 for value in other.values())
