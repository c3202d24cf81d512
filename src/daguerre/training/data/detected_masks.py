"""Damage masks from the detector, so that networks trained on them learn to cope with missed damage."""

import torch
from lightning.fabric import Fabric
from torch import Tensor
from torch.nn import functional as F

from daguerre import weights

__all__ = ["DetectedMasks"]

DETECTOR = "scratches"  # name of its weights


class DetectedMasks:
    """The damage detector that ships, for use during training."""

    def __init__(self, fabric: Fabric) -> None:
        self.fabric = fabric
        self.network = weights.load(DETECTOR).network.eval().to(fabric.device)
        self.multiple = int(getattr(self.network, "multiple", 1))

    @torch.no_grad()
    def __call__(self, image: Tensor) -> Tensor:
        """Detected damage in `image` (B, 3, H, W): (B, 1, H, W), 1 = probably damaged, on its device."""
        height, width = image.shape[-2:]
        padded = F.pad(image, (0, -width % self.multiple, 0, -height % self.multiple), mode="replicate")
        with self.fabric.autocast():
            logits: Tensor = self.network(padded.to(self.fabric.device))[:, :1, :height, :width]
        return (logits > 0).to(image)
