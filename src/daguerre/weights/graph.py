"""Recognize networks by the order of their layers, for formats that keep the graph but lose names."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from daguerre.errors import UnknownArchitecture
from daguerre.networks.yunet import published_names

__all__ = ["Layer", "named"]

SLOPE = 0.2
"""Negative slope of RRDBNet's leaky ReLUs, and its residual scaling."""


@dataclass(frozen=True)
class Layer:
    """One layer of a graph, in order of execution.

    Args:
        kind: `convolution`, `prelu`, `concat`, `enlarge` (twice, nearest), `shuffle`, `leaky` or `multiply`; or
            its format's name for another layer.
        tensors: weights and biases of a convolution, slopes of a PReLU.
        number: the slope, the factor.
    """

    kind: str
    tensors: tuple[Tensor, ...] = ()
    number: float = 0.0


def named(layers: Sequence[Layer], place: str) -> dict[str, Tensor]:
    """The weights under their PyTorch names.

    Raises:
        UnknownArchitecture: neither an RRDBNet, an SRVGGNetCompact nor a YuNet.
    """
    kinds = [layer.kind for layer in layers]
    weighted = [layer for layer in layers if layer.tensors]
    convolutions = [layer for layer in weighted if layer.kind == "convolution"]
    others = {layer.number for layer in layers if layer.kind in ("leaky", "multiply")}
    if (
        len(convolutions) > 2
        and kinds.count("shuffle") == 1
        and [layer.kind for layer in weighted] == (["convolution", "prelu"] * (len(convolutions) - 1) + ["convolution"])
    ):
        return under([f"body.{number}" for number in range(len(weighted))], weighted)
    if len(convolutions) == len(weighted) == len(faces := list(published_names())) and kinds.count("MaxPool") == 4:
        return under(faces, convolutions)
    ups, blocks = kinds.count("enlarge"), kinds.count("concat") // 12
    names = rrdbnet_names(blocks, ups)
    activated = kinds.count("leaky")
    if (
        blocks
        and len(convolutions) == len(weighted) == len(names)
        and activated == 12 * blocks + ups + 1
        and all(abs(number - SLOPE) < 1e-4 for number in others)
    ):
        return under(names, convolutions)
    found = ", ".join(dict.fromkeys(kinds))
    raise UnknownArchitecture(
        f"{place}: of networks as layers only RRDBNet (ESRGAN), SRVGGNetCompact and YuNet are known, not this one of "
        f"{len(convolutions)} convolutions among {found:.100}; get it as .pth or .safetensors"
    )


def rrdbnet_names(blocks: int, ups: int) -> list[str]:
    """Names of the convolutions of an RRDBNet, in order of execution."""
    trunk = [
        f"body.{block}.rdb{dense}.conv{conv}" for block in range(blocks) for dense in (1, 2, 3) for conv in range(1, 6)
    ]
    return [
        "conv_first",
        *trunk,
        "conv_body",
        *(f"conv_up{number + 1}" for number in range(ups)),
        "conv_hr",
        "conv_last",
    ]


def under(names: Sequence[str], layers: Sequence[Layer]) -> dict[str, Tensor]:
    """The tensors of each layer under its name; a convolution without biases, which exporters drop, has zeros."""
    state = {}
    for name, layer in zip(names, layers, strict=True):
        state[f"{name}.weight"], *bias = layer.tensors
        if layer.kind == "convolution":
            state[f"{name}.bias"] = bias[0] if bias else state[f"{name}.weight"].new_zeros(len(layer.tensors[0]))
    return state
