"""Read networks from ONNX files without the `onnx` package: only as much of the format as their weights need.

https://onnx.ai/onnx/repo-docs/IR.html, written as protocol buffers, https://protobuf.dev/programming-guides/encoding
"""

import math
import os
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from daguerre.errors import UnknownArchitecture, WeightsDamaged
from daguerre.weights.graph import Layer, named

__all__ = ["read_onnx"]

TYPES = {1: "f4", 2: "u1", 3: "i1", 6: "i4", 7: "i8", 9: "?", 10: "f2", 11: "f8"}
"""NumPy type codes of ONNX's numeric types."""
BFLOAT16 = 16
EPSILON = 1e-3  # in the batch normalizations of Magenta's transformer
Value = int | float | memoryview


@dataclass
class Node:
    """One operation of a graph."""

    kind: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    numbers: dict[str, float] = field(default_factory=dict)
    tensor: Tensor | None = None


def read_onnx(path: Path) -> dict[str, Tensor]:
    """Read the weights of an RRDBNet, an SRVGGNetCompact, a YuNet or Magenta's style transformer, as float32.

    Eight-bit weights are dequantized.

    Raises:
        WeightsDamaged: not an ONNX file, truncated, or with its weights in another file.
        UnknownArchitecture: not a supported network.
    """
    try:
        nodes, tensors = graph_of(memoryview(path.read_bytes()), path.parent)
        resolve(nodes, tensors)
        layers = [layer_of(node, tensors) for node in nodes]
    except (ValueError, IndexError, KeyError, RuntimeError, struct.error) as error:
        raise WeightsDamaged(
            f"{path} cannot be read as an ONNX file ({error or 'it ends too early'}); get it again"
        ) from error
    if not nodes:
        raise WeightsDamaged(f"{path} is no ONNX file; get it again")
    if variables := magenta_variables(nodes, tensors):
        return variables
    try:
        return named([layer for layer in layers if layer is not None], str(path))
    except UnknownArchitecture:
        floats = {name: tensor for name, tensor in tensors.items() if tensor.is_floating_point() and tensor.ndim}
        if not any("." in name for name in floats):
            raise
        return floats  # whose names may identify the network


def fields(data: memoryview) -> Iterator[tuple[int, Value]]:
    """Number and value of each field of a message.

    Raises:
        ValueError, IndexError, struct.error: not a message, or truncated.
    """
    place = 0
    while place < len(data):
        key, place = varint(data, place)
        value: Value
        match key & 7:
            case 0:
                value, place = varint(data, place)
            case 1:
                value, place = struct.unpack_from("<d", data, place)[0], place + 8
            case 2:
                size, place = varint(data, place)
                if size > len(data) - place:
                    raise ValueError("it ends too early")
                value, place = data[place : place + size], place + size
            case 5:
                value, place = struct.unpack_from("<f", data, place)[0], place + 4
            case _:
                raise ValueError("it is something else")
        yield key >> 3, value


def varint(data: memoryview, place: int) -> tuple[int, int]:
    """A number of up to 64 bits, seven per byte, and the offset after it."""
    value = 0
    for shift in range(0, 64, 7):
        byte = data[place]
        value, place = value | (byte & 127) << shift, place + 1
        if byte < 128:
            return value, place
    raise ValueError("it is something else")


def text(value: Value) -> str:
    return bytes(message(value)).decode("utf-8", "replace")


def message(value: Value) -> memoryview:
    if not isinstance(value, memoryview):
        raise ValueError("it is something else")
    return value


def graph_of(model: memoryview, folder: Path) -> tuple[list[Node], dict[str, Tensor]]:
    """The operations of a model in order, and its constant tensors by name."""
    nodes, tensors = [], {}
    for number, graph in fields(model):
        if number == 7:
            for part, value in fields(message(graph)):
                if part == 1:
                    nodes.append(node_of(message(value), folder))
                elif part == 5:
                    name, tensor = tensor_of(message(value), folder)
                    tensors[name] = tensor
    return nodes, tensors


def node_of(data: memoryview, folder: Path) -> Node:
    node = Node()
    for number, value in fields(data):
        if number == 1:
            node.inputs.append(text(value))
        elif number == 2:
            node.outputs.append(text(value))
        elif number == 4:
            node.kind = text(value)
        elif number == 5:
            attribute = dict(fields(message(value)))
            name = text(attribute[1])
            if 5 in attribute:
                node.tensor = tensor_of(message(attribute[5]), folder)[1]
            for one in (2, 3):
                if isinstance(held := attribute.get(one), int | float):
                    node.numbers[name] = held
    return node


def tensor_of(data: memoryview, folder: Path) -> tuple[str, Tensor]:
    """Name and values of a tensor, which may be in another file of the folder, as PyTorch writes them."""
    name, kind, shape, raw, elsewhere = "", 0, list[int](), b"", dict[str, str]()
    for number, value in fields(data):
        match number, value:
            case 1, int():
                shape.append(value)
            case 1, memoryview():
                shape += packed(value)
            case 2, int():
                kind = value
            case 4, memoryview():
                raw = bytes(value)
            case 4, float():
                raw += struct.pack("<f", value)
            case ((5 | 7), memoryview()):
                raw = np.array(packed(value), dtype=TYPES.get(kind, "i4")).tobytes()
            case 8, memoryview():
                name = text(value)
            case ((9 | 10), memoryview()):
                raw = bytes(value)
            case 13, memoryview():
                entry = dict(fields(value))
                elsewhere[text(entry[1])] = text(entry[2])
    if elsewhere:
        raw = piece_of(folder, elsewhere["location"], int(elsewhere.get("offset", 0)), int(elsewhere["length"]))
    if kind == BFLOAT16:
        array = (np.frombuffer(raw, "<u2").astype("<u4") << 16).view("<f4")
    elif kind in TYPES:
        array = np.frombuffer(raw, np.dtype(TYPES[kind]).newbyteorder("<"))
    else:
        return name, torch.zeros(0)  # words, and the like
    if math.prod(shape) != len(array):
        raise ValueError(f"{name:.40} has another size than it claims")
    return name, torch.from_numpy(array.reshape(shape).astype("=" + TYPES.get(kind, "f4")))


def piece_of(folder: Path, name: str, offset: int, length: int) -> bytes:
    """Part of a file in the same folder; other paths are refused."""
    if Path(name).name != name or not (folder / name).is_file():
        raise ValueError(f"its weights are in {name[:40]!r}, which is not beside it")
    with (folder / name).open("rb") as file:
        if not 0 <= offset <= offset + length <= os.fstat(file.fileno()).st_size:
            raise ValueError(f"{name[:40]!r} ends too early")
        file.seek(offset)
        return file.read(length)


def packed(data: memoryview) -> list[int]:
    """Packed numbers."""
    values, place = [], 0
    while place < len(data):
        value, place = varint(data, place)
        values.append(value - (1 << 64) if value >> 63 else value)
    return values


def resolve(nodes: list[Node], tensors: dict[str, Tensor]) -> None:
    """Fold constants: add tensors computed from constants alone (renamed, cast, dequantized)."""
    for node in nodes:
        if node.kind == "Constant" and node.tensor is not None:
            tensors[node.outputs[0]] = node.tensor
        elif node.kind in ("Identity", "Cast") and node.inputs[0] in tensors:
            tensors[node.outputs[0]] = tensors[node.inputs[0]]
        elif node.kind == "DequantizeLinear" and node.inputs[0] in tensors:
            value, scale, zero = (
                tensors[name].double() if name in tensors else None for name in [*node.inputs, ""][:3]
            )
            assert value is not None
            if scale is None:
                raise KeyError(node.inputs[1])
            axis = int(node.numbers.get("axis", 1))
            along = [-1 if place == axis else 1 for place in range(value.ndim)] if scale.ndim else []
            shifted = value if zero is None else value - zero.reshape(along if zero.ndim else [])
            tensors[node.outputs[0]] = (shifted * scale.reshape(along)).float()


def layer_of(node: Node, tensors: Mapping[str, Tensor]) -> Layer | None:
    """The layer that an operation stands for; None if it only moves data."""
    held = tuple(tensors[name].float() for name in node.inputs if name in tensors)
    match node.kind:
        case "Conv":
            return Layer("convolution", held)
        case "PRelu":
            return Layer("prelu", tuple(one.flatten() for one in held))
        case "LeakyRelu":
            return Layer("leaky", number=node.numbers.get("alpha", 0.01))
        case "Concat":
            return Layer("concat")
        case "Mul" if held and held[0].numel() == 1:
            return Layer("multiply", number=float(held[0]))
        case "Resize" | "Upsample":
            return Layer("enlarge")
        case "DepthToSpace":
            return Layer("shuffle")
        case "Add" | "Constant" | "Identity" | "Cast" | "Reshape" | "Transpose" | "DequantizeLinear":
            return None
    return Layer(node.kind)


def magenta_variables(nodes: list[Node], tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The variables of Magenta's style transformer in TensorFlow's axis order; empty for another graph.

    Its batch normalizations are folded into the convolutions; they are rebuilt as ones that only add the biases.
    """
    variables = {}
    for node in nodes:
        scope = node.kind == "Conv" and re.match(r"((style_params/)?transformer/.*/)(\w*weights)", node.inputs[1])
        if not scope or node.inputs[1] not in tensors:
            continue
        weight = tensors[node.inputs[1]]
        order = (2, 3, 0, 1) if scope[3] == "depthwise_weights" else (2, 3, 1, 0)
        variables[scope[1] + scope[3]] = weight.permute(order)
        bias = tensors[node.inputs[2]] if len(node.inputs) > 2 else torch.zeros(len(weight))
        if "/StyleNorm/" in scope[1]:
            variables[f"{scope[1]}biases"] = bias
        elif "/contract/" in scope[1]:
            still = {"gamma": 1.0, "moving_mean": 0.0, "moving_variance": 1.0 - EPSILON}
            norms = {name: torch.full_like(bias, value) for name, value in still.items()} | {"beta": bias}
            variables |= {f"{scope[1]}BatchNorm/{name}": value for name, value in norms.items()}
    return variables
