"""Trained networks whose answers another learns, beside the truth or instead of it."""

from functools import partial

import torch
from lightning.fabric import Fabric
from torch import Tensor

from daguerre import weights
from daguerre.devices import Device
from daguerre.errors import RecipeError
from daguerre.training.recipe import TeachersPlan
from daguerre.weights.model import Model, run_padded, self_ensemble

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
        self.models: list[Model] = []
        for name in plan.weights:
            model = weights.load(name)
            if model.header.task != "upscale" or model.scale != scale:
                raise RecipeError(f"teachers.weights: {name!r} does not enlarge by {scale}; name one that does")
            self.models.append(model.on(Device(fabric.device, torch.float32)))

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
        answers = [
            run_padded(self_ensemble(partial(self.ask, model)), low, scale=model.scale, multiple=model.multiple)
            for model in self.models
        ]
        return torch.stack(answers).mean(0)

    def ask(self, model: Model, low: Tensor) -> Tensor:
        with self.fabric.autocast():
            return model.once(low)
