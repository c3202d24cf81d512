"""Discriminators of SRGAN, ESRGAN and Real-ESRGAN. All return logits."""

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import spectral_norm

__all__ = ["ESRGANDiscriminator", "SRGANDiscriminator", "UNetDiscriminatorSN"]


def normed(inputs: int, outputs: int, kernel: int, stride: int) -> list[nn.Module]:
    """Convolution, batch normalization, leaky ReLU."""
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding=1, bias=False)
    return [convolution, nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2)]


def check_multiple(side: int, multiple: int) -> None:
    """Raise ValueError unless `side` can be halved down to the dense layer."""
    if side < multiple or side % multiple:
        raise ValueError(f"side is {side}; it must be a multiple of {multiple}")


def check_side(image: Tensor, side: int) -> None:
    """Raise ValueError unless `image` (B, 3, side, side) has the size that the dense layer expects."""
    if tuple(image.shape[-2:]) != (side, side):
        height, width = image.shape[-2:]
        raise ValueError(f"this discriminator was made for {side} x {side} pixels, not {height} x {width}")


class SRGANDiscriminator(nn.Module):
    """Eight 3x3 convolutions, every second with stride 2, then two dense layers.

    Ledig et al. 2017, https://arxiv.org/abs/1609.04802, section 2.1.1 and fig. 4.
    Differs from the paper: returns the logit; the loss holds the sigmoid.

    Args:
        side: height and width of the pictures, a multiple of 16; the paper's crops have 96.
        features: channels of the first layer; doubled three times.
    """

    def __init__(self, *, side: int = 96, features: int = 64) -> None:
        super().__init__()
        check_multiple(side, 16)
        self.side = side
        layers: list[nn.Module] = [nn.Conv2d(3, features, 3, padding=1), nn.LeakyReLU(0.2)]
        layers += normed(features, features, kernel=3, stride=2)
        for width in (features, 2 * features, 4 * features):
            layers += normed(width, 2 * width, kernel=3, stride=1)
            layers += normed(2 * width, 2 * width, kernel=3, stride=2)
        self.convs = nn.Sequential(*layers)
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(8 * features * (side // 16) ** 2, 1024), nn.LeakyReLU(0.2), nn.Linear(1024, 1)
        )

    def forward(self, image: Tensor) -> Tensor:
        """Logit (B, 1) that `image` (B, 3, side, side) in [0, 1] is a photograph."""
        check_side(image, self.side)
        return self.head(self.convs(image))  # type: ignore[no-any-return]


class ESRGANDiscriminator(nn.Module):
    """The VGG-style discriminator of ESRGAN: pairs of a 3x3 and a strided 4x4 convolution, then two dense layers.

    Wang et al. 2018, https://arxiv.org/abs/1809.00219, section 3.2, with the layout of its BasicSR code for 128-pixel
    crops. A relativistic loss compares its logits for real and fake.

    Args:
        side: height and width of the pictures, a multiple of 32.
        features: channels of the first layer; doubled three times.
    """

    def __init__(self, *, side: int = 128, features: int = 64) -> None:
        super().__init__()
        check_multiple(side, 32)
        self.side = side
        layers: list[nn.Module] = [nn.Conv2d(3, features, 3, padding=1), nn.LeakyReLU(0.2)]
        layers += normed(features, features, kernel=4, stride=2)
        widths = [features, 2 * features, 4 * features, 8 * features, 8 * features]
        for width, wider in pairwise(widths):
            layers += normed(width, wider, kernel=3, stride=1)
            layers += normed(wider, wider, kernel=4, stride=2)
        self.convs = nn.Sequential(*layers)
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(8 * features * (side // 32) ** 2, 100), nn.LeakyReLU(0.2), nn.Linear(100, 1)
        )

    def forward(self, image: Tensor) -> Tensor:
        """Logit (B, 1) that `image` (B, 3, side, side) in [0, 1] is a photograph."""
        check_side(image, self.side)
        return self.head(self.convs(image))  # type: ignore[no-any-return]


class UNetDiscriminatorSN(nn.Module):
    """A U-Net with spectral normalization that judges every pixel.

    Wang et al. 2021, https://arxiv.org/abs/2107.10833, section 3.4 and fig. 6. Key names are Real-ESRGAN's.

    Args:
        features: channels of the first layer; doubled three times on the way down.
    """

    def __init__(self, *, features: int = 64) -> None:
        super().__init__()

        def normed_conv(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Module:
            return spectral_norm(nn.Conv2d(inputs, outputs, kernel, stride, padding=1, bias=False))

        self.conv0 = nn.Conv2d(3, features, 3, padding=1)
        self.conv1 = normed_conv(features, 2 * features, kernel=4, stride=2)
        self.conv2 = normed_conv(2 * features, 4 * features, kernel=4, stride=2)
        self.conv3 = normed_conv(4 * features, 8 * features, kernel=4, stride=2)
        self.conv4 = normed_conv(8 * features, 4 * features, kernel=3, stride=1)
        self.conv5 = normed_conv(4 * features, 2 * features, kernel=3, stride=1)
        self.conv6 = normed_conv(2 * features, features, kernel=3, stride=1)
        self.conv7 = normed_conv(features, features, kernel=3, stride=1)
        self.conv8 = normed_conv(features, features, kernel=3, stride=1)
        self.conv9 = nn.Conv2d(features, 1, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, 1, H, W) that each pixel of `image` (B, 3, H, W) in [0, 1] is of a photograph.

        Raises:
            ValueError: H or W is not a multiple of 8.
        """
        height, width = image.shape[-2:]
        if height % 8 or width % 8:
            raise ValueError(f"the U-Net discriminator takes multiples of 8, not {height} x {width}")
        full = F.leaky_relu(self.conv0(image), 0.2)  # (B, features, H, W)
        half = F.leaky_relu(self.conv1(full), 0.2)
        quarter = F.leaky_relu(self.conv2(half), 0.2)
        x = F.leaky_relu(self.conv3(quarter), 0.2)  # (B, 8 * features, H / 8, W / 8)
        x = F.leaky_relu(self.conv4(doubled(x)), 0.2) + quarter
        x = F.leaky_relu(self.conv5(doubled(x)), 0.2) + half
        x = F.leaky_relu(self.conv6(doubled(x)), 0.2) + full
        x = F.leaky_relu(self.conv7(x), 0.2)
        x = F.leaky_relu(self.conv8(x), 0.2)
        return self.conv9(x)  # type: ignore[no-any-return]


def doubled(x: Tensor) -> Tensor:
    """Bilinear enlargement to twice the size."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
