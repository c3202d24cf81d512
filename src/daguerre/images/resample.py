"""Bicubic resampling with antialiasing, as MATLAB's `imresize` does it.

Papers measure upscaling on pictures downscaled by this exact filter (Keys' kernel with a = -0.5, stretched when
downscaling, mirrored at the border), so it is implemented here: torch's and Pillow's antialiased bicubic use the same
kernel but truncate it at the border.
"""

import functools
import math

import torch
from torch import Tensor

__all__ = ["bicubic_weights", "resample_axis", "resize_bicubic", "support"]

BLOCK = 64  # samples, on the larger side, per matrix product: large for speed, small to waste little


def keys_kernel(x: Tensor) -> Tensor:
    """Keys' cubic convolution kernel with a = -0.5 (Keys 1981, eq. 15); zero outside [-2, 2]."""
    x = x.abs()
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return torch.where(x <= 1, near, torch.where(x <= 2, far, torch.zeros_like(x)))


@functools.lru_cache(maxsize=64)
def bicubic_weights(
    size: int, out_size: int, factor: float, start: int = 0, stop: int | None = None
) -> tuple[Tensor, Tensor]:
    """Source positions and weights that make output samples `start` to `stop` of one axis.

    Args:
        size: input samples along the axis.
        out_size: output samples along the whole axis.
        factor: output samples per input sample; below 1 the kernel is stretched to antialias.
        start, stop: output samples to compute; `stop` defaults to `out_size`.

    Returns:
        Indices (n, taps) into the input, mirrored at its ends, and float64 weights (n, taps) that sum to 1 in each row.
    """
    stretch = min(factor, 1.0)
    taps = math.ceil(4 / stretch) + 2
    position = torch.arange(start, out_size if stop is None else stop, dtype=torch.float64)
    centre = (position + 0.5) / factor - 0.5
    first = torch.floor(centre - 2 / stretch).long()
    index = first[:, None] + torch.arange(taps)
    weight = keys_kernel((centre[:, None] - index) * stretch)
    weight = weight / weight.sum(dim=1, keepdim=True)
    mirrored = index.remainder(2 * size)
    return torch.where(mirrored < size, mirrored, 2 * size - 1 - mirrored), weight


def resample_axis(
    image: Tensor, dim: int, factor: float, *, size: int, out_size: int, start: int, stop: int, offset: int = 0
) -> Tensor:
    """Resample one axis of a part of a picture: output samples `start` to `stop` from the given input samples.

    Outputs are computed in blocks, each a small dense matrix times its inputs: memory-bound, and the same for a part as
    for the whole.

    Args:
        image: float tensor (…, h, w); its axis `dim`, -2 or -1, holds the whole axis' samples from `offset` on.
        factor, size, out_size: as in `bicubic_weights`, of the whole axis.
    """
    index, weight = bicubic_weights(size, out_size, factor, start, stop)
    blocks, block = [], math.ceil(BLOCK * min(factor, 1))
    for first in range(0, stop - start, block):
        rows, columns = weight[first : first + block], index[first : first + block] - offset
        low, high = int(columns[rows != 0].min()), int(columns[rows != 0].max()) + 1
        matrix = torch.zeros(rows.shape[0], high - low, dtype=weight.dtype)
        matrix.scatter_add_(1, (columns - low).clamp(0, high - low - 1), rows)
        matrix = matrix.to(image)
        if dim == -2:
            blocks.append(matrix @ image[..., low:high, :])
        else:
            blocks.append(image[..., low:high] @ matrix.T)
    return torch.cat(blocks, dim=dim)


def support(size: int, out_size: int, factor: float, start: int, stop: int) -> tuple[int, int]:
    """First and last-plus-one input sample that output samples `start` to `stop` of one axis depend on."""
    index, weight = bicubic_weights(size, out_size, factor, start, stop)
    used = index[weight != 0]
    return int(used.min()), int(used.max()) + 1


def resize_bicubic(image: Tensor, height: int, width: int, factor: tuple[float, float] | None = None) -> Tensor:
    """Resize `image` (B, C, H, W) to (B, C, height, width), antialiased downwards; values may overshoot slightly.

    Args:
        height, width: size of the result in pixels.
        factor: output pixels per input pixel (vertical, horizontal); by default the ratio of the sizes.
    """
    rows, columns = image.shape[-2:]
    vertical, horizontal = factor or (height / rows, width / columns)
    image = resample_axis(image, -2, vertical, size=rows, out_size=height, start=0, stop=height)
    return resample_axis(image, -1, horizontal, size=columns, out_size=width, start=0, stop=width)
