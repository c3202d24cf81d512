"""Shared by all comparisons over pictures: the pictures, perceptual distances, and results."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from daguerre import weights
from daguerre.errors import DataError, WeightsNotFound
from daguerre.evaluation.perceptual import Distance, lpips_distance, perceptual_distance
from daguerre.images import READABLE

__all__ = [
    "Evaluation",
    "Look",
    "Scores",
    "describe_distances",
    "eight_bits",
    "load_distances",
    "means",
    "pictures_in",
]

Scores = Mapping[str, Mapping[str, float]]
"""Value by model and metric; NaN where a metric does not apply."""

Look = Callable[[str, Mapping[str, Tensor], Scores], None]
"""Called for each picture with its name, its images (the input, each model's result, and the reference; all
(1, 3, H, W) in [0, 1]) and each model's scores."""

FEATURES = "vgg19-slim"


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Results of an evaluation, and how they were measured.

    Args:
        protocol: how it was measured, in sentences.
        scores: value by picture, model and metric. A picture on which a model failed is only in `failures`, so that all
            means are over the same pictures.
        failures: error messages, by picture.
        breakdowns: scores by category, and by group within it.
        made: how each picture was made, if it was.
    """

    protocol: Sequence[str]
    scores: dict[str, Scores] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    breakdowns: dict[str, dict[str, Scores]] = field(default_factory=dict)
    made: dict[str, dict[str, Any]] = field(default_factory=dict)

    def means(self) -> dict[str, dict[str, float]]:
        """Mean over the pictures, by model and metric; empty without pictures."""
        return means(self.scores.values())


def means(pictures: Iterable[Scores]) -> dict[str, dict[str, float]]:
    """Mean over some pictures, by model and metric, ignoring NaN."""
    pictures = list(pictures)

    def mean(model: str, metric: str) -> float:
        values = [value for picture in pictures if not math.isnan(value := picture[model][metric])]
        return math.fsum(values) / len(values) if values else math.nan

    first = pictures[0] if pictures else {}
    return {model: {metric: mean(model, metric) for metric in metrics} for model, metrics in first.items()}


def pictures_in(folder: Path | str) -> list[Path]:
    """Files of a folder that look like pictures, sorted.

    Raises:
        DataError: the folder does not exist, or holds no pictures.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    found = [p for p in sorted(folder.iterdir()) if p.suffix.lower() in READABLE and not p.name.startswith(".")]
    if not found:
        raise DataError(f"{folder}: no pictures in this folder (looked for {', '.join(sorted(READABLE))})")
    return found


def eight_bits(image: Tensor) -> Tensor:
    """Round as an 8-bit file would."""
    return image.clamp(0, 1).mul(255).round().div(255)


def load_distances(*, lpips: bool) -> dict[str, Distance]:
    """Perceptual distances, by metric name."""
    distances = {"lpips": lpips_distance()} if lpips else {}
    try:
        return {"perceptual": perceptual_distance(weights.load(FEATURES).network)} | distances
    except WeightsNotFound:
        return distances  # `describe_distances` reports it


def describe_distances(distances: Iterable[str]) -> list[str]:
    """Sentences for the protocol that describe these distances."""
    distances = list(distances)
    said = {
        "perceptual": f"perceptual: distance between what {FEATURES} sees in the whole pictures; 0 for equal ones.",
        "lpips": "lpips: LPIPS 0.1 with AlexNet on the whole pictures.",
    }
    missing = [] if "perceptual" in distances else [f"perceptual: not measured, for {FEATURES} is not there."]
    return [said[name] for name in distances] + missing
