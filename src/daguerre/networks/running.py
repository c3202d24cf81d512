"""Ways to run a network on a picture held in memory: of sizes that it does not take, and turned."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["average_turns", "run_any_size"]


def run_any_size(network: nn.Module, run: Callable[[Tensor], Tensor], image: Tensor) -> Tensor:
    """`run` on `image` (B, C, H, W), mirrored up to a multiple of the network's `multiple`; what is over is cut off.

    Args:
        network: what is asked for its `scale` and `multiple`.
        run: runs it, as the caller wants it run.
    """
    scale, multiple = int(network.scale), int(network.multiple)  # type: ignore[arg-type]
    height, width = image.shape[-2:]
    down, right = -height % multiple, -width % multiple
    if down or right:
        mode = "reflect" if down < height and right < width else "replicate"
        image = F.pad(image, (0, right, 0, down), mode=mode)
    return run(image)[..., : height * scale, : width * scale]


def average_turns(run: Callable[[Tensor], Tensor], image: Tensor) -> Tensor:
    """Mean of what `run` makes of the eight flips and turns of `image` (..., H, W), each turned back.

    It turns as the picture does, and is a little better than each of the eight. Timofte et al. 2016,
    https://arxiv.org/abs/1511.02228, sec. 3.5; Lim et al. 2017, who call it self-ensemble.
    """
    total = torch.zeros((), device=image.device)
    for flip in (False, True):
        for turn in range(4):
            view = torch.rot90(image.flip(-1) if flip else image, turn, (-2, -1))
            made = torch.rot90(run(view), -turn, (-2, -1))
            total = total + (made.flip(-1) if flip else made)
    return total / 8
