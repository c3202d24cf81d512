"""Multi-scale patch discriminators, for training the networks of old-photo restoration."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

__all__ = ["LatentDiscriminator", "MultiScaleDiscriminator"]


class PatchDiscriminator(nn.Module):
    """Strided 4x4 convolutions; every output place classifies a patch (Isola et al. 2017, sec. 3.2.2)."""

    def __init__(self, channels: int, features: int, layers: int, spectral: bool) -> None:
        super().__init__()
        normed: Callable[[nn.Module], nn.Module] = spectral_norm if spectral else lambda layer: layer
        widths = [min(features * 2**level, 8 * features) for level in range(layers + 1)]
        stages = [nn.Sequential(normed(nn.Conv2d(channels, features, 4, stride=2, padding=2)), nn.LeakyReLU(0.2))]
        for level in range(1, layers + 1):
            stride = 2 if level < layers else 1
            convolution = normed(nn.Conv2d(widths[level - 1], widths[level], 4, stride=stride, padding=2))
            stages.append(nn.Sequential(convolution, nn.InstanceNorm2d(widths[level]), nn.LeakyReLU(0.2)))
        stages.append(nn.Sequential(normed(nn.Conv2d(widths[-1], 1, 4, padding=2))))
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> list[Tensor]:
        made = []
        for stage in self.stages:
            x = stage(x)
            made.append(x)
        return made


class MultiScaleDiscriminator(nn.Module):
    """The same patch discriminator, with weights of its own, at full size, half, and so on.

    Wang et al. 2018 (pix2pixHD), https://arxiv.org/abs/1711.11585, sec. 3.2, as Wan et al. 2020,
    https://arxiv.org/abs/2004.09484, train with: 2 scales of 3 layers, least squares, feature matching.
    For latent translation its input is the old and the translated latent map together (128 channels).

    Args:
        channels: of the input.
        features: channels of the first layer; doubled at each, up to eight times.
        layers: convolutions with stride 2.
        scales: number of discriminators.
        spectral: spectral normalization of every convolution (Miyato et al. 2018).
    """

    def __init__(
        self, *, channels: int = 3, features: int = 64, layers: int = 3, scales: int = 2, spectral: bool = False
    ) -> None:
        super().__init__()
        self.scales = nn.ModuleList(PatchDiscriminator(channels, features, layers, spectral) for _ in range(scales))

    def forward(self, x: Tensor) -> list[list[Tensor]]:
        """For `x` (B, channels, H, W), per scale, the features of every layer; the last are the logits.

        Least squares: 1 for real, 0 for fake. Feature matching compares all but the last.
        """
        made = []
        for position, discriminator in enumerate(self.scales):
            if position:
                x = F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
            made.append(discriminator(x))
        return made


class LatentDiscriminator(MultiScaleDiscriminator):
    """Tells latent maps of real old photographs from those of synthetic ones, at one scale (Wan et al. 2020, sec. 3.1).

    Args:
        latent: channels of the latent maps.
        features: channels of the first layer; doubled at each, up to eight times.
        layers: convolutions with stride 2.
    """

    def __init__(self, *, latent: int = 64, features: int = 64, layers: int = 3) -> None:
        super().__init__(channels=latent, features=features, layers=layers, scales=1)
