"""SRCNN, the first convolutional network for super-resolution: three layers on a bicubically upscaled picture."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from daguerre.images.resample import resize_bicubic
from daguerre.networks.receptive_field import bicubic, conv, halo_of

__all__ = ["SRCNN"]


class SRCNN(nn.Module):
    """Patch extraction, non-linear mapping and reconstruction, on the bicubically enlarged picture.

    Dong et al. 2014, https://arxiv.org/abs/1501.00092, section 3; 9-1-5, or 9-5-5 with `middle=5` (section 4.3.2).
    With one channel it works on luma alone, as in the paper, and color is enlarged bicubically; with three it works
    on RGB (section 4.5).
    Differs from the paper: the border is replicated where the paper's output is smaller than its input; initialized
    as the identity instead of with noise of deviation 0.001, from which the paper needs 8e8 back-propagations. Luma has
    the full range [0, 1], not BT.601's [16/255, 235/255].

    Args:
        scale: enlargement, an integer.
        channels: 1 for luma, 3 for RGB.
        features, mapped: channels after the first and the second layer.
        middle: side of the second layer's kernel.
    """

    multiple = 1

    def __init__(
        self, *, scale: int = 4, channels: int = 1, features: int = 64, mapped: int = 32, middle: int = 1
    ) -> None:
        super().__init__()
        if channels not in (1, 3):
            raise ValueError(f"SRCNN works on 1 channel (luma) or 3 (RGB), not {channels}")
        self.scale = scale
        self.halo = halo_of(bicubic(scale), conv(9), conv(middle), conv(5), scale=scale)
        self.conv1 = nn.Conv2d(channels, features, 9, padding=4, padding_mode="replicate")
        self.conv2 = nn.Conv2d(features, mapped, middle, padding=middle // 2, padding_mode="replicate")
        self.conv3 = nn.Conv2d(mapped, channels, 5, padding=2, padding_mode="replicate")
        with torch.no_grad():
            for layer in (self.conv1, self.conv2, self.conv3):
                nn.init.dirac_(layer.weight[:channels])
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, image: Tensor) -> Tensor:
        """Upscale `image` (B, 3, H, W) in [0, 1] to (B, 3, scale * H, scale * W), unclamped."""
        height, width = image.shape[-2:]
        enlarged = resize_bicubic(image, height * self.scale, width * self.scale)
        x = luma(enlarged) if self.conv1.in_channels == 1 else enlarged
        result = self.conv3(F.relu(self.conv2(F.relu(self.conv1(x)))))
        # The same step on R, G and B changes only luma: the chroma differences stay.
        return enlarged + (result - x)  # type: ignore[no-any-return]


def luma(image: Tensor) -> Tensor:
    """BT.601 luma (B, 1, H, W) of `image` (B, 3, H, W), both in [0, 1]."""
    return (image * image.new_tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(dim=1, keepdim=True)
