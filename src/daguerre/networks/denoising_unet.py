"""The network that takes grain, noise and compression away, at full resolution."""

from collections.abc import Sequence

from torch import Tensor, nn

from daguerre.networks.half_unet import HalfUNet

__all__ = ["TextureUNet"]


class TextureUNet(HalfUNet):
    """A photograph without its grain, noise, speckle and compression, as sharp as they let it be; tones stay.

    Not in Wan et al. 2020, whose translation does this as well. Ours has 64 channels at a quarter of the size, four
    for each pixel, and of white noise it took half a decibel where non-local means take four: too few to hold what is
    noise and what is picture. What is blurred it leaves so: from a window alone nobody can say whether a photograph is
    blurred or shows something soft, and asked to guess, it undid 0.04 dB of a blur.
    `daguerre.tasks.restoration.deblurring` can say.

    Args:
        features, blocks: as `HalfUNet` has them.
    """

    def __init__(self, *, features: Sequence[int] = (48, 64, 80), blocks: int = 2) -> None:
        super().__init__(outputs=3, features=features, blocks=blocks)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]  # it begins by changing nothing

    def forward(self, image: Tensor) -> Tensor:
        """Clean `image` (B, 3, H, W) in [0, 1]; the result has its shape and is unclamped.

        Raises:
            ValueError: H or W is no multiple of `multiple`.
        """
        return image + super().forward(image)
