"""Distillation: trained networks whose outputs another learns, besides the ground truth or instead of it."""

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
    """Upscaling networks; their output is the mean over all of them and all eight flips and rotations of a picture.

    What cannot be inferred from a small picture is noise to a network that learns from the large one; a teacher's
    output contains only what can be inferred, so every step learns more of that. The mean over the eight orientations
    is better than any network in it, even the student itself. An adversarial teacher invents other detail in each
    orientation, which a mean would blur, so it is run once (`ensemble` off). Distillation: Hinton et al. 2015,
    https://arxiv.org/abs/1503.02531.

    Raises:
        RecipeError: a teacher does another task or has another scale.
    """

    def __init__(self, plan: TeachersPlan, scale: int, fabric: Fabric) -> None:
        self.share, self.ensemble, self.fabric = plan.share, plan.ensemble, fabric
        self.models: list[Model] = []
        for name in plan.weights:
            model = weights.load(name)
            if model.header.task != "upscale" or model.scale != scale:
                raise RecipeError(f"teachers.weights: {name!r} does not enlarge by {scale}; name one that does")
            self.models.append(model.on(Device(fabric.device, torch.float32)))

    def target(self, low: Tensor, high: Tensor) -> Tensor:
        """The distillation target of a small picture: the teachers' output and the truth, mixed by `share`.

        Args:
            low: (3, h, w) uint8.
            high: (3, scale h, scale w) uint8.

        Returns:
            (3, scale h, scale w) float16 in [0, 255], or beyond if the output is.
        """
        output = self.predict(low[None].to(self.fabric.device).float().div_(255))[0].mul_(255)
        return torch.lerp(high.to(output.device).float(), output, self.share).half().to(high.device)

    @torch.no_grad()
    def predict(self, low: Tensor) -> Tensor:
        """The mean of all teachers' outputs for small pictures (B, 3, h, w) in [0, 1], float32."""
        outputs = []
        for model in self.models:
            once = partial(self.run, model)
            ask = self_ensemble(once) if self.ensemble else once
            outputs.append(run_padded(ask, low, scale=model.scale, multiple=model.multiple))
        return torch.stack(outputs).mean(0)

    def run(self, model: Model, low: Tensor) -> Tensor:
        with self.fabric.autocast():
            return model.once(low)
