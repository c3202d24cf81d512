"""Just enough of the ONNX format to write a network of convolutions that OpenCV reads."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

__all__ = ["Output", "write_convolutions"]

Output = tuple[np.ndarray, np.ndarray, int]
"""Weights (out, in, k, k) and biases (out,) of a convolution whose stride is its kernel's side, and that side."""

FLOAT, INTS = 1, 7  # of TensorProto.DataType, and of AttributeProto.AttributeType


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def piece(field: int, value: bytes | str) -> bytes:
    value = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(value)) + value


def varint(value: int) -> bytes:
    made = b""
    while value > 127:
        made, value = made + bytes([value & 127 | 128]), value >> 7
    return made + bytes([value])


def tensor(name: str, values: np.ndarray) -> bytes:
    shape = b"".join(number(1, length) for length in values.shape)
    return shape + number(2, FLOAT) + piece(8, name) + piece(9, values.astype("<f4").tobytes())


def of_type(name: str, shape: list[int]) -> bytes:
    sides = b"".join(piece(1, number(1, length)) for length in shape)
    return piece(1, name) + piece(2, piece(1, number(1, FLOAT) + piece(2, sides)))


def node(kind: str, inputs: list[str], output: str, **attributes: list[int]) -> bytes:
    made = b"".join(piece(1, name) for name in inputs) + piece(2, output) + piece(3, output) + piece(4, kind)
    for name, values in attributes.items():
        made += piece(5, piece(1, name) + b"".join(number(8, value) for value in values) + number(20, INTS))
    return made


def write_convolutions(path: Path, outputs: Mapping[str, Output], *, side: int) -> None:
    """Write a network that takes `input` (1, 3, side, side) and gives each output (1, h, w, out) by one convolution."""
    graph = piece(2, "convolutions")
    for name, (weight, bias, stride) in outputs.items():
        graph += piece(5, tensor(f"{name}.weight", weight)) + piece(5, tensor(f"{name}.bias", bias))
        convolve = node(
            "Conv",
            ["input", f"{name}.weight", f"{name}.bias"],
            f"{name}.first",
            kernel_shape=[stride, stride],
            strides=[stride, stride],
        )
        graph += piece(1, convolve) + piece(1, node("Transpose", [f"{name}.first"], name, perm=[0, 2, 3, 1]))
        graph += piece(12, of_type(name, [1, side // stride, side // stride, len(bias)]))
    graph += piece(11, of_type("input", [1, 3, side, side]))
    path.write_bytes(number(1, 8) + piece(7, graph) + piece(8, number(2, 11)))
