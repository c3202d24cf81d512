"""Weights on disk: our safetensors files that say what they are, and foreign checkpoints that only hold tensors."""

import hashlib
import json
import pickle
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import torch
from safetensors.torch import save
from torch import Tensor, nn

from daguerre.errors import WeightsDamaged, WeightsError
from daguerre.files import part

__all__ = ["WeightsHeader", "is_ours", "load_strictly", "read", "read_foreign", "read_header", "write"]

KEY = "daguerre"
WRAPPERS = ("params_ema", "params", "state_dict", "model_state")
"""Keys under which training code keeps the weights, the best first: averaged weights before the last ones."""


@dataclass(frozen=True, kw_only=True)
class WeightsHeader:
    """What a weights file says about itself: enough to build the network, and where it comes from.

    Args:
        name: what the weights are called.
        task: what they are for, such as `upscale`.
        network: name of the network in `registry`.
        arguments: what the network is built with.
        scale: output pixels per input pixel.
        cleans: whether the network is meant to change what it enlarges, by taking noise and JPEG traces away.
        licence: SPDX name, or a sentence.
        source: who made them, how, or the address they come from.
        recipe: the training run, if it was ours.
        data: what they were trained on.
        scores: measured quality, by name of measure.
        note: whatever else a user should know.
        labels: what the network tells apart, if it classifies, in the order of its outputs.
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


def write(path: Path, state: Mapping[str, Tensor], header: WeightsHeader, *, half: bool = True) -> None:
    """Write a weights file, whole or not at all.

    Args:
        path: file to write; its folder is made, a file of that name is replaced.
        state: tensors by name.
        header: what the file says about itself; its values must be JSON's.
        half: store floats as float16, but for a tensor with a value that float16 cannot hold.

    Raises:
        WeightsDamaged: a tensor holds NaN or infinity, or there is none.
        WeightsError: the file cannot be written.
    """
    check_finite(state, header.name)
    stored = {name: (halved(tensor) if half else tensor).detach().cpu().contiguous() for name, tensor in state.items()}
    about = asdict(header)
    data = save(stored, {KEY: json.dumps(about | {"sha256": digest(stored, about)}, sort_keys=True)})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part(path, overwrite=True) as name:
            name.write_bytes(data)
    except OSError as error:
        raise WeightsError(
            f"cannot write weights to {path} ({error.strerror}); is there room, and permission?"
        ) from error


def is_ours(path: Path) -> bool:
    """Whether a file is safetensors with our header; False for one that cannot be read as safetensors at all."""
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
    check_finite(stored, str(path))
    return {name: full(tensor) for name, tensor in stored.items()}, header


def read_header(path: Path) -> WeightsHeader:
    """Read what a weights file of ours says about itself, and nothing else.

    Raises:
        WeightsDamaged: not such a file.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except (OSError, safetensors.SafetensorError) as error:
        raise WeightsDamaged(f"{path} cannot be read as weights ({error}); get it again") from error
    about = parsed(metadata, path)
    about.pop("sha256", None)
    return header_of(about, path)


def read_foreign(path: Path) -> dict[str, Tensor]:
    """Read a checkpoint that says nothing about itself, as float32: `.pth`, `.pt`, `.ckpt`, `.npz` or `.safetensors`.

    Nothing in the file is run: only tensors and plain containers are accepted. Of the wrappers around the weights
    (`params_ema`, `params`, `state_dict`, `model_state`) the contents are returned, without the prefix `module.`.

    Raises:
        WeightsDamaged: no checkpoint, truncated, more than tensors, or holding NaN or infinity.
    """
    if path.suffix.lower() == ".safetensors":
        content: Any = read_safetensors(path)[0]
    elif path.suffix.lower() == ".npz":
        content = read_arrays(path)
    else:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of old formats; what a file holds decides
                content = torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            raise WeightsDamaged(
                f"{path} holds more than weights, or is no checkpoint; nothing in it was run. "
                "If you trust it, open it with the program that made it and save its state_dict"
            ) from error
        except Exception as error:  # torch's reader stumbles in many ways over a file that is no checkpoint
            reason = first_line(error).split(". ")[0]
            raise WeightsDamaged(f"{path} cannot be read as a checkpoint ({reason}); get it again") from error
    while isinstance(content, dict) and (wrapper := next((key for key in WRAPPERS if key in content), None)):
        content = content[wrapper]
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise WeightsDamaged(f"{path} is a checkpoint, but its weights are not under any of {', '.join(WRAPPERS)}")
    check_finite(content, str(path))
    return {str(key).removeprefix("module."): full(tensor) for key, tensor in content.items()}


def read_arrays(path: Path) -> dict[str, Tensor]:
    """Numbers in a NumPy archive."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: torch.from_numpy(archive[name]) for name in archive.files}
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise WeightsDamaged(f"{path} cannot be read as a NumPy archive of weights ({first_line(error)})") from error


def load_strictly(network: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    """Give `network` its weights; every one must be there, fit, and have a place.

    Raises:
        WeightsDamaged: names the first that does not.
    """
    own = network.state_dict()
    kind = type(network).__name__
    for name, tensor in own.items():
        if name not in state:
            raise WeightsDamaged(f"{path} has no {name!r}, which {kind} needs")
        if state[name].shape != tensor.shape:
            raise WeightsDamaged(f"{path}: {name!r} is {size(state[name])}, but {kind} needs {size(tensor)}")
    if left := sorted(set(state) - set(own)):
        raise WeightsDamaged(f"{path} has {left[0]!r}, for which {kind} has no place ({len(left)} such names)")
    network.load_state_dict(state)


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (OSError, safetensors.SafetensorError) as error:
        raise WeightsDamaged(f"{path} cannot be read as weights ({first_line(error)}); get it again") from error


def parsed(metadata: Mapping[str, str], path: Path) -> dict[str, Any]:
    """The header's JSON as a dictionary."""
    try:
        about = json.loads(metadata[KEY])
    except (KeyError, ValueError) as error:
        raise WeightsDamaged(f"{path} does not say what it is; `daguerre models import {path}` finds out") from error
    return dict(about) if isinstance(about, dict) else {}


def header_of(about: Mapping[str, Any], path: Path) -> WeightsHeader:
    """The header from its fields."""
    if unknown := sorted(set(about) - {f.name for f in fields(WeightsHeader)}):
        raise WeightsDamaged(f"{path} says {unknown[0]!r} about itself, which is not understood; update daguerre")
    try:
        return WeightsHeader(**about)
    except TypeError as error:
        raise WeightsDamaged(f"{path} does not say all about itself ({first_line(error)})") from error


def digest(stored: Mapping[str, Tensor], about: Mapping[str, Any]) -> str:
    """SHA-256 over the header and every tensor's name, type, shape and bytes, in the order of their names."""
    total = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name in sorted(stored):
        tensor = stored[name]
        total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        total.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()


def check_finite(state: Mapping[str, Tensor], place: str) -> None:
    """Refuse weights that hold NaN or infinity, and none at all."""
    if not state:
        raise WeightsDamaged(f"{place}: there are no weights in it")
    for name, tensor in state.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise WeightsDamaged(f"{place}: {name!r} holds NaN or infinity, so the network would show nothing")


def halved(tensor: Tensor) -> Tensor:
    """The tensor in float16 if it is of floats that fit."""
    if not tensor.is_floating_point():
        return tensor
    half = tensor.half()
    return half if half.isfinite().all() else tensor


def full(tensor: Tensor) -> Tensor:
    """The tensor in float32 if it is of floats."""
    return tensor.float() if tensor.is_floating_point() else tensor


def size(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "a single number"


def first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
