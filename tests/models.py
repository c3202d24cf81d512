"""Networks as models, for tests."""

import torch
from torch import Tensor, nn

from daguerre.devices import Device, choose_device
from daguerre.networks.compact_translation import CompactTranslation, LatentRestoration
from daguerre.networks.compact_vae import CompactEncoder, CompactVAE
from daguerre.weights import Model, WeightsHeader

CPU = choose_device("cpu", "float32")


def model_of(network: nn.Module, *, name: str = "drawn", task: str = "restore", device: Device = CPU) -> Model:
    """A model of a network that no file holds."""
    return Model(network.eval(), WeightsHeader(name=name, task=task, network=type(network).__name__)).on(device)


def tiny_restoration() -> LatentRestoration:
    """A latent restoration with few random weights, always the same."""
    torch.manual_seed(0)
    old, clean = (kind(features=8, blocks=1) for kind in (CompactEncoder, CompactVAE))
    return LatentRestoration(old, clean, CompactTranslation(features=8, before=1, after=1, cell=4)).eval()


def damaged_example(height: int, width: int, damaged: float = 0.05) -> tuple[Tensor, Tensor]:
    """A random image (1, 3, height, width) and its mask, with a fraction of the pixels damaged."""
    generator = torch.Generator().manual_seed(1)
    image = torch.rand(1, 3, height, width, generator=generator)
    return image, (torch.rand(1, 1, height, width, generator=generator) < damaged).float()
