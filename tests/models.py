"""Networks as models, for tests."""

from torch import nn

from daguerre.devices import Device, choose_device
from daguerre.weights import Model, WeightsHeader

CPU = choose_device("cpu", "float32")


def model_of(network: nn.Module, *, name: str = "drawn", task: str = "restore", device: Device = CPU) -> Model:
    """A model of a network that no file holds."""
    return Model(network.eval(), WeightsHeader(name=name, task=task, network=type(network).__name__)).on(device)
