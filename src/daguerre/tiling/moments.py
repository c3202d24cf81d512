"""Running mean and variance of data too large for memory."""

import torch
from torch import Tensor

__all__ = ["Moments"]


class Moments:
    """Mean and population variance per channel over all chunks added so far.

    Chunks are merged in float64 by Chan, Golub and LeVeque's formula (1979, "Updating formulae and a pairwise
    algorithm for computing sample variances"), which loses no digits when the mean is large against the deviation:

        mean = (n1 mean1 + n2 mean2) / (n1 + n2)
        m2   = m2_1 + m2_2 + (mean2 - mean1)^2 n1 n2 / (n1 + n2)
    """

    def __init__(self) -> None:
        self.count = 0
        self._mean = torch.zeros((), dtype=torch.float64)
        self._deviation = torch.zeros((), dtype=torch.float64)  # sum of squared distances from the mean

    def add(self, values: Tensor) -> None:
        """Add `values` (1, C, h, w), any h and w."""
        count = values.shape[2] * values.shape[3]
        # In two steps: with channels last in memory `torch.var_mean` takes ten times as long.
        values = values.detach().float()
        near = values.mean(dim=(0, 2, 3))
        apart = values - near[:, None, None]
        beside = apart.mean(dim=(0, 2, 3)).double()  # rounding error of the mean
        mean = (near + beside).cpu()
        variance = (apart.square_().mean(dim=(0, 2, 3)).double() - beside**2).cpu()
        total = self.count + count
        moved = mean - self._mean
        self._mean = self._mean + moved * (count / total)
        self._deviation = self._deviation + variance * count + moved**2 * (self.count * count / total)
        self.count = total

    @property
    def mean(self) -> Tensor:
        """Mean per channel (C,), float64."""
        return self._mean

    @property
    def variance(self) -> Tensor:
        """Population variance per channel (C,), float64."""
        return self._deviation / max(self.count, 1)
