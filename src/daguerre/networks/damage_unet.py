"""The network of our own that finds damage, at full resolution."""

from collections.abc import Sequence

from torch import Tensor, nn

from daguerre.networks.half_unet import HalfUNet

__all__ = ["DamageUNet"]


class DamageUNet(HalfUNet):
    """How likely each pixel is lost, under a scratch for instance, and how likely it is stained.

    Args:
        features, blocks: as `HalfUNet` has them.
    """

    def __init__(self, *, features: Sequence[int] = (32, 64, 64, 80), blocks: int = 1) -> None:
        super().__init__(outputs=2, features=features, blocks=blocks)
        nn.init.constant_(self.last.bias, -3.0)  # type: ignore[arg-type]  # damage is rare

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, 2, H, W) that pixels of `image` (B, 3, H, W) in [0, 1] are lost, and that they are stained.

        Raises:
            ValueError: H or W is no multiple of `multiple`.
        """
        return super().forward(image)
