"""Build networks for given weights; nothing is allocated before names and shapes match."""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from daguerre.errors import DaguerreError, WeightsDamaged
from daguerre.weights.checkpoint import WeightsHeader, first_line
from daguerre.weights.registry import build

__all__ = ["check_fits", "construct", "load_strictly"]

LARGEST = 1 << 16  # no published network has an argument, or a number of channels, beyond this
MOST = 10_000  # parameters of a network; the largest published one has 702
SPARE = 64  # parameters that a constructor may create and discard, besides three for each that it keeps


def construct(header: WeightsHeader, state: Mapping[str, Tensor], path: Path) -> nn.Module:
    """Build the network described by a header, in evaluation mode, and load its weights.

    Raises:
        WeightsDamaged: the header describes a network that cannot be built, or another one than the weights belong to.
        UnknownArchitecture: no network has this name.
    """
    check_fits(header, state, path)
    network = build(header.network, header.arguments)
    load_strictly(network, state, path)
    return network.eval()


def check_fits(header: WeightsHeader, state: Mapping[str, Tensor], path: Path) -> None:
    """Compare a header's network with the tensors, without allocating and in time linear in their number.

    Raises:
        WeightsDamaged: names the first difference.
        UnknownArchitecture: no network has this name.
    """
    if any(not is_plausible(value) for value in header.arguments.values()):
        asked = ", ".join(f"{name} {value}" for name, value in header.arguments.items())
        raise WeightsDamaged(f"{path}: no {header.network} has these arguments: {asked:.80}")
    try:
        with Blueprint(min(SPARE + 4 * len(state), MOST)):
            plan = build(header.network, header.arguments)
    except DaguerreError:
        raise
    except Exception as error:  # a constructor may raise anything on arguments it does not expect
        raise WeightsDamaged(f"{path}: {header.network} cannot be built as it asks ({first_line(error)})") from error
    compare(plan, state, path)
    scale = getattr(plan, "scale", header.scale)
    if scale != header.scale:
        raise WeightsDamaged(f"{path} says that it enlarges {header.scale} times, but its network {scale} times")


def load_strictly(network: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    """Load weights into `network`; names and shapes must match exactly.

    Raises:
        WeightsDamaged: names the first that does not match.
    """
    compare(network, state, path)
    network.load_state_dict(state)


def compare(network: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    own = network.state_dict()
    kind = type(network).__name__
    for name, tensor in own.items():
        if name not in state:
            raise WeightsDamaged(f"{path} has no {name!r}, which {kind} needs")
        if state[name].shape != tensor.shape:
            raise WeightsDamaged(f"{path}: {name!r} is {size(state[name])}, but {kind} needs {size(tensor)}")
    if left := sorted(set(state) - set(own)):
        raise WeightsDamaged(f"{path} has {left[0]!r}, for which {kind} has no place ({len(left)} such names)")


def size(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "a single number"


def is_plausible(value: Any) -> bool:
    """Whether a value can be an argument of a network: a number in range, a word, or a list of such."""
    if isinstance(value, list | tuple):
        return len(value) <= LARGEST and all(not isinstance(one, list | tuple) and is_plausible(one) for one in value)
    if isinstance(value, int | float):
        return math.isfinite(value) and 0 <= value <= LARGEST
    return value is None or isinstance(value, str)


class Blueprint(TorchFunctionMode):
    """Context in which parameters have shapes but no storage, and at most `most` of them are created.

    Like `torch.device("meta")`, which would take a second to import a compiler just for `arange`.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most, self.made = most, 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if re.search(r"[a-z]_$", getattr(func, "__name__", "")):  # in place: there are no values to change
            return args[0] if args else kwargs["tensor"]
        self.made += func is torch.empty  # torch's layers create their parameters with it
        if self.made > self.most:
            raise ValueError("of more parameters than the weights are")
        if func in (torch.empty, torch.zeros, torch.ones, torch.full):
            kwargs = kwargs | {"device": "meta"}
        return func(*args, **kwargs)
