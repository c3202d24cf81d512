"""Random numbers and choices, all from one generator."""

import math
from collections.abc import Sequence
from typing import TypeVar

import torch

__all__ = ["Draws"]

T = TypeVar("T")


class Draws:
    """Random draws from one generator."""

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator

    def number(self, low: float = 0.0, high: float = 1.0) -> float:
        return low + (high - low) * float(torch.rand((), generator=self.generator))

    def log(self, low: float, high: float) -> float:
        """A log-uniform number between two."""
        return math.exp(self.number(math.log(low), math.log(high)))

    def maybe(self, chance: float) -> bool:
        return self.number() < chance

    def pick(self, choices: Sequence[T]) -> T:
        return choices[int(self.number(0, 0.9999) * len(choices))]
