"""The variational autoencoder that ships: almost lossless, and it can be tiled."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from daguerre.networks.blocks import check_size
from daguerre.networks.compact_resnet import CompactBlock
from daguerre.networks.receptive_field import conv, enlarge, halo_of, unshuffle

__all__ = ["STRIDE", "CompactEncoder", "CompactVAE", "trunk"]

STRIDE = 4  # picture pixels per latent place
PIXELS = 3 * STRIDE**2  # values of the picture under one latent place
INITIAL_WEIGHT_FACTOR = 0.02  # factor on the last layers' initial weights
INITIAL_LOG_VARIANCE = -6.0  # initial log variance: a deviation of 0.05, on pixels in [-1, 1]


def trunk(inputs: int, features: int, blocks: int, outputs: int) -> nn.Sequential:
    """A 3x3 convolution, residual blocks, a 3x3 convolution initialized small; zero padding, no normalization."""
    first, last = nn.Conv2d(inputs, features, 3, padding=1), nn.Conv2d(features, outputs, 3, padding=1)
    middle = [CompactBlock(features) for _ in range(blocks)]
    made = nn.Sequential(first, *middle, last)
    for layer in made.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    for block in middle:
        block.conv2.weight.data.mul_(0.1)
    last.weight.data.mul_(INITIAL_WEIGHT_FACTOR)
    return made


class CompactVAE(nn.Module):
    """Encoder to a latent map at a quarter of the size (mean and log variance), and decoder back.

    Wan et al. 2020, https://arxiv.org/abs/2004.09484, sec. 3.1: two of these are trained, for old and for clean
    photographs; Kingma and Welling 2014, https://arxiv.org/abs/1312.6114, for z = mean + deviation * noise.
    Differs from the paper: the pixels under a latent place (Shi et al. 2016) fill 48 of its 64 channels, and learned
    layers are added to them, so that it starts as the identity: after five minutes on two CPU cores it reconstructed
    clean pictures to 37 dB, strided convolutions from scratch to 25 dB after twenty-five. And there is no
    normalization, so that every value depends only on nearby pixels.

    Args:
        latent: channels of the latent map, at least 48.
        features: channels of the convolutions.
        blocks: residual blocks of the encoder, and of the decoder.
    """

    scale = 1
    multiple = STRIDE

    def __init__(self, *, latent: int = 64, features: int = 64, blocks: int = 3) -> None:
        super().__init__()
        if latent < PIXELS:
            raise ValueError(f"{latent} latent channels do not hold the {PIXELS} values of the pixels under one place")
        self.latent = latent
        self.reach = 2 * blocks + 2  # latent places, of the encoder and of the decoder
        self.halo = halo_of(unshuffle(STRIDE), conv(3, 2 * self.reach), enlarge(STRIDE), scale=1, period=STRIDE)
        self.encoder = trunk(PIXELS, features, blocks, 2 * latent)
        self.decoder = trunk(latent, features, blocks, PIXELS)

    def encode(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance, each (B, latent, H/4, W/4), of `image` (B, 3, H, W) in [0, 1].

        Raises:
            ValueError: H or W is not a multiple of 4.
        """
        pixels = unshuffled(image)
        mean, log_variance = self.encoder(pixels).chunk(2, dim=1)
        return upon(pixels, mean), (log_variance.float() + INITIAL_LOG_VARIANCE).clamp(-12, 4)

    def decode(self, latent: Tensor) -> Tensor:
        """The image (B, 3, H, W) in [0, 1], unclamped, of `latent` (B, latent, H/4, W/4)."""
        pixels = latent[:, :PIXELS] + self.decoder(latent).float()
        return (F.pixel_shuffle(pixels, STRIDE) + 1) / 2

    def sample(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        """Draw a latent map: mean + deviation * noise, from torch's default generator."""
        return mean + (log_variance / 2).exp() * torch.randn_like(mean)

    def forward(self, image: Tensor) -> Tensor:
        """Encode and decode `image` (B, 3, H, W) in [0, 1], without noise."""
        return self.decode(self.encode(image)[0])


class CompactEncoder(nn.Module):
    """The encoder of the old-photo autoencoder, which is all that restoration needs: the mean of a latent map.

    Args:
        latent, features, blocks: as in `CompactVAE`.
    """

    scale = 1
    multiple = STRIDE

    def __init__(self, *, latent: int = 64, features: int = 64, blocks: int = 3) -> None:
        super().__init__()
        self.reach = 2 * blocks + 2  # latent places
        self.encoder = trunk(PIXELS, features, blocks, latent)

    @classmethod
    def of(cls, network: nn.Module) -> "CompactEncoder":
        """The encoder of a `CompactVAE`; a `CompactEncoder` itself is returned as it is.

        Raises:
            TypeError: it is another network.
        """
        if isinstance(network, cls):
            return network
        if not isinstance(network, CompactVAE):
            raise TypeError(f"a {type(network).__name__} has no encoder of photographs")
        first, last = network.encoder[0], network.encoder[-1]
        made = cls(latent=network.latent, features=first.out_channels, blocks=len(network.encoder) - 2)  # type: ignore[arg-type]
        last_name = f"encoder.{len(network.encoder) - 1}."
        theirs = {name: value for name, value in network.state_dict().items() if name.startswith("encoder.")}
        made.load_state_dict(
            {name: value[: network.latent] if name.startswith(last_name) else value for name, value in theirs.items()}
        )
        return made.to(last.weight.device)  # type: ignore[arg-type]

    def forward(self, image: Tensor) -> Tensor:
        """The mean (B, latent, H/4, W/4) of `image` (B, 3, H, W) in [0, 1], as `CompactVAE.encode` gives it.

        Raises:
            ValueError: H or W is not a multiple of 4.
        """
        pixels = unshuffled(image)
        return upon(pixels, self.encoder(pixels))


def unshuffled(image: Tensor) -> Tensor:
    """The pixels under each latent place, (B, 48, H/4, W/4) in [-1, 1], of `image` (B, 3, H, W) in [0, 1]."""
    check_size(image, STRIDE, "the autoencoder")
    return F.pixel_unshuffle(image * 2 - 1, STRIDE)


def upon(pixels: Tensor, learnt: Tensor) -> Tensor:
    """Learned features (B, latent, h, w) plus the pixels (B, 48, h, w) in their first channels."""
    return learnt.float() + F.pad(pixels, (0, 0, 0, 0, 0, learnt.shape[1] - PIXELS))
