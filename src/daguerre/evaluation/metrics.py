"""Metrics for pictures and masks, by the protocol of the papers.

The protocol of super-resolution papers (as in BasicSR's `metrics/psnr_ssim.py`): both pictures are rounded to 8 bits,
`border` pixels are cropped on every side (as many as the scale), and Y of BT.601 in studio swing is compared. One model
on Set5 measures 30.14 dB in RGB, 32.02 dB on this Y and 30.71 dB on OpenCV's full-range Y, so a number means little
without its protocol.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from daguerre.images.resample import resize_bicubic

__all__ = [
    "Channel",
    "MaskScores",
    "affine_tone_match",
    "consistency",
    "count_finds",
    "find_rates",
    "luma",
    "mask_scores",
    "psnr",
    "ssim",
    "tone_matched_psnr",
]

Channel = Literal["y", "rgb"]
"""What is compared: Y of BT.601 in studio swing, or all of red, green and blue."""

SSIM_SIDE = 11
SSIM_SIGMA = 1.5


def luma(image: Tensor) -> Tensor:
    """Y of BT.601 in studio swing: 16 + 65.481 R + 128.553 G + 24.966 B.

    Black is 16 and white 235: `luma(torch.ones(1, 3, 1, 1))` is 235.

    Args:
        image: (B, 3, H, W) in [0, 1].

    Returns:
        (B, 1, H, W) in [16, 235], on the scale of 8 bits, not rounded.
    """
    weights = image.new_tensor([65.481, 128.553, 24.966]).view(1, 3, 1, 1)
    return 16 + (image * weights).sum(dim=1, keepdim=True)


def psnr(a: Tensor, b: Tensor, *, border: int = 0, channel: Channel = "y") -> Tensor:
    """Peak signal-to-noise ratio in decibels: 10 log10(255² / mean((a - b)²)).

    From 0 (in RGB) upwards; infinite for pictures that are equal after rounding. By hand: pictures that differ by one
    step of 255 everywhere have 10 log10(255²) = 48.13 dB in RGB.

    Args:
        a, b: (B, 3, H, W) in [0, 1]; values outside are clamped.
        border: pixels not counted on each side; papers take the scale.
        channel: `y`, or `rgb` for one mean over the three channels.

    Returns:
        (B,) float64.

    Raises:
        ValueError: shapes differ, or nothing is left inside the border.
    """
    a, b = prepare(a, b, border, channel)
    return decibels((a - b).square().mean(dim=(1, 2, 3)), peak=255)


def ssim(a: Tensor, b: Tensor, *, border: int = 0, channel: Channel = "y") -> Tensor:
    """Structural similarity: the mean of (2 m_a m_b + c1)(2 s_ab + c2) / ((m_a² + m_b² + c1)(s_a² + s_b² + c2)).

    Means m, variances s² and covariance s_ab under a Gaussian of 11 x 11 pixels, sigma 1.5, where it fits inside;
    c1 = (0.01 · 255)², c2 = (0.03 · 255)². In [-1, 1], 1 for equal pictures. By hand: a gray of 255 against
    black, in RGB, leaves c1 / (255² + c1) = 0.0001.
    Wang et al. 2004, https://doi.org/10.1109/TIP.2003.819861, eq. 13, on color channel by channel.

    Args:
        a, b: (B, 3, H, W) in [0, 1]; values outside are clamped.
        border: pixels not counted on each side; papers take the scale.
        channel: `y`, or `rgb` for one mean over the three channels.

    Returns:
        (B,) float64.

    Raises:
        ValueError: shapes differ, or less than 11 x 11 pixels are left inside the border.
    """
    a, b = prepare(a, b, border, channel)
    if min(a.shape[-2:]) < SSIM_SIDE:
        size = f"{a.shape[-2]} x {a.shape[-1]}"
        raise ValueError(f"SSIM needs {SSIM_SIDE} x {SSIM_SIDE} pixels, {size} are left inside a border of {border}")
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mean_a, mean_b = gaussian_mean(a), gaussian_mean(b)
    variance_a = gaussian_mean(a * a) - mean_a**2
    variance_b = gaussian_mean(b * b) - mean_b**2
    covariance = gaussian_mean(a * b) - mean_a * mean_b
    similarity = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    similarity = similarity / ((mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2))
    return similarity.mean(dim=(1, 2, 3))


def consistency(result: Tensor, low: Tensor) -> Tensor:
    """Consistency of an upscaled picture with its input: PSNR between `low` and the result downscaled to its size.

    10 log10(1 / mean((shrunk - low)²)) over the three channels, downscaled by antialiased bicubic and not rounded, so
    that a floating-point result can exceed the limit of 8 bits (58.9 dB). By hand: a gray of 0.5 against a
    result of 0.6 everywhere has 20 dB.

    Args:
        result: (B, 3, H', W') in [0, 1], of any size.
        low: (B, 3, H, W) in [0, 1].

    Returns:
        (B,) float64; infinite if they are equal.
    """
    shrunk = resize_bicubic(float64(result), low.shape[-2], low.shape[-1])
    return decibels((shrunk - float64(low)).square().mean(dim=(1, 2, 3)), peak=1)


def affine_tone_match(image: Tensor, reference: Tensor) -> Tensor:
    """Apply to each channel of `image` the gain and offset that fit `reference` best in squared error.

    A restored photograph may rightly be lighter or warmer than the original; PSNR after this match ignores that.
    The gain is cov(image, reference) / var(image); the offset then makes the means equal. By hand: an image of half the
    reference plus 0.1 becomes the reference.

    Args:
        image, reference: (B, 3, H, W) in [0, 1].

    Returns:
        (B, 3, H, W), unclamped.
    """
    mean, wanted = (x.mean(dim=(2, 3), keepdim=True) for x in (image, reference))
    variance = (image - mean).square().mean(dim=(2, 3), keepdim=True)
    covariance = ((image - mean) * (reference - wanted)).mean(dim=(2, 3), keepdim=True)
    gain = torch.where(variance > 0, covariance / variance.clamp_min(torch.finfo(image.dtype).tiny), 0)
    return wanted + gain * (image - mean)


def tone_matched_psnr(a: Tensor, b: Tensor, *, border: int = 0, channel: Channel = "rgb") -> Tensor:
    """`psnr` after `affine_tone_match` of `a` to `b`: the error that tones do not explain.

    From 0 (in RGB) upwards. By hand: 0.2, 0.6, 0.2, 0.6 matches 0, 1, 0, 1 exactly: infinite; 0, 0, 1, 1 is
    uncorrelated with 0, 1, 0, 1, so only the mean is left, half of white from every pixel: 6.02 dB.

    Args:
        a, b: (B, 3, H, W) in [0, 1].
        border: pixels not counted on each side.
        channel: as for `psnr`.

    Returns:
        (B,) float64.
    """
    return psnr(affine_tone_match(float64(a), float64(b)), b, border=border, channel=channel)


@dataclass(frozen=True, kw_only=True)
class MaskScores:
    """Quality of damage detection, over all pixels.

    Args:
        precision: share of the detected pixels that are damaged; 1 if none was detected.
        recall: share of the damaged pixels that were detected; 1 if there are none.
        f1: 2 · precision · recall / (precision + recall).
        auc: probability that a damaged pixel scores higher than an undamaged one, ties counting half; NaN unless there
            are pixels of both kinds.
    """

    precision: float
    recall: float
    f1: float
    auc: float


def mask_scores(
    predicted: Tensor | Sequence[Tensor],
    truth: Tensor | Sequence[Tensor],
    *,
    threshold: float = 0.5,
    tolerance: int = 0,
) -> MaskScores:
    """Compare damage maps with the ground truth.

    By hand: of two damaged pixels in a row of four, [1, 1, 0, 0], a map [0.9, 0.2, 0.6, 0.1] detects one of them
    and one undamaged: precision, recall and F1 are 1/2, and 3 of 4 damaged-undamaged pairs are in order: AUC is 3/4.

    Args:
        predicted: (B, 1, H, W), probability of damage per pixel, in [0, 1]; or several such, of different sizes.
        truth: as many (B, 1, H, W), 1 = damaged.
        threshold: pixels of at least this value count as detected.
        tolerance: pixels, in a square, by which a detection may be off and still count; not used for AUC.

    Raises:
        ValueError: shapes differ.
    """
    maps, truths = ([x] if isinstance(x, Tensor) else x for x in (predicted, truth))
    finds = torch.zeros(4, dtype=torch.int64)
    for made, wanted in zip(maps, truths, strict=True):
        if made.shape != wanted.shape:
            raise ValueError(f"masks differ in shape: {tuple(made.shape)} and {tuple(wanted.shape)}")
        finds += count_finds(made >= threshold, wanted >= 0.5, tolerance=tolerance)
    values, positives = torch.cat([m.flatten() for m in maps]), torch.cat([t.flatten() >= 0.5 for t in truths])
    return MaskScores(**find_rates(finds), auc=area_under_curve(values, positives))


def count_finds(found: Tensor, damaged: Tensor, *, tolerance: int) -> Tensor:
    """Pixel counts from boolean masks (B, 1, H, W): correct and all detections, found and all damaged; (4,) int64."""
    right, reached = found & dilate(damaged, tolerance), damaged & dilate(found, tolerance)
    return torch.stack([mask.sum() for mask in (right, found, reached, damaged)]).cpu()


def find_rates(finds: Tensor) -> dict[str, float]:
    """Precision, recall and F1 from `count_finds`, or sums of them; as in `MaskScores`."""
    right, every_find, reached, every_damage = finds.tolist()
    precision = right / every_find if every_find else 1.0
    recall = reached / every_damage if every_damage else 1.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return {"precision": precision, "recall": recall, "f1": f1}


def area_under_curve(value: Tensor, positive: Tensor) -> float:
    """Area under the ROC curve as Mann and Whitney's rank statistic; NaN unless both classes are present."""
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if not positives or not negatives:
        return float("nan")
    levels, index = torch.unique(value, return_inverse=True)
    at_level = torch.bincount(index[positive], minlength=len(levels)).double()
    sound_at_level = torch.bincount(index[~positive], minlength=len(levels)).double()
    sound_below = sound_at_level.cumsum(0) - sound_at_level
    return float((at_level * (sound_below + sound_at_level / 2)).sum() / positives / negatives)


def dilate(mask: Tensor, radius: int) -> Tensor:
    """Dilate a boolean mask (B, 1, H, W) by a square of `radius` pixels."""
    return F.max_pool2d(mask.float(), 2 * radius + 1, stride=1, padding=radius) > 0


def prepare(a: Tensor, b: Tensor, border: int, channel: Channel) -> tuple[Tensor, Tensor]:
    """Round both pictures to 8 bits, crop the border, take the channel; float64 on [0, 255]."""
    if a.shape != b.shape:
        raise ValueError(f"pictures differ in shape: {tuple(a.shape)} and {tuple(b.shape)}")
    height, width = a.shape[-2:]
    if border < 0 or min(height, width) <= 2 * border:
        raise ValueError(f"nothing is left of {height} x {width} pixels inside a border of {border}")
    inside = (..., slice(border, height - border), slice(border, width - border))
    a, b = (float64(x[inside]).clamp(0, 1).mul(255).round() for x in (a, b))
    return (luma(a / 255), luma(b / 255)) if channel == "y" else (a, b)


def float64(image: Tensor) -> Tensor:
    """To double precision; on the CPU if the device lacks it (Apple's GPUs)."""
    return (image.cpu() if image.device.type == "mps" else image).double()


def decibels(error: Tensor, peak: float) -> Tensor:
    return 10 * torch.log10(peak**2 / error)  # 1 / 0 is inf, as it should be


def gaussian_mean(image: Tensor) -> Tensor:
    """Mean under the Gaussian window of SSIM where it fits inside: (B, C, H, W) to (B, C, H - 10, W - 10)."""
    weights = [math.exp(-((tap - SSIM_SIDE // 2) ** 2) / (2 * SSIM_SIGMA**2)) for tap in range(SSIM_SIDE)]
    # Tap by tap: torch's own convolution takes seven times as long in double precision.
    for axis in (2, 3):
        size = image.shape[axis] - SSIM_SIDE + 1
        mean = torch.zeros_like(image.narrow(axis, 0, size))
        for tap, weight in enumerate(weights):
            mean.add_(image.narrow(axis, tap, size), alpha=weight / sum(weights))
        image = mean
    return image
