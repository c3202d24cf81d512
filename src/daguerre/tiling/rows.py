"""Run whole-picture networks in bounded memory, and find the receptive field of any network.

A network with instance normalization cannot be run window by window: each window would be normalized by itself.
Here it is run layer by layer instead. `Rows` replaces the tensor passed to a network's `forward`; the torch functions
applied to it are recorded, not computed. A map is computed and stored only where a layer needs all of its input (a
normalization, or a convolution that would recompute its input again and again). The network is written once, for
tensors, and gives the same numbers.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from daguerre.tiling.layers import apply
from daguerre.tiling.lazy_map import LazyMap, Streaming

__all__ = ["Rows", "Streaming", "streamed", "traced_halo"]


class Rows(LazyMap):
    """A lazy map that stands in for a tensor (1, C, H, W) in a network's `forward`."""

    @classmethod
    def __torch_function__(
        cls, function: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> LazyMap:
        return apply(function, *args, **(kwargs or {}))


def streamed(function: Callable[..., Any], *inputs: Rows) -> Rows:
    """Output of a network, or of a method of one, for `inputs`, never held in memory as a whole.

    Most of the work is done on this call, the rest on reading: read the result once, strip by strip (`Rows.strips`).
    """
    with torch.no_grad():
        made: Rows = function(*inputs)
    made.read = torch.no_grad()(made.read)
    return made


def traced_halo(function: Callable[..., Any], *, channels: int = 3, multiple: int = 1) -> int:
    """Input pixels on each side of a window that can influence its output, given whole-picture statistics.

    Args:
        function: a network, or a method of one, for one map with `channels` channels.
        multiple: windows begin and end at multiples of this, in pixels; the network's largest stride divides it.
    """
    side = multiple * 2**16
    picture = Rows(channels, side, side, lambda top, bottom: torch.empty(0), streaming=None)
    made = streamed(function, picture)
    top, bottom = made.needs(0, multiple * made.height // side)
    return max(-top, bottom - multiple)
