"""How aged pictures lost their sharpness, and how soft that makes their edges."""

import math
from dataclasses import dataclass

from torch import Tensor

from daguerre.degradation.aging import Aged, texture

__all__ = ["SIGMA_ERROR", "Blur"]

LEFT_FROM = 0.6  # pixels of sigma from which denoising leaves a blur, for it is undone apart from that
SIGMA_ERROR = 0.12  # relative error with which a blur's sigma is measured
RESIZE_SIGMA = 0.46  # pixels: downscaling by a factor softens edges as a Gaussian of so many times the factor does


@dataclass(frozen=True)
class Blur:
    """How a picture lost its sharpness.

    Args:
        sigma: standard deviation in pixels of the Gaussian it was blurred with.
        factor: by which it was downscaled, and upscaled again.
    """

    sigma: float = 0.0
    factor: float = 1.0

    @classmethod
    def of(cls, aged: Aged) -> "Blur":
        """That of an aged photograph, by its record."""
        steps = {step["step"]: step for step in aged.record.get("steps", [])}
        sigma = steps.get("blur", {}).get("sigma", 0.0)
        return cls(sigma=sigma, factor=steps.get("low_resolution", {}).get("factor", 1.0))

    def __call__(self, image: Tensor) -> Tensor:
        """Blur an image (B, 3, H, W) alike."""
        soft = texture.blur(image, sigma=self.sigma)
        return texture.low_resolution(soft, factor=self.factor) if self.factor > 1 else soft

    @property
    def equivalent_sigma(self) -> float:
        """Standard deviation in pixels of the Gaussian that softens edges as much."""
        return math.hypot(self.sigma, RESIZE_SIGMA * self.factor if self.factor > 1 else 0.0)

    def denoising_target(self, image: Tensor) -> Tensor:
        """What denoising is to make of an image (B, 3, H, W) that was blurred so: a slight blur is undone."""
        return self(image) if self.equivalent_sigma >= LEFT_FROM else image
