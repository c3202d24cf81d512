"""Our damage detection network, at full resolution."""

from collections.abc import Sequence

from torch import Tensor, nn

from daguerre.networks.half_unet import HalfUNet

__all__ = ["DamageUNet"]


class DamageUNet(HalfUNet):
    """Predicts for each pixel whether it is lost, for instance under a scratch, and whether it is stained.

    Args:
        features, blocks: as in `HalfUNet`.
    """

    def __init__(self, *, features: Sequence[int] = (32, 64, 64, 80), blocks: int = 1) -> None:
        super().__init__(outputs=2, features=features, blocks=blocks)
        nn.init.constant_(self.last.bias, -3.0)  # type: ignore[arg-type]  # damage is rare

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, 2, H, W) that pixels of `image` (B, 3, H, W) in [0, 1] are lost, and that they are stained.

        Raises:
            ValueError: H or W is not a multiple of `multiple`.
        """
        return super().forward(image)
