"""Receptive field arithmetic: the halo of input pixels that an output pixel depends on, from the list of layers.

Layers are traversed from the output back to the input: which span of a layer's input does a span of its output read?
"""

import math
from collections.abc import Callable

__all__ = ["Layer", "bicubic", "conv", "enlarge", "halo_of", "unshuffle"]

Layer = Callable[[int, int], tuple[int, int]]
"""Maps the first and last index of a span of a layer's output, along one axis, to those of the input it reads."""


def conv(kernel: int, count: int = 1) -> Layer:
    """`count` convolutions of odd side `kernel`, stride 1, one after the other, padded to keep the size."""
    reach = kernel // 2 * count
    return lambda first, last: (first - reach, last + reach)


def enlarge(factor: int) -> Layer:
    """Nearest-neighbor enlargement or pixel shuffle: `factor` output pixels from every input pixel."""
    return lambda first, last: (first // factor, last // factor)


def bicubic(factor: int) -> Layer:
    """Bicubic enlargement with pixel centers aligned at half pixels: four input pixels around each output pixel."""

    def span(first: int, last: int) -> tuple[int, int]:
        left, right = ((index + 0.5) / factor - 0.5 for index in (first, last))
        return math.floor(left) - 1, math.ceil(right) + 1

    return span


def unshuffle(factor: int) -> Layer:
    """Pixel unshuffle: `factor` x `factor` input pixels become channels of one."""
    return lambda first, last: (first * factor, last * factor + factor - 1)


def halo_of(*layers: Layer, scale: int, period: int = 1) -> int:
    """Input pixels on each side that can influence an output pixel.

    Args:
        layers: from input to output, along the longest path through the network.
        scale: output pixels per input pixel.
        period: input pixels after which the network's grid repeats (its size multiple).
    """
    halo = 0
    for output in range(scale * period):  # output pixels differ by their place within an input pixel
        first = last = output
        for layer in reversed(layers):
            first, last = layer(first, last)
        place = output // scale
        halo = max(halo, place - first, last - place)
    return halo
