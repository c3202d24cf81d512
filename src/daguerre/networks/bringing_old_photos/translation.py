"""Translation of the latent map of an old photograph to that of a clean one, as published, in three variants."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from daguerre.networks.blocks import ResidualBlock, check_size
from daguerre.tiling.attention import copy_nearest_patches, partial_attention
from daguerre.tiling.rows import traced_halo

__all__ = ["LatentTranslation", "PartialNonlocalTranslation", "PatchAttentionTranslation"]

STRIDE = 4  # picture pixels per latent pixel


def widening(latent: int, features: int) -> list[nn.Module]:
    """Four 3x3 convolutions from `latent` channels, doubling up to `features`."""
    widths = [min(latent * 2**i, features) for i in range(5)]
    return convolutions(widths)


def narrowing(latent: int, features: int) -> list[nn.Module]:
    """Three 3x3 convolutions that halve the channels, and one without normalization to `latent`."""
    widths = [min(latent * 2**i, features) for i in (4, 3, 2, 1)]
    return [*convolutions(widths), nn.Conv2d(widths[-1], latent, 3, padding=1)]


def convolutions(widths: list[int]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for width, wider in pairwise(widths):
        layers += [nn.Conv2d(width, wider, 3, padding=1), nn.InstanceNorm2d(wider), nn.ReLU()]
    return layers


def residual_blocks(features: int, count: int) -> list[ResidualBlock]:
    return [ResidualBlock(features) for _ in range(count)]


def damaged_latents(mask: Tensor, *, corner: bool) -> Tensor:
    """Latent places (B, 1, H/4, W/4), 1 where damaged, of `mask` (B, 1, H, W), 1 where damaged.

    A place is damaged if one of the middle four of its 4 x 4 pixels is, with `corner` also if its first pixel is: this
    equals the published code's bilinear (and nearest) downsampling of the mask.
    """
    looked_at = torch.zeros(1, 1, STRIDE, STRIDE, device=mask.device)
    looked_at[..., 1:3, 1:3] = 1
    looked_at[..., 0, 0] = float(corner)
    return torch.sign(F.conv2d(mask, looked_at, stride=STRIDE))


class LatentTranslation(nn.Module):
    """Translation for unstructured damage (blur, noise, fading): convolutions and residual blocks.

    Wan et al. 2020, https://arxiv.org/abs/2004.09484, sec. 3.2 (`Mapping_Model`, file mapping_quality; 36,135,232
    parameters). Instance normalization makes every place depend on the whole picture.

    Args:
        latent: channels of the latent maps.
        features: channels of the residual blocks.
        blocks: residual blocks.
    """

    scale = 1
    multiple = 1

    def __init__(self, *, latent: int = 64, features: int = 512, blocks: int = 6) -> None:
        super().__init__()
        self.latent = latent
        self.model = nn.Sequential(
            *widening(latent, features), *residual_blocks(features, blocks), *narrowing(latent, features)
        )

    @property
    def halo(self) -> int:
        """Latent places on each side that influence one, given the statistics of the whole picture."""
        return traced_halo(self, channels=self.latent)

    def forward(self, latent: Tensor) -> Tensor:
        """Translate `latent` (B, latent, h, w) of an old photograph to that of a clean one, of the same shape."""
        clean: Tensor = self.model(latent)
        return clean


class PartialNonlocal(nn.Module):
    """Fills damaged places with features of undamaged ones (Wan et al. 2020, sec. 3.3, fig. 4)."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.g = nn.Conv2d(features, features, 1)
        self.W = nn.Conv2d(features, features, 1)
        self.theta = nn.Conv2d(features, features, 1)
        self.phi = nn.Conv2d(features, features, 1)
        self.res_block = nn.Sequential(*residual_blocks(features, 3))

    def forward(self, x: Tensor, damaged: Tensor) -> Tensor:
        """Replace `x` (B, features, h, w) where `damaged` (B, 1, h, w) is 1."""
        keep = 1 - damaged
        # Attention is computed for undamaged places too, though they are not replaced: the residual blocks' statistics
        # and their neighbors' convolutions see them.
        attended = partial_attention(self.theta(x), self.phi(x), self.g(x), keep)
        filled: Tensor = self.res_block(self.W(attended))
        return x * keep + filled * damaged


class PartialNonlocalTranslation(nn.Module):
    """Translation that also fills scratches and holes: one partial non-local block before the residual blocks.

    Wan et al. 2020, https://arxiv.org/abs/2004.09484, sec. 3.3 (`Mapping_Model_with_mask`, file mapping_scratch;
    51,344,704 parameters). Instance normalization and attention make every place depend on the whole picture.
    Memory is a few feature maps; time still grows with the square of the number of places.

    Args:
        latent: channels of the latent maps.
        features: channels of the residual blocks and of the attention.
        blocks: residual blocks after the attention.
    """

    scale = 1
    multiple = 1

    def __init__(self, *, latent: int = 64, features: int = 512, blocks: int = 6) -> None:
        super().__init__()
        self.latent = latent
        self.before_NL = nn.Sequential(*widening(latent, features))
        self.NL = PartialNonlocal(features)
        self.after_NL = nn.Sequential(*residual_blocks(features, blocks), *narrowing(latent, features))

    def forward(self, latent: Tensor, mask: Tensor) -> Tensor:
        """Translate `latent` (B, latent, H/4, W/4) of an old photograph to that of a clean one, of the same shape.

        `mask` (B, 1, H, W) is 1 where the photograph is damaged, else 0.
        """
        x = self.before_NL(latent)
        x = self.NL(x, damaged_latents(mask, corner=True))
        clean: Tensor = self.after_NL(x)
        return clean


class PatchAttention(nn.Module):
    """Concatenates to the features a copy in which the most similar undamaged patches replace the damaged ones."""

    def __init__(self, features: int, patch: int) -> None:
        super().__init__()
        self.patch = patch
        self.F_Combine = nn.Conv2d(2 * features + 1, features, 3, padding=1)
        self.res_block = nn.Sequential(*residual_blocks(features, 1))

    def forward(self, x: Tensor, damaged: Tensor) -> Tensor:
        copied = copy_nearest_patches(self.res_block(x), damaged, self.patch)
        combined: Tensor = self.F_Combine(torch.cat([x, copied, damaged], 1))
        return combined


class PatchAttentionTranslation(nn.Module):
    """Translation for large pictures with scratches and holes: hard patch attention at three scales.

    Wan et al. 2022, https://arxiv.org/abs/2009.07047, sec. 3.3 (`Mapping_Model_with_mask_2`, file
    mapping_Patch_Attention; 73,904,448 parameters). Instance normalization and attention make every place depend on
    the whole picture. Memory is that of a few feature maps; time still grows with the square of the number of places.

    Args:
        latent: channels of the latent maps.
        features: channels of the residual blocks and of the attention.
    """

    scale = 1
    multiple = 8

    def __init__(self, *, latent: int = 64, features: int = 512) -> None:
        super().__init__()
        self.latent = latent
        self.before_NL = nn.Sequential(*widening(latent, features), *residual_blocks(features, 2))
        self.NL_scale_1 = PatchAttention(features, 8)
        self.res_block_1 = nn.Sequential(*residual_blocks(features, 2))
        self.NL_scale_2 = PatchAttention(features, 4)
        self.res_block_2 = nn.Sequential(*residual_blocks(features, 2))
        self.NL_scale_3 = PatchAttention(features, 2)
        self.after_NL = nn.Sequential(*residual_blocks(features, 2), *narrowing(latent, features))

    def forward(self, latent: Tensor, mask: Tensor) -> Tensor:
        """Translate `latent` (B, latent, H/4, W/4) of an old photograph to that of a clean one, of the same shape.

        `mask` (B, 1, H, W) is 1 where the photograph is damaged, else 0.

        Raises:
            ValueError: a side of `latent` is not a multiple of 8.
        """
        check_size(latent, self.multiple, "patch attention")
        damaged = damaged_latents(mask, corner=False)
        x = self.NL_scale_1(self.before_NL(latent), damaged)
        x = self.NL_scale_2(self.res_block_1(x), damaged)
        x = self.NL_scale_3(self.res_block_2(x), damaged)
        clean: Tensor = self.after_NL(x)
        return clean
