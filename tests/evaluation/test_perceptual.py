import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from daguerre.errors import MissingExtra
from daguerre.evaluation.perceptual import (
    ALEXNET,
    lpips_distance,
    perceptual_distance,
)


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
