"""A second look at each piece of detected damage: is it damage, or does it only look like it?"""

import numpy as np
import torch
from numpy.typing import NDArray

from daguerre import weights
from daguerre.devices import Device
from daguerre.images import Picture
from daguerre.networks.damage_verifier import DamageVerifier
from daguerre.progress import Progress, ProgressCallback, silent
from daguerre.tasks.restoration.damage.piece_views import batches
from daguerre.tiling.components import Components

__all__ = ["VERIFIER", "PieceVerifier"]

VERIFIER = "damage-verifier"


class PieceVerifier:
    """Looks at pieces of damage, keeping its network loaded."""

    def __init__(self, device: Device) -> None:
        model = weights.load(VERIFIER).on(device)
        self.device, self.network = device, model.expect(DamageVerifier)

    @torch.inference_mode()
    def __call__(
        self,
        picture: Picture,
        levels: NDArray[np.uint8],
        pieces: Components,
        chosen: NDArray[np.bool_],
        least: int,
        *,
        progress: ProgressCallback = silent,
    ) -> NDArray[np.float32]:
        """Probability (n,) that each piece is damage, 0 for those not chosen.

        Args:
            levels: likelihoods (H, W); a piece is a set of 8-connected pixels >= `least`.
        """
        probability = np.zeros(len(chosen), np.float32)
        done, total = 0, int(chosen.sum())
        for numbers, views in batches(picture, levels, pieces, chosen, least):
            placed = [tensor.to(self.device.torch_device) for tensor in views.tensors()]
            with self.device.autocast():
                logits = self.network(self.network.describe(*placed))
            probability[numbers] = logits.float().sigmoid().cpu().numpy()
            done += len(numbers)
            progress(Progress(step="looking at each scratch", done=done, total=total))
        return probability
