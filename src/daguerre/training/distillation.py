"""Distillation: trained networks whose outputs another learns, beside the truth or instead of it."""

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
    """Networks that upscale; their output is the mean over all of them and all eight flips and rotations of a picture.

    What cannot be known from a small picture is noise to a network that learns from the large one; a teacher's output
    holds only what can be known, so more of every step goes into that. The mean over the eight orientations is better
    than any network in it, even the student itself.
    Distillation: Hinton et al. 2015, https://arxiv.org/abs/1503.02531.

    Raises:
        RecipeError: a teacher does another task or has another scale.
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

    def target(self, low: Tensor, high: Tensor) -> Tensor:
        """The distillation target of a small picture: the teachers' output and the truth, mixed by `share`.

        Args:
            low: (3, h, w) uint8.
            high: (3, scale h, scale w) uint8.

        Returns:
            (3, scale h, scale w) float16 in [0, 255], or beyond where the output is.
        """
        output = self.predict(low[None].to(self.fabric.device).float().div_(255))[0].mul_(255)
        return torch.lerp(high.to(output.device).float(), output, self.share).half().to(high.device)

    @torch.no_grad()
    def predict(self, low: Tensor) -> Tensor:
        """The mean of all teachers' outputs for a small picture (1, 3, h, w) in [0, 1], float32."""
        ensembles = [(network, partial(average_turns, partial(self.run, network))) for network in self.networks]
        return torch.stack([run_any_size(network, ensemble, low) for network, ensemble in ensembles]).mean(0)

    def run(self, network: nn.Module, low: Tensor) -> Tensor:
        with self.fabric.autocast():
            made: Tensor = network(low.contiguous(memory_format=torch.channels_last))
        return made.float()
