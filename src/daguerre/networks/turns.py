"""The mean over the eight ways to turn and mirror a picture: a network's answer that turns as its picture does.

Timofte et al. 2016, https://arxiv.org/abs/1511.02228, sec. 3.5, who call it enhanced prediction; Lim et al. 2017, who
call it self-ensemble.
"""

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["average_turns"]


def average_turns(run: Callable[[Tensor], Tensor], image: Tensor) -> Tensor:
    """Mean of what `run` makes of the eight flips and turns of `image` (..., H, W), each turned back."""
    total = torch.zeros((), device=image.device)
    for flip in (False, True):
        for turn in range(4):
            view = torch.rot90(image.flip(-1) if flip else image, turn, (-2, -1))
            made = torch.rot90(run(view), -turn, (-2, -1))
            total = total + (made.flip(-1) if flip else made)
    return total / 8
