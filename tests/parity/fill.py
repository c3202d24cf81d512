"""Rebuild the state dict that a parity fixture was computed with, and read its inputs and output."""

import json
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

FOLDER = Path(__file__).parent


def filled_state(name: str) -> dict[str, Tensor]:
    """The published state dict of fixture `name`, under the published keys, filled by the rule."""
    shapes = {key: tuple(shape) for key, shape in json.loads((FOLDER / f"{name}.json").read_text())["tensors"]}
    return {key: filled(key, shapes) for key in shapes}


def fixture(name: str) -> tuple[list[Tensor], Tensor]:
    """Inputs and the published network's output of fixture `name`."""
    with np.load(FOLDER / f"{name}.npz") as file:
        inputs = [torch.from_numpy(file[key]) for key in sorted(file.files) if key.startswith("input")]
        return inputs, torch.from_numpy(file["output"])


def relative_error(result: Tensor, expected: Tensor) -> float:
    """Largest difference over the largest expected value."""
    assert result.shape == expected.shape, f"{tuple(result.shape)} instead of {tuple(expected.shape)}"
    return float((result - expected).abs().max() / expected.abs().max())


def normal(key: str, shape: tuple[int, ...]) -> np.ndarray:
    return np.random.RandomState(zlib.crc32(key.encode()) & 0xFFFFFFFF).standard_normal(shape)


def filled(key: str, shapes: dict[str, tuple[int, ...]]) -> Tensor:
    """One tensor, float32 except for the batch counter."""
    shape = shapes[key]
    prefix, _, leaf = key.rpartition(".")
    if leaf == "num_batches_tracked":
        return torch.zeros(shape, dtype=torch.int64)
    if leaf == "running_mean":
        value = 0.1 * normal(key, shape)
    elif leaf == "running_var":
        value = 1 + 0.1 * np.abs(normal(key, shape))
    elif leaf == "filt":
        value = np.broadcast_to(np.outer([1, 2, 1], [1, 2, 1]) / 16, shape).copy()
    elif leaf in ("weight_u", "weight_v"):
        u = normal(f"{prefix}.weight_u", shapes[f"{prefix}.weight_u"])
        for _ in range(2):
            u = u / np.linalg.norm(u)
        weight = filled(f"{prefix}.weight_orig", shapes).double().numpy()
        v = weight.reshape(len(weight), -1).T @ u
        value = u if leaf == "weight_u" else v / np.linalg.norm(v)
    elif len(shape) >= 2:
        value = normal(key, shape) * np.sqrt(1 / np.prod(shape[1:]))
    elif leaf == "weight":
        value = 1 + 0.02 * normal(key, shape)
    else:
        value = 0.02 * normal(key, shape)
    return torch.from_numpy(np.asarray(value)).float()
