"""Options as keyword arguments, so that editors complete and type checkers check them.

Written by `python tests/tasks/test_kwargs.py` from the fields of the options, whose defaults and help stand there.
"""

from pathlib import Path
from typing import Literal, TypedDict

__all__ = ["AgeKwargs", "FaceKwargs", "RestoreKwargs", "ScratchKwargs", "StylizeKwargs", "UpscaleKwargs"]


class AgeKwargs(TypedDict, total=False):
    """Fields of `AgeOptions`."""

    kind: Literal["any", "studio", "snapshot", "colour-print", "newspaper", "ruin", "damaged"]
    strength: float
    seed: int


class FaceKwargs(TypedDict, total=False):
    """Fields of `FaceOptions`."""

    model: str
    strength: float
    face_limit: float
    finder: str
    min_size: int
    confidence: float
    only: str
    skip: str
    each: str
    boxes: str
    device: str
    precision: Literal["auto", "float32", "bfloat16"]


class RestoreKwargs(TypedDict, total=False):
    """Fields of `RestoreOptions`."""

    model: Literal["auto", "microsoft", "microsoft-patches"]
    prints: Literal["auto", "off"]
    crop: bool
    negative: bool
    scratches: str
    sensitivity: float
    min_length: int
    min_area: int
    writing: Literal["keep", "remove"]
    large_holes: Literal["fill", "leave"]
    stains: Literal["auto", "off"]
    grain: Literal["auto", "keep"]
    blur: str
    fix_fading: Literal["auto", "strong", "off"]
    keep_colour: bool
    strength: float
    faces: Literal["auto", "off"]
    face_strength: float
    face_limit: float
    face_finder: str
    device: str
    precision: Literal["auto", "float32", "bfloat16"]


class ScratchKwargs(TypedDict, total=False):
    """Fields of `ScratchOptions`."""

    model: str
    sensitivity: float
    min_length: int
    min_area: int
    writing: Literal["keep", "remove"]
    device: str
    precision: Literal["auto", "float32", "bfloat16"]


class StylizeKwargs(TypedDict, total=False):
    """Fields of `StylizeOptions`."""

    method: Literal["fast", "optimize"]
    model: str
    strength: float
    style_scale: float
    share: tuple[float, ...]
    mask: tuple[Path, ...]
    colours: Literal["style", "luminance", "match"]
    protect_faces: float
    start: Literal["content", "noise", "fast"]
    steps: int
    scales: int | None
    content_weight: float
    style_weight: float
    variation_weight: float
    content_layers: tuple[str, ...]
    style_layers: tuple[str, ...]
    statistics: Literal["gram", "moments"]
    pooling: Literal["average", "smooth", "max"]
    optimizer: Literal["adam", "lbfgs"]
    rate: float
    seed: int
    features: str
    device: str
    precision: Literal["auto", "float32", "bfloat16"]


class UpscaleKwargs(TypedDict, total=False):
    """Fields of `UpscaleOptions`."""

    model: str
    clean: bool
    vivid: float
    scale: float | None
    width: int | None
    height: int | None
    long_side: int | None
    agree: Literal["auto", "on", "off"]
    content: Literal["auto", "photo", "drawing", "pixels"]
    ensemble: bool
    towards: str | None
    amount: float
    device: str
    precision: Literal["auto", "float32", "bfloat16"]
