"""A network with its weights: from a file, whoever wrote it, and between two files."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from daguerre.errors import WeightsDamaged, WeightsError
from daguerre.options import check_range
from daguerre.weights.checkpoint import WeightsHeader, is_ours, load_strictly, read, read_foreign
from daguerre.weights.convert import detect
from daguerre.weights.registry import build, task_of

__all__ = ["Loaded", "blend", "load_file"]


@dataclass(frozen=True)
class Loaded:
    """A network in evaluation mode, in float32 on the processor, and what its weights say about themselves."""

    network: nn.Module
    header: WeightsHeader


def load_file(path: Path) -> Loaded:
    """Build the network that a weights file, ours or foreign, belongs to, and give it its weights.

    Raises:
        WeightsDamaged: the file cannot be read, or its contents do not fit each other.
        UnknownArchitecture: no network here has these parameters.
    """
    if is_ours(path):
        state, header = read(path)
    else:
        found = detect(read_foreign(path))
        state = found.state
        header = WeightsHeader(
            name=path.stem,
            task=task_of(found.network),
            network=found.network,
            arguments=found.arguments,
            scale=found.arguments.get("scale", 1),
            licence="unknown",
            source=path.name,
        )
    try:
        network = build(header.network, header.arguments)
    except (TypeError, ValueError) as error:
        raise WeightsDamaged(f"{path}: {header.network} cannot be built as it asks ({error})") from error
    load_strictly(network, state, path)
    return Loaded(network.eval(), header)


def blend(first: Loaded, second: Loaded, amount: float) -> Loaded:
    """Weights between those of two networks of one architecture: from faithful to vivid on one dial.

    Network interpolation, Wang et al. 2018, https://arxiv.org/abs/1809.00219, section 3.4: every weight is
    (1 - amount) * first + amount * second. Meant for two of which one was trained from the other.

    Args:
        amount: 0 gives the first, 1 the second.

    Raises:
        OptionError: `amount` is outside [0, 1].
        WeightsError: the architectures differ.
    """
    check_range("amount", amount, 0, 1)
    one, two = first.header, second.header
    if architecture(first) != architecture(second):
        kinds = [f"{h.name} is a {h.network} with {arguments_of(h)}" for h in (one, two)]
        raise WeightsError(f"weights can be mixed only within one architecture: {kinds[0]}, {kinds[1]}")
    other = second.network.state_dict()
    state = {
        name: torch.lerp(tensor, other[name], amount) if tensor.is_floating_point() else tensor
        for name, tensor in first.network.state_dict().items()
    }
    network = build(one.network, one.arguments).eval()
    network.load_state_dict(state)
    name = f"{one.name} + {amount:g} ({two.name} - {one.name})"
    licence = one.licence if one.licence == two.licence else f"{one.licence} and {two.licence}"
    cleans = one.cleans or two.cleans
    return Loaded(
        network, replace(one, name=name, cleans=cleans, licence=licence, source=name, recipe=None, scores={}, note="")
    )


def architecture(loaded: Loaded) -> tuple[str, int, dict[str, torch.Size]]:
    """What must agree; a header's arguments need not, for it may leave out those that are the network's defaults."""
    shapes = {name: tensor.shape for name, tensor in loaded.network.state_dict().items()}
    return loaded.header.network, loaded.header.scale, shapes


def arguments_of(header: WeightsHeader) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(header.arguments.items())) or "its usual arguments"
