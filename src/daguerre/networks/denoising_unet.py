"""The network that removes grain, noise and compression artifacts, at full resolution."""

from collections.abc import Sequence

from torch import Tensor, nn

from daguerre.networks.half_unet import HalfUNet

__all__ = ["TextureUNet"]


class TextureUNet(HalfUNet):
    """Denoiser: removes grain, noise, speckle and compression artifacts; keeps sharpness and tones.

    Not in Wan et al. 2020, whose translation also denoises. Ours has 64 channels at a quarter of the size, four per
    pixel, too few to separate noise from picture: it removed half a decibel of white noise where non-local means
    removes four. Blur is left alone: a window does not show whether a photograph is blurred or its subject soft, and
    trained to guess, it undid 0.04 dB of a blur. `daguerre.tasks.restoration.deblurring` decides from the whole.

    Args:
        features, blocks: as in `HalfUNet`.
    """

    def __init__(self, *, features: Sequence[int] = (48, 64, 80), blocks: int = 2) -> None:
        super().__init__(outputs=3, features=features, blocks=blocks)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]  # starts as the identity

    def forward(self, image: Tensor) -> Tensor:
        """Denoise `image` (B, 3, H, W) in [0, 1]; the result has the same shape and is unclamped.

        Raises:
            ValueError: H or W is not a multiple of `multiple`.
        """
        return image + super().forward(image)
