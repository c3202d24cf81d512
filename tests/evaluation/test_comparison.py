import math

import pytest

from daguerre.errors import WeightsNotFound
from daguerre.evaluation import comparison
from daguerre.evaluation.comparison import describe_distances, load_distances, means


def test_means_leave_out_what_was_not_measured():
    pictures = [{"a": {"auc": math.nan, "psnr_y": 20.0}}, {"a": {"auc": 0.5, "psnr_y": math.inf}}]
    assert means(pictures) == {"a": {"auc": 0.5, "psnr_y": math.inf}}
    assert math.isnan(means(pictures[:1])["a"]["auc"])
    assert means([]) == {}


def test_without_a_perceptual_network_the_rest_is_measured_and_the_protocol_says_so(monkeypatch: pytest.MonkeyPatch):
    def missing(name: str) -> None:
        raise WeightsNotFound(name)

    monkeypatch.setattr(comparison.weights, "load", missing)
    assert load_distances(lpips=False) == {}
    assert "perceptual: not measured" in " ".join(describe_distances({}))
