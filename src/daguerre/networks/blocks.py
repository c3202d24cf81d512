"""Blocks shared by several of the published networks."""

from torch import Tensor, nn

__all__ = ["ResidualBlock", "check_size"]


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with instance normalization (no parameters), a ReLU between them, added to the input.

    As in the generators of Wan et al. 2020 (after Johnson et al. 2016); edges are reflected.

    Args:
        features: channels in and out.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(features, features, 3),
            nn.InstanceNorm2d(features),
            nn.ReLU(),
            nn.ReflectionPad2d(1),
            nn.Conv2d(features, features, 3),
            nn.InstanceNorm2d(features),
        )

    def forward(self, x: Tensor) -> Tensor:
        deeper: Tensor = self.conv_block(x)
        return x + deeper


def check_size(x: Tensor, multiple: int, name: str) -> None:
    """Refuse `x` (B, C, H, W) unless `multiple` divides H and W; `name` is for the message.

    Raises:
        ValueError: naming the size and the multiple.
    """
    height, width = x.shape[2:]
    if height % multiple or width % multiple:
        raise ValueError(f"{name} takes heights and widths that are multiples of {multiple}, not {height} x {width}")
