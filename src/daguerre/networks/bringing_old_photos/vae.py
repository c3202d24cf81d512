"""The variational autoencoder of old-photo restoration, as published."""

from torch import Tensor, nn

from daguerre.networks.blocks import ResidualBlock, check_size
from daguerre.tiling.rows import traced_halo

__all__ = ["PhotoVAE"]


class PhotoVAE(nn.Module):
    """Encoder to a latent map at a quarter of the size, and decoder back; three of these are published.

    Wan et al. 2020, https://arxiv.org/abs/2004.09484, sec. 3.1; 2022, https://arxiv.org/abs/2009.07047
    (`GlobalGenerator_DCDCv2` of the published code, whose state dict it takes; 872,131 parameters).
    Differs from the paper, as the published code does: there are no heads for mean and variance; the latent map is
    the mean, its variance is 1 (training adds unit noise) and the KL term is the mean of its squares.

    Instance normalization makes every pixel depend on the whole picture; `tiling.streamed` gives it that at any size.

    Args:
        features: channels of every layer and of the latent map.
        blocks: residual blocks of the encoder, and of the decoder.
    """

    scale = 1
    multiple = 4

    def __init__(self, *, features: int = 64, blocks: int = 4) -> None:
        super().__init__()
        self.features = features
        norm_relu = [nn.InstanceNorm2d(features), nn.ReLU()]
        self.encoder = nn.Sequential(
            nn.ReflectionPad2d(3),
            nn.Conv2d(3, features, 7),
            *norm_relu,
            nn.Conv2d(features, features, 4, stride=2, padding=1),
            *norm_relu,
            nn.Conv2d(features, features, 4, stride=2, padding=1),
            *norm_relu,
            *[ResidualBlock(features) for _ in range(blocks)],
        )
        self.decoder = nn.Sequential(
            *[ResidualBlock(features) for _ in range(blocks)],
            nn.ConvTranspose2d(features, features, 4, stride=2, padding=1),
            *norm_relu,
            nn.ConvTranspose2d(features, features, 4, stride=2, padding=1),
            *norm_relu,
            nn.ReflectionPad2d(3),
            nn.Conv2d(features, 3, 7),
            nn.Tanh(),
        )

    @property
    def halo(self) -> int:
        """Input pixels on each side that influence an output pixel, given the statistics of the whole picture."""
        return traced_halo(self, multiple=self.multiple)

    def encode(self, image: Tensor) -> Tensor:
        """The latent map (B, features, H/4, W/4) of `image` (B, 3, H, W) in [0, 1].

        Raises:
            ValueError: H or W is not a multiple of 4.
        """
        check_size(image, self.multiple, "the photo autoencoder")
        latent: Tensor = self.encoder(image * 2 - 1)
        return latent

    def decode(self, latent: Tensor) -> Tensor:
        """The image (B, 3, H, W) in [0, 1] of `latent` (B, features, H/4, W/4)."""
        image: Tensor = self.decoder(latent)
        return (image + 1) / 2

    def forward(self, image: Tensor) -> Tensor:
        """Encode and decode `image` (B, 3, H, W) in [0, 1], without noise."""
        return self.decode(self.encode(image))
