"""The blur of aged pictures, and how soft it makes their edges."""

import math
from dataclasses import dataclass

from torch import Tensor

from daguerre.degradation.aging import Aged, texture

__all__ = ["SIGMA_ERROR", "Blur"]

LEFT_FROM = 0.6  # pixels; sigma from which denoising leaves a blur, which deblurring undoes
SIGMA_ERROR = 0.12  # relative error with which a blur's sigma is measured
RESIZE_SIGMA = 0.46  # pixels; downscaling by a factor softens edges like a Gaussian of this sigma times the factor


@dataclass(frozen=True)
class Blur:
    """The blur of a picture.

    Args:
        sigma: standard deviation in pixels of its Gaussian blur.
        factor: factor by which it was downscaled and upscaled again.
    """

    sigma: float = 0.0
    factor: float = 1.0

    @classmethod
    def of(cls, aged: Aged) -> "Blur":
        """The blur of an aged photograph, from its record."""
        steps = {step["step"]: step for step in aged.record.get("steps", [])}
        sigma = steps.get("blur", {}).get("sigma", 0.0)
        return cls(sigma=sigma, factor=steps.get("low_resolution", {}).get("factor", 1.0))

    def __call__(self, image: Tensor) -> Tensor:
        """Blur an image (B, 3, H, W) in the same way."""
        soft = texture.blur(image, sigma=self.sigma)
        return texture.low_resolution(soft, factor=self.factor) if self.factor > 1 else soft

    @property
    def equivalent_sigma(self) -> float:
        """Standard deviation in pixels of the Gaussian that softens edges equally."""
        return math.hypot(self.sigma, RESIZE_SIGMA * self.factor if self.factor > 1 else 0.0)

    def denoising_target(self, image: Tensor) -> Tensor:
        """Denoising target for an image (B, 3, H, W) with this blur, which is undone if slight."""
        return self(image) if self.equivalent_sigma >= LEFT_FROM else image
