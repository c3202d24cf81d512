"""Weights on disk: safetensors files with a header that describes them."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import safetensors
import torch
from safetensors.torch import save
from torch import Tensor

from daguerre.errors import WeightsDamaged, WeightsError
from daguerre.files import part

__all__ = ["WeightsHeader", "as_float32", "first_line", "is_ours", "read", "read_header", "read_safetensors", "write"]

KEY = "daguerre"
DEPTH = 16
"""Deepest nesting of a header: a recipe has four."""
MOST = 64
"""Largest scale in a header; larger ones were not written by us."""


@dataclass(frozen=True, kw_only=True)
class WeightsHeader:
    """Description of a weights file: how to build the network, and where the weights come from.

    Args:
        name: name of the weights.
        task: such as `upscale`.
        network: name of the network in `registry`.
        arguments: of the network's constructor.
        scale: output pixels per input pixel.
        cleans: whether the network also removes noise and JPEG artifacts.
        licence: SPDX name, or a sentence.
        source: who made them, how, or where they were published.
        recipe: the training run, if it was ours.
        data: training data.
        scores: measured quality, by metric.
        note: anything else a user should know.
        labels: a classifier's class names, in the order of its outputs.
    """

    name: str
    task: str
    network: str
    arguments: dict[str, Any] = field(default_factory=dict)
    scale: int = 1
    cleans: bool = False
    licence: str = ""
    source: str = ""
    recipe: dict[str, Any] | None = None
    data: str = ""
    scores: dict[str, float] = field(default_factory=dict)
    note: str = ""
    labels: list[str] = field(default_factory=list)

    @property
    def adversarial(self) -> bool:
        """Whether it was trained adversarially, against a discriminator; True if unknown."""
        return self.recipe is None or self.recipe.get("discriminator") is not None


def write(path: Path, state: Mapping[str, Tensor], header: WeightsHeader, *, half: bool = True) -> None:
    """Write a weights file atomically.

    Args:
        path: file to write; its folder is created, an existing file replaced.
        state: tensors by name.
        header: description of the file; its values must be JSON values.
        half: store floats as float16, except tensors with values outside its range.

    Raises:
        WeightsDamaged: a tensor holds NaN or infinity, or there are no tensors.
        WeightsError: the file cannot be written.
    """
    as_float32(state, header.name)
    stored = {name: (halved(tensor) if half else tensor).detach().cpu().contiguous() for name, tensor in state.items()}
    about = asdict(header)
    data = save(stored, {KEY: json.dumps(about | {"sha256": digest(stored, about)}, sort_keys=True)})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part(path, overwrite=True) as unfinished:
            unfinished.write_bytes(data)
    except OSError as error:
        raise WeightsError(
            f"cannot write weights to {path} ({error.strerror or error}); is there room, and permission?"
        ) from error


def is_ours(path: Path) -> bool:
    """Whether a file is safetensors with our header; False if it cannot be read as safetensors."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            return KEY in (file.metadata() or {})
    except (OSError, safetensors.SafetensorError):
        return False


def read(path: Path) -> tuple[dict[str, Tensor], WeightsHeader]:
    """Read a weights file of ours: float32 tensors by name, and the header; every byte is verified.

    Raises:
        WeightsDamaged: truncated, altered since it was written, or holding NaN or infinity.
    """
    stored, metadata = read_safetensors(path)
    about = parsed(metadata, path)
    recorded = about.pop("sha256", None)
    header = header_of(about, path)
    if recorded != digest(stored, about):
        raise WeightsDamaged(f"{path} was altered since it was written: its SHA-256 does not match; get it again")
    return as_float32(stored, str(path)), header


def read_header(path: Path) -> WeightsHeader:
    """Read only the header of a weights file of ours.

    Raises:
        WeightsDamaged: not a weights file of ours.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except (OSError, safetensors.SafetensorError) as error:
        raise WeightsDamaged(f"{path} cannot be read as weights ({first_line(error)}); get it again") from error
    about = parsed(metadata, path)
    about.pop("sha256", None)
    return header_of(about, path)


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (OSError, safetensors.SafetensorError) as error:
        raise WeightsDamaged(f"{path} cannot be read as weights ({first_line(error)}); get it again") from error


def parsed(metadata: Mapping[str, str], path: Path) -> dict[str, Any]:
    """The header's JSON as a dictionary, not nested deeper than `DEPTH`."""
    try:
        about = json.loads(metadata[KEY])
    except (KeyError, ValueError) as error:
        raise WeightsDamaged(f"{path} does not say what it is; `daguerre models import {path}` finds out") from error
    except RecursionError:
        about = None
    level = [about]
    for _ in range(DEPTH):
        level = [inner for outer in level for inner in held_in(outer)]
    if level or not isinstance(about, dict):
        raise WeightsDamaged(f"{path} says something about itself that makes no sense")
    return about


def held_in(value: Any) -> list[Any]:
    """The elements of a JSON value."""
    return list(value.values() if isinstance(value, dict) else value if isinstance(value, list) else [])


def header_of(about: Mapping[str, Any], path: Path) -> WeightsHeader:
    """The header from its fields, with their types checked."""
    if unknown := sorted(set(about) - {f.name for f in fields(WeightsHeader)}):
        raise WeightsDamaged(f"{path} says {unknown[0]!r} about itself, which is not understood; update daguerre")
    for name, kind in get_type_hints(WeightsHeader).items():
        if name in about and not is_of_kind(about[name], kind):
            raise WeightsDamaged(f"{path} says something about itself that makes no sense, under {name!r}")
    try:
        header = WeightsHeader(**about)
    except TypeError as error:
        raise WeightsDamaged(f"{path} does not say all about itself ({first_line(error)})") from error
    if not 1 <= header.scale <= MOST:
        raise WeightsDamaged(f"{path} says that it enlarges {header.scale} times, which makes no sense")
    return header


def is_of_kind(value: Any, kind: Any) -> bool:
    """Whether a JSON value has the declared type of a header field; strings must be printable."""
    outer, inner = get_origin(kind) or kind, get_args(kind)
    if kind is Any:
        return True
    if outer is UnionType:
        return any(is_of_kind(value, one) for one in inner)
    if outer is list:
        return isinstance(value, list) and all(is_of_kind(one, inner[0]) for one in value)
    if outer is dict:
        return isinstance(value, dict) and all(is_of_kind(one, inner[1]) for one in value.values())
    if outer is str:
        return isinstance(value, str) and value.replace("\n", "").replace("\t", "").isprintable()
    if outer is float:
        return type(value) in (int, float) and math.isfinite(value)
    return type(value) is outer


def digest(stored: Mapping[str, Tensor], about: Mapping[str, Any]) -> str:
    """SHA-256 over the header and every tensor's name, type, shape and bytes, in order of name."""
    total = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name in sorted(stored):
        tensor = stored[name]
        total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        total.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()


def as_float32(state: Mapping[str, Tensor], place: str) -> dict[str, Tensor]:
    """The tensors, with floating-point ones as float32.

    Raises:
        WeightsDamaged: there are none, or one is unusable; `place` names their origin.
    """
    if not state:
        raise WeightsDamaged(f"{place}: there are no weights in it")
    made = {}
    for name, tensor in state.items():
        if problem := oddity(tensor):
            raise WeightsDamaged(f"{place}: {name!r} {problem}")
        try:
            made[name] = tensor.detach().float() if tensor.is_floating_point() else tensor.detach()
            finite = bool(made[name].isfinite().all())
        except RuntimeError as error:
            raise WeightsDamaged(f"{place}: {name!r} is of {tensor.dtype}, which cannot be read") from error
        if not finite:
            raise WeightsDamaged(
                f"{place}: {name!r} holds NaN or infinity, or too much for float32, so the network would show nothing"
            )
    return made


def oddity(tensor: Tensor) -> str | None:
    """Why a tensor is unusable, whatever its values; None if it is fine."""
    if tensor.is_meta:
        return "has a shape and no numbers"
    if tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_complex():
        return "is sparse, quantised or complex; only plain tensors are read"
    if tensor.numel() == 0:
        return "is empty"
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        return "has more numbers than the file holds"
    return None


def halved(tensor: Tensor) -> Tensor:
    """The tensor in float16 if its values fit."""
    if not tensor.is_floating_point():
        return tensor
    half = tensor.half()
    return half if half.isfinite().all() else tensor


def first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
