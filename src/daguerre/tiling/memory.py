"""Memory: how large a window may be for a network's work on it, and what is free given back to the system."""

import contextlib
import ctypes
import functools

import torch
from torch import Tensor, nn

__all__ = ["LARGEST_PROCESSOR_SIDE", "release_free", "window_side"]

MEBIBYTE = 2**20
PROCESSOR_BUDGET = 640 * MEBIBYTE  # leaves room below 1.5 GiB for the pieces being read and written meanwhile
LARGEST_SIDE = 2048  # input pixels; beyond this the halo costs almost nothing
# On a processor what passes from layer to layer should stay in the cache. A pixel of a window costs compact-x4, its
# halo of 28 pixels counted, 1.35 µs in windows of 232 pixels, 1.21 of 328, 1.26 of 360, 1.32 of 392 (two cores).
LARGEST_PROCESSOR_SIDE = 320
ALIVE = 4  # largest intermediate results a network holds at once: inputs, sums and outputs of a block


def window_side(
    network: nn.Module,
    device: torch.device,
    dtype: torch.dtype,
    *,
    halo: int,
    largest: int = LARGEST_PROCESSOR_SIDE,
) -> int:
    """Side of a window in input pixels, its halo not counted, for which `network` stays within memory.

    On a GPU the allowance is half of what is free; on a processor it is fixed, so that a result never depends on how
    much memory happens to be free. At least 64 pixels, whatever the network; on a processor at most `largest`.
    """
    allowed = torch.cuda.mem_get_info(device)[0] / 2 if device.type == "cuda" else PROCESSOR_BUDGET
    scale = int(getattr(network, "scale", 1))
    made = 3 * scale**2 * 4  # bytes of the float32 result for one input pixel, several of which wait at any time
    per_pixel = ALIVE * (widest(network) * dtype.itemsize + made)
    side = int((allowed / per_pixel) ** 0.5) - 2 * halo
    return min(max(side // 32 * 32, 64), largest if device.type == "cpu" else LARGEST_SIDE)


@functools.lru_cache(maxsize=16)
def widest(network: nn.Module) -> int:
    """Values per input pixel in the widest intermediate result, seen by running the network on a few pixels."""
    multiple = int(getattr(network, "multiple", 1))
    side = 16 // multiple * multiple or multiple
    seen: list[int] = []
    handles = [
        module.register_forward_hook(lambda _module, _inputs, output: seen.append(output.numel()))
        for module in network.modules()
        if not list(module.children())
    ]
    parameter = next(network.parameters())
    probe: Tensor = torch.zeros(1, 3, side, side, device=parameter.device, dtype=parameter.dtype)
    with torch.inference_mode():
        network(probe)
    for handle in handles:
        handle.remove()
    return -(-max(seen) // side**2)


def release_free() -> None:
    """Give back to the system what the C library holds although nobody uses it; does nothing where it cannot.

    Threads that allocate and free tensors by turns leave hundreds of megabytes between what is still in use: after
    finding damage in 9 megapixels 566 MiB were held and 236 used, after filling it 835 and 331.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):  # no such library, function, or system
        ctypes.CDLL(None).malloc_trim(0)
