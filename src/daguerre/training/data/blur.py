"""How made pictures lost their sharpness, and how soft that makes them."""

import math
from dataclasses import dataclass

from torch import Tensor

from daguerre.degradation.aging import Aged, texture

__all__ = ["UNSURE", "Blur"]

FEW = 0.6  # pixels from which a network is to leave a blur, for it is undone apart from this
UNSURE = 0.12  # how well blur is known, as a part of it
SHRUNK = 0.46  # pixels: shrunk by a factor, edges become as soft as by a Gaussian of so many times the factor


@dataclass(frozen=True)
class Blur:
    """How a picture lost its sharpness.

    Args:
        sigma: deviation in pixels of the Gaussian it was blurred with.
        factor: by which it was shrunk, and enlarged again.
    """

    sigma: float = 0.0
    factor: float = 1.0

    @classmethod
    def of(cls, aged: Aged) -> "Blur":
        """That of an aged photograph."""
        done = {step["step"]: step for step in aged.record.get("steps", [])}
        sigma = done.get("blur", {}).get("sigma", 0.0)
        return cls(sigma=sigma, factor=done.get("low_resolution", {}).get("factor", 1.0))

    def __call__(self, image: Tensor) -> Tensor:
        """Blur an image alike."""
        soft = texture.blur(image, sigma=self.sigma)
        return texture.low_resolution(soft, factor=self.factor) if self.factor > 1 else soft

    @property
    def wide(self) -> float:
        """Deviation in pixels of the Gaussian that makes edges as soft."""
        return math.hypot(self.sigma, SHRUNK * self.factor if self.factor > 1 else 0.0)

    def left(self, image: Tensor) -> Tensor:
        """What a network should leave of an image that lost its sharpness so."""
        return self(image) if self.wide >= FEW else image
