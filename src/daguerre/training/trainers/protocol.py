"""What the loop asks of a step."""

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

__all__ = ["Trainer"]


class Trainer(Protocol):
    """One kind of training: it holds the data, the networks and the losses."""

    left_out: list[str]
    """Pictures that could not be used, one line each, with the reason."""

    labels: list[str]
    """What the network tells apart, in the order of its outputs; empty if it does not classify."""

    def learn(self, step: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Do iteration `step`, from 1, all chance taken from `generator`; returns losses by name, detached scalars."""

    def judge(self) -> dict[str, float]:
        """Scores by name of the averaged network on the pictures held out."""

    def show(self) -> Tensor | None:
        """A sheet (1, 3, H, W) in [0, 1] of samples to look at, or nothing."""

    def state(self) -> dict[str, Any]:
        """What a checkpoint must hold, for `Fabric.save` and `Fabric.load`."""

    def result(self) -> tuple[nn.Module, Mapping[str, Tensor]]:
        """The network whose weights are kept, and those weights."""
