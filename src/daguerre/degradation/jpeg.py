"""JPEG compression on tensors, with a quality per picture of a batch, on any device.

Follows the baseline encoder and decoder of libjpeg (ITU-T T.81), without its entropy coding, which is lossless.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["jpeg", "quantisation_tables"]

# Tables K.1 (luma) and K.2 (chroma) of ITU-T T.81.
LUMA = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
CHROMA = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *[(99,) * 8] * 4,
)
# JFIF: Y, Cb, Cr from R, G, B, all on the scale of 8 bits; 128 is added to Cb and Cr.
YCBCR = (
    (0.299, 0.587, 0.114),
    (-0.168735892, -0.331264108, 0.5),
    (0.5, -0.418687589, -0.081312411),
)


def quantisation_tables(quality: Tensor) -> tuple[Tensor, Tensor]:
    """The tables (B, 8, 8) for luma and chroma that libjpeg uses at a `quality` (B,) from 1 to 100."""
    quality = quality.round().clamp(1, 100)
    percent = torch.where(quality < 50, torch.floor(5000 / quality), 200 - 2 * quality).view(-1, 1, 1)
    tables = (torch.tensor(table, dtype=torch.float32, device=quality.device) for table in (LUMA, CHROMA))
    luma, chroma = (torch.floor((table * percent + 50) / 100).clamp(1, 255) for table in tables)
    return luma, chroma


def jpeg(image: Tensor, quality: Tensor, *, subsample: bool = True) -> Tensor:
    """Compress and decompress.

    Args:
        image: (B, 3, H, W) in [0, 1].
        quality: (B,) from 1 to 100.
        subsample: chroma at half the height and width (4:2:0), as in most files.

    Returns:
        (B, 3, H, W) in [0, 1], in steps of 1/255.
    """
    height, width = image.shape[-2:]
    ratio = 2 if subsample else 1
    unit = 8 * ratio
    luma_table, chroma_table = quantisation_tables(quality.to(image.device))
    pixels = (image.clamp(0, 1) * 255).round()
    pixels = F.pad(pixels, (0, -width % unit, 0, -height % unit), mode="replicate")
    to_ycbcr = torch.tensor(YCBCR, device=image.device)
    planes = torch.einsum("yc,bchw->byhw", to_ycbcr, pixels)
    luma = round_trip(planes[:, :1].round() - 128, luma_table)
    chroma = planes[:, 1:].round()
    if subsample:  # halves are rounded down and up in turn
        chroma = F.avg_pool2d(chroma, 2)
        turns = torch.arange(chroma.shape[3], device=image.device) % 2
        chroma = (chroma + (1 + turns) / 4).floor()
    chroma = round_trip(chroma, chroma_table)
    if subsample:  # weights of 3/4 and 1/4: libjpeg's fancy upsampling
        chroma = F.interpolate(chroma, scale_factor=2, mode="bilinear", align_corners=False).round()
    planes = torch.cat([luma + 128, chroma], dim=1)
    pixels = torch.einsum("cy,byhw->bchw", torch.linalg.inv(to_ycbcr), planes).round().clamp(0, 255)
    return pixels[..., :height, :width] / 255


def round_trip(planes: Tensor, table: Tensor) -> Tensor:
    """Quantize planes (B, C, H, W) in [-128, 127], sides multiples of 8, block by block with a table (B, 8, 8)."""
    batch, channels, height, width = planes.shape
    blocks = planes.reshape(batch, channels, height // 8, 8, width // 8, 8).transpose(3, 4)  # (…, 8, 8)
    basis = dct_basis(planes)
    steps = table.view(batch, 1, 1, 1, 8, 8)
    levels = basis @ blocks @ basis.T / steps
    kept = levels.sign() * (levels.abs() + 0.5).floor() * steps  # halves away from 0, which are common here
    return (basis.T @ kept @ basis).transpose(3, 4).reshape(planes.shape).round().clamp(-128, 127)


def dct_basis(like: Tensor) -> Tensor:
    """The orthonormal DCT-II matrix (8, 8); rows are frequencies."""
    k, n = torch.arange(8.0, device=like.device)[:, None], torch.arange(8.0, device=like.device)
    basis = torch.cos(math.pi * (2 * n + 1) * k / 16) / 2
    return torch.cat([basis[:1] / math.sqrt(2), basis[1:]])
