"""Read ncnn networks, as used by Upscayl: a text file of layers (`.param`) and their weights (`.bin`).

https://github.com/Tencent/ncnn/wiki/param-and-model-file-structure
"""

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor

from daguerre.errors import UnknownArchitecture, WeightsDamaged, WeightsNotFound
from daguerre.weights.graph import Layer, named

__all__ = ["read_pair"]

MAGIC = "7767517"
MOST = 1 << 22  # characters of a `.param` file; the longest known has a hundred thousand
HALF = 0x01306B47
"""Tag before float16 weights; float32 weights have 0."""


def read_pair(path: Path) -> dict[str, Tensor]:
    """Read both files of a network, given either of them.

    Raises:
        WeightsNotFound: the other file is missing.
        WeightsDamaged: they cannot be read, or do not match each other.
        UnknownArchitecture: not a supported network.
    """
    text, weights = path.with_suffix(".param"), path.with_suffix(".bin")
    for half in (text, weights):
        if not half.is_file():
            raise WeightsNotFound(f"{path} is half of an ncnn network; {half.name} has to lie beside it")
    with text.open("rb") as file:
        lines = file.read(MOST).decode("utf-8", "replace").splitlines()
    if not lines or lines[0].strip() != MAGIC:
        raise WeightsDamaged(f"{text} is no text of ncnn's layers: it does not begin with {MAGIC}; get it again")
    with weights.open("rb") as file:
        try:
            layers = [layer for line in lines[2:] if line.strip() for layer in layers_of(line, file)]
        except (ValueError, LookupError, ArithmeticError, RuntimeError, EOFError) as error:
            raise WeightsDamaged(f"{text.name} and {weights.name} do not fit each other, or one is damaged") from error
        if file.read(1):
            raise WeightsDamaged(f"{weights} holds more than {text.name} tells of; get both again")
    return named(layers, str(path))


def layers_of(line: str, file: BinaryIO) -> Iterator[Layer]:
    """The layer that a line describes, and its fused activation."""
    kind, _, inputs, outputs, *rest = line.split()
    settings = dict(word.split("=", 1) for word in rest[int(inputs) + int(outputs) :])
    value = {key: float(text) for key, text in settings.items() if "," not in text}
    match kind:
        case "Convolution":
            yield Layer("convolution", tuple(read_convolution(value, file)))
            if value.get("9") == 2:
                yield Layer("leaky", number=float(settings["-23310"].split(",")[1]))
            elif value.get("9", 0) != 0:
                yield Layer(f"activation {value['9']:g}")
        case "PReLU":
            yield Layer("prelu", (read_floats(file, int(value["0"])),))
        case "ReLU":
            yield Layer("leaky", number=value.get("0", 0.0))
        case "Interp" if value.get("0") == 1 and value.get("1") == value.get("2") == 2:
            yield Layer("enlarge")
        case "Interp":
            yield Layer("resize")
        case "PixelShuffle":
            yield Layer("shuffle")
        case "Concat":
            yield Layer("concat")
        case "BinaryOp" if value.get("1") == 1:
            yield Layer("multiply", number=value.get("2", 0.0))
        case "Input" | "Split" | "BinaryOp" | "Eltwise":
            yield Layer(kind)
        case "Reorg" if value.get("1", 0) == 0:  # pixels become channels in PyTorch's order
            yield Layer(kind)
        case _:
            raise UnknownArchitecture(
                f"this ncnn network has a layer {kind[:40]!r}; of its networks only RRDBNet (ESRGAN) and "
                "SRVGGNetCompact are known; get it as .pth or .safetensors"
            )


def read_convolution(value: dict[str, float], file: BinaryIO) -> Iterator[Tensor]:
    """Weights (out, in, height, width), and biases if there are any."""
    outputs, width = int(value["0"]), int(value["1"])
    height, count = int(value.get("11", width)), int(value["6"])
    if value.get("8") or outputs < 1 or height * width < 1:
        raise ValueError("a convolution in eight bits, or of no size")
    flag = int.from_bytes(exactly(file, 4), "little")
    if flag not in (0, HALF):
        raise ValueError("weights that are rounded in another way than to float16")
    weights = read_floats(file, count, half=flag == HALF)
    yield weights.reshape(outputs, -1, height, width)
    if value.get("5"):
        yield read_floats(file, outputs)


def read_floats(file: BinaryIO, count: int, *, half: bool = False) -> Tensor:
    """Read `count` numbers; float16 data are padded to four bytes."""
    size = count * (2 if half else 4)
    data = exactly(file, math.ceil(size / 4) * 4)[:size]
    return torch.from_numpy(np.frombuffer(data, "<f2" if half else "<f4").astype(np.float32))


def exactly(file: BinaryIO, size: int) -> bytes:
    """Read exactly `size` bytes.

    Raises:
        EOFError: the file is shorter.
    """
    data = file.read(size) if 0 <= size <= os.fstat(file.fileno()).st_size else b""
    if len(data) != size:
        raise EOFError
    return data
