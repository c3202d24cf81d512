"""Read foreign checkpoints: tensors by name from PyTorch's, NumPy's and other files.

Nothing in a file is run: only tensors, arrays and plain containers are accepted, and memory is bounded by the
file's size.
"""

import importlib
import io
import math
import pickle
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from daguerre.errors import MissingExtra, WeightsDamaged
from daguerre.weights.checkpoint import as_float32, first_line, read_safetensors
from daguerre.weights.ncnn import read_pair
from daguerre.weights.onnx import read_onnx
from daguerre.weights.unknown import what_it_is

__all__ = ["read_foreign"]

WRAPPERS = (
    *("params_ema", "ema", "g_ema", "net_g_ema", "generator_ema", "model_ema"),
    *("params", "state_dict", "model_state", "model_state_dict", "net_g", "netG", "g", "generator", "model", "net"),
)
"""Keys under which training code stores weights, the best first: averaged weights before the last ones."""
DEEPEST = 4
"""Deepest nesting of wrappers."""
EXPANSION = 16
"""Largest expansion of a compressed file: trained weights hardly compress, those rounded to 16 bits by about half."""
SLACK = 1 << 24  # bytes allowed in addition, for tiny files


def read_foreign(path: Path) -> dict[str, Tensor]:
    """Read weights without our header, as float32.

    Of PyTorch (`.pth`, `.pt`, `.ckpt`, …), `.safetensors`, NumPy (`.npz`), ONNX, HDF5 (`.h5`),
    or ncnn (`.param` beside `.bin`).

    Wrappers that training code puts around weights (`params_ema`, `state_dict`, …) are opened; values that are not
    tensors, such as an epoch number, are left out.

    Raises:
        WeightsDamaged: not a checkpoint, truncated, holding more than tensors, or NaN or infinity.
        WeightsNotFound: one file of a pair is missing.
        UnknownArchitecture: the layer graph of an unknown network.
    """
    try:
        if kind := what_it_is(path):
            raise WeightsDamaged(f"{path} {kind}")
        content = READERS.get(path.suffix.lower(), read_pickled)(path)
    except OSError as error:
        raise WeightsDamaged(f"{path} cannot be read ({error.strerror or error})") from error
    return as_float32(once_each(unwrapped(content, path), path), str(path))


def read_pickled(path: Path) -> Any:
    """The contents of a file saved by PyTorch."""
    check_growth(path)
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(STAND_INS):
            warnings.simplefilter("ignore")  # about old formats, which do not matter
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsDamaged(
            f"{path} holds more than weights, or is no checkpoint; nothing in it was run. "
            "If you trust it, open it with the program that made it and save its state_dict"
        ) from error
    except Exception as error:  # torch's reader raises all kinds of errors on other files
        reason = first_line(error).split(". ")[0]
        raise WeightsDamaged(f"{path} cannot be read as a checkpoint ({reason:.100}); get it again") from error


def read_arrays(path: Path) -> dict[str, Tensor]:
    """Arrays in a NumPy archive."""
    check_growth(path)
    try:
        with zipfile.ZipFile(path) as archive:
            return {info.filename.removesuffix(".npy"): array_of(archive.read(info)) for info in archive.infolist()}
    except Exception as error:  # as with torch's reader
        raise WeightsDamaged(
            f"{path} cannot be read as a NumPy archive of weights ({first_line(error):.100})"
        ) from error


def read_hdf5(path: Path) -> dict[str, Tensor]:
    """Arrays in an HDF5 file, as Keras writes it, by their paths."""
    try:
        h5py = importlib.import_module("h5py")
    except ImportError as error:
        raise MissingExtra(f"{path} is HDF5; to read it, install h5py with `pip install h5py`") from error
    found: dict[str, Tensor] = {}

    def take(name: str, item: Any) -> None:
        # chunked data may be compressed, and expand to any size
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "fiu" and item.chunks is None:
            found[name] = as_tensor(np.asarray(item[()]))

    try:
        with h5py.File(path, "r") as file:
            file.visititems(take)
    except Exception as error:  # as with torch's reader
        raise WeightsDamaged(f"{path} cannot be read as HDF5 ({first_line(error):.100}); get it again") from error
    return found


def array_of(data: bytes) -> Tensor:
    """The array in the bytes of a `.npy` file.

    Its size is checked first, because `numpy.load` allocates whatever the header claims.

    Raises:
        ValueError: the header cannot be read, or does not fit what follows.
    """
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, in_columns, dtype = read_header(file)
    if dtype.hasobject or math.prod(shape) * dtype.itemsize != len(data) - file.tell():
        raise ValueError("an array that is not of numbers, or not of the size that it claims")
    flat = np.frombuffer(data, dtype, offset=file.tell())
    return as_tensor(flat.reshape(shape, order="F" if in_columns else "C"))


def as_tensor(array: np.ndarray[Any, np.dtype[Any]]) -> Tensor:
    """A tensor of an array, in native byte order."""
    return torch.from_numpy(np.array(array, dtype=array.dtype.newbyteorder("="), order="C"))


def check_growth(path: Path) -> None:
    """Refuse a zip archive whose contents are far larger than itself.

    Raises:
        WeightsDamaged: they are.
    """
    size = path.stat().st_size
    if zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                unpacked = sum(info.file_size for info in archive.infolist())
        except Exception as error:
            raise WeightsDamaged(
                f"{path} cannot be read as a checkpoint ({first_line(error)}); get it again"
            ) from error
        if unpacked > EXPANSION * size + SLACK:
            raise WeightsDamaged(
                f"{path} has {size / 2**20:.1f} MiB and would unpack to {unpacked / 2**20:.0f} MiB, as no weights do"
            )


def unwrapped(content: Any, path: Path) -> dict[str, Tensor]:
    """The tensors by name, without the wrappers of training code."""
    for _ in range(DEEPEST):
        if not isinstance(content, Mapping):
            break
        inner = {key: value for key, value in content.items() if isinstance(value, Mapping) and value}
        if wrapper := next((key for key in WRAPPERS if key in inner), None):
            content = inner[wrapper]
        elif state := dict(tensors_in(content)):
            return state
        elif len(inner) == 1:
            (content,) = inner.values()
        else:
            break
    if isinstance(content, Mapping) and not content:
        return {}
    raise WeightsDamaged(
        f"{path} is a checkpoint without weights, also under params_ema, params, state_dict and the like"
    )


def tensors_in(content: Mapping[Any, Any]) -> Iterator[tuple[str, Tensor]]:
    """The tensors of a checkpoint, and its arrays as tensors."""
    for key, value in content.items():
        value = getattr(value, "tensor", None) if isinstance(value, StoredArray) else value
        if isinstance(value, Tensor):
            yield str(key), value


def once_each(state: Mapping[str, Tensor], path: Path) -> Mapping[str, Tensor]:
    """Refuse tensors that share the same part of the file, by which a small file could fill the memory."""
    strided = [tensor for tensor in state.values() if tensor.layout is torch.strided and not tensor.is_meta]
    held = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in strided}
    claimed = sum(tensor.numel() * tensor.element_size() for tensor in strided)
    if claimed > EXPANSION * sum(held.values()) + SLACK:
        raise WeightsDamaged(f"{path} has weights that claim more numbers than it holds")
    return state


class StoredArray:
    """Stands in for `numpy.ndarray` while a checkpoint is read; accepts only numbers."""

    tensor: Tensor

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, in_columns, data = state
        data = data.encode("latin1") if isinstance(data, str) else data
        dtype = np.dtype(kind.name)
        if not isinstance(data, bytes) or math.prod(shape) * dtype.itemsize != len(data):
            raise pickle.UnpicklingError("an array of another size than it claims")
        flat = np.frombuffer(data, dtype)
        self.tensor = as_tensor(flat.reshape(shape, order="F" if in_columns else "C"))


class StoredType:
    """Stands in for `numpy.dtype`; numeric types only."""

    def __init__(self, kind: str, *_: object) -> None:
        if not re.fullmatch(r"[fiu][1248]|b1", kind):
            raise pickle.UnpicklingError("an array that is not of numbers")
        self.name = kind

    def __setstate__(self, state: Any) -> None:
        self.name = f"{state[1] if state[1] in '<>' else '='}{self.name}"


def stored_array(*_: object) -> StoredArray:
    """Stands in for the function that creates an empty array, to be filled by `__setstate__`."""
    return StoredArray()


def stored_number(*_: object) -> None:
    """Stands in for the function that creates a NumPy scalar, which is not a weight."""


STAND_INS: list[Any] = [
    (StoredArray, "numpy.ndarray"),
    (StoredType, "numpy.dtype"),
    *((stored_array, f"numpy.{core}.multiarray._reconstruct") for core in ("core", "_core")),
    *((stored_number, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
]
"""Replacements for NumPy's names in torch's reader; NumPy's own functions trust a file too much."""


READERS: dict[str, Callable[[Path], Any]] = {
    ".safetensors": lambda path: read_safetensors(path)[0],
    ".npz": read_arrays,
    ".h5": read_hdf5,
    ".hdf5": read_hdf5,
    ".onnx": read_onnx,
    ".param": read_pair,
    ".bin": lambda path: read_pair(path) if path.with_suffix(".param").is_file() else read_pickled(path),
}
"""Readers by file name suffix; any other suffix is PyTorch's."""
