"""Window sizes for which a network stays within its memory budget, and free memory returned to the system."""

import contextlib
import ctypes
import functools

import torch
from torch import Tensor, nn

__all__ = ["LARGEST_PROCESSOR_SIDE", "release_free", "window_side"]

MEBIBYTE = 2**20
PROCESSOR_BUDGET = 640 * MEBIBYTE  # leaves room below 1.5 GiB for windows being read and written meanwhile
LARGEST_SIDE = 2048  # input pixels; beyond this the halo costs almost nothing
# On a CPU intermediate results should stay in the cache. compact-x4, including its halo of 28 pixels, takes 1.35 µs per
# pixel in windows of 232 pixels, 1.21 in 328, 1.26 in 360 and 1.32 in 392 (two cores).
LARGEST_PROCESSOR_SIDE = 320
LIVE_INTERMEDIATES = 4  # intermediate results that a network holds at once: inputs, sums and outputs of a block


def window_side(
    network: nn.Module,
    device: torch.device,
    dtype: torch.dtype,
    *,
    halo: int,
    largest: int = LARGEST_PROCESSOR_SIDE,
) -> int:
    """Side of a window in input pixels, without its halo, for which `network` stays within memory.

    On a GPU the budget is half of the free memory; on a CPU it is fixed, so that a result never depends on how much
    memory is free. The side is at least 64 pixels, and on a CPU at most `largest`.
    """
    allowed = torch.cuda.mem_get_info(device)[0] / 2 if device.type == "cuda" else PROCESSOR_BUDGET
    scale = int(getattr(network, "scale", 1))
    made = 3 * scale**2 * 4  # bytes of the float32 result per input pixel; several results are queued at any time
    per_pixel = LIVE_INTERMEDIATES * (widest(network) * dtype.itemsize + made)
    side = int((allowed / per_pixel) ** 0.5) - 2 * halo
    return min(max(side // 32 * 32, 64), largest if device.type == "cpu" else LARGEST_SIDE)


@functools.lru_cache(maxsize=16)
def widest(network: nn.Module) -> int:
    """Values per input pixel in the widest intermediate result, measured by running the network on a few pixels."""
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
    """Return unused memory of the C library to the system; does nothing where that is not possible.

    Threads that allocate and free tensors in turn leave hundreds of megabytes unused between live allocations: after
    damage detection in 9 megapixels 566 MiB were held and 236 used, after inpainting 835 and 331.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):  # no such library, function, or system
        ctypes.CDLL(None).malloc_trim(0)
