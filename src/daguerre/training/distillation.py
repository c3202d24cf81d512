"""Trained networks whose answers another learns, beside the truth or instead of it."""

from functools import partial

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from daguerre import weights
from daguerre.errors import RecipeError
from daguerre.networks.running import average_turns, run_any_size
from daguerre.training.recipe import TeachersPlan

__all__ = ["Teachers"]


class Teachers:
    """Networks that enlarge; their answer is the mean over all of them and all eight ways to mirror and turn a picture.

    What no network can know of a small picture is noise to the one that learns from the large one; an answer holds only
    what can be known, so more of every step goes into that. The mean over the eight ways is better than the answer
    of any network in it, even the learner's own.
    Learning from answers: Hinton et al. 2015, https://arxiv.org/abs/1503.02531.

    Raises:
        RecipeError: a teacher does another task or enlarges by another scale.
    """

    def __init__(self, plan: TeachersPlan, scale: int, fabric: Fabric) -> None:
        self.share, self.fabric = plan.share, fabric
        self.networks: list[nn.Module] = []
        for name in plan.weights:
            loaded = weights.load(name)
            if loaded.header.task != "upscale" or loaded.header.scale != scale:
                raise RecipeError(f"teachers.weights: {name!r} does not enlarge by {scale}; name one that does")
            network = loaded.network.eval().requires_grad_(False)
            self.networks.append(network.to(fabric.device, memory_format=torch.channels_last))  # type: ignore[call-overload]

    def wish(self, low: Tensor, high: Tensor) -> Tensor:
        """What is to be made of a small picture: the answer and the truth, mixed by `share`.

        Args:
            low: (3, h, w) uint8.
            high: (3, scale h, scale w) uint8.

        Returns:
            (3, scale h, scale w) float16 on [0, 255]; beyond, where an answer is.
        """
        answer = self.answer(low[None].to(self.fabric.device).float().div_(255))[0].mul_(255)
        return torch.lerp(high.to(answer.device).float(), answer, self.share).half().to(high.device)

    @torch.no_grad()
    def answer(self, low: Tensor) -> Tensor:
        """The mean of all answers to a small picture (1, 3, h, w) in [0, 1], float32."""
        ways = [(network, partial(average_turns, partial(self.ask, network))) for network in self.networks]
        return torch.stack([run_any_size(network, every_way, low) for network, every_way in ways]).mean(0)

    def ask(self, network: nn.Module, low: Tensor) -> Tensor:
        with self.fabric.autocast():
            made: Tensor = network(low.contiguous(memory_format=torch.channels_last))
        return made.float()
