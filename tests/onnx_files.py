"""Just enough of the ONNX format to write parts of a network."""

import numpy as np

__all__ = ["node", "number", "piece", "tensor", "varint"]

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


def node(kind: str, inputs: list[str], output: str, **attributes: list[int]) -> bytes:
    made = b"".join(piece(1, name) for name in inputs) + piece(2, output) + piece(3, output) + piece(4, kind)
    for name, values in attributes.items():
        made += piece(5, piece(1, name) + b"".join(number(8, value) for value in values) + number(20, INTS))
    return made
