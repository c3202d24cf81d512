"""SRVGGNetCompact, Real-ESRGAN's small network: a plain stack of convolutions at the size of the input."""

from torch import Tensor, nn
from torch.nn import functional as F

from daguerre.networks.receptive_field import conv, enlarge, halo_of

__all__ = ["SRVGGNetCompact"]


class SRVGGNetCompact(nn.Module):
    """Convolutions with PReLU, one sub-pixel step, added to the nearest-neighbor enlargement.

    Of Real-ESRGAN, https://github.com/xinntao/Real-ESRGAN (realesr-general-x4v3 has 32 convolutions between the
    first and the last, realesr-animevideov3 has 16), whose key names it takes.

    Args:
        scale: enlargement, an integer.
        features: channels.
        convs: convolutions between the first and the last.
    """

    multiple = 1

    def __init__(self, *, scale: int = 4, features: int = 64, convs: int = 32) -> None:
        super().__init__()
        self.scale = scale
        self.halo = halo_of(conv(3, convs + 2), enlarge(scale), scale=scale)
        layers: list[nn.Module] = [nn.Conv2d(3, features, 3, padding=1), nn.PReLU(features)]
        for _ in range(convs):
            layers += [nn.Conv2d(features, features, 3, padding=1), nn.PReLU(features)]
        self.body = nn.Sequential(*layers, nn.Conv2d(features, 3 * scale**2, 3, padding=1))

    def forward(self, image: Tensor) -> Tensor:
        """Upscale `image` (B, 3, H, W) in [0, 1] to (B, 3, scale * H, scale * W), unclamped."""
        return F.pixel_shuffle(self.body(image), self.scale) + F.interpolate(image, scale_factor=self.scale)
