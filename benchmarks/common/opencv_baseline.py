"""The best chain of OpenCV's filters for old photographs: inpainting, denoising, sharpening, automatic tones.

    pip install 'opencv-python-headless<5'
    python -m benchmarks.common.opencv_baseline FOLDER

tunes its parameters on clean photographs, which are aged; measure it on others. Those below were tuned on pictures
other than those in `benchmarks/quality/restore.py`'s tables.
"""

import argparse
import dataclasses
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from daguerre.degradation.aging import AgeOptions
from daguerre.evaluation.metrics import affine_tone_match, psnr
from daguerre.evaluation.restore import EvaluateRestoreOptions, Example, examples

__all__ = ["Classical", "restore_classically"]

Levels = NDArray[np.uint8]

METHODS = {"telea": cv2.INPAINT_TELEA, "navier-stokes": cv2.INPAINT_NS}


@dataclass(frozen=True, kw_only=True)
class Classical:
    """Parameters of the chain.

    Args:
        inpaint, radius: OpenCV's method of inpainting, or "none", and how far around a pixel it looks.
        grow: pixels by which the mask is grown first.
        denoise: strength of non-local means for gray, in times the noise that was estimated; 0 for none.
        chroma: the same for color.
        bilateral: for the range of a bilateral filter after it, in times the noise; 0 for none.
        sharpen: how much of the difference from a Gaussian blur of 1.5 pixels is added.
        stretch: how far the tones are stretched to the full range, 0 to 1.
        percentile: what percentage of pixels may become black, and white.
        balance: how far the means of the colors are made equal, 0 to 1.
        equalise: how far contrast is made equal all over (CLAHE), 0 to 1.
    """

    inpaint: str = "telea"
    radius: float = 8
    grow: int = 0
    denoise: float = 1.25
    chroma: float = 1.5
    bilateral: float = 6.0
    sharpen: float = 0.0
    stretch: float = 0.25
    percentile: float = 0.1
    balance: float = 0.25
    equalise: float = 0.0


LOCAL = {
    "inpaint": ("none", "telea", "navier-stokes"),
    "radius": (2, 3, 5, 8),
    "grow": (0, 1, 2),
    "denoise": (0.0, 0.3, 0.6, 0.8, 1.0, 1.25, 1.6),
    "chroma": (0.0, 0.5, 1.0, 1.5, 2.0, 3.0),
    "bilateral": (0.0, 2.0, 4.0, 6.0, 8.0),
    "sharpen": (0.0, 0.2, 0.4, 0.7, 1.0),
}
"""What is tried for PSNR after tone matching."""

TONES = {
    "stretch": (0.0, 0.25, 0.5, 0.75, 1.0),
    "percentile": (0.1, 0.5, 1.0, 2.0),
    "balance": (0.0, 0.25, 0.5, 0.75, 1.0),
    "equalise": (0.0, 0.15, 0.3, 0.5),
}
"""What is tried for plain PSNR."""


def restore_classically(photo: Levels, mask: Levels | None, how: Classical) -> Levels:
    """Restore a photograph.

    Args:
        photo: (H, W, 3) RGB.
        mask: (H, W), not 0 = damaged; nothing for no inpainting.
    """
    return set_tones(mend(photo, mask, how), how)


def mend(photo: Levels, mask: Levels | None, how: Classical) -> Levels:
    """All but the tones; a neutral photograph stays neutral."""
    neutral = bool((photo == photo[..., :1]).all())
    if mask is not None and how.inpaint != "none" and mask.any():
        wide = cv2.dilate(mask, np.ones((2 * how.grow + 1,) * 2, np.uint8))
        photo = cv2.inpaint(photo, wide, how.radius, METHODS[how.inpaint])
    made = sharpen(denoise(photo, how), how.sharpen)
    return np.repeat(cv2.cvtColor(made, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2) if neutral else made


def denoise(photo: Levels, how: Classical) -> Levels:
    noise = estimate_noise(photo)
    if how.denoise or how.chroma:
        # OpenCV takes BGR for its conversion to Lab; h works on L, which is about the gray.
        bgr = np.ascontiguousarray(photo[..., ::-1])
        bgr = cv2.fastNlMeansDenoisingColored(bgr, None, how.denoise * noise, how.chroma * noise, 7, 21)
        photo = np.ascontiguousarray(bgr[..., ::-1])
    return cv2.bilateralFilter(photo, 0, how.bilateral * noise, 1.5) if how.bilateral else photo


def estimate_noise(photo: Levels) -> float:
    """Standard deviation of the noise of the gray, in levels: the median of the finest diagonal Haar details."""
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY).astype(np.float32)
    height, width = (side // 2 * 2 for side in grey.shape)
    a, b, c, d = (grey[y:height:2, x:width:2] for y in (0, 1) for x in (0, 1))
    return float(np.median(np.abs(a - b - c + d) / 2) / 0.6745)


def sharpen(photo: Levels, amount: float) -> Levels:
    blurred = cv2.GaussianBlur(photo, (0, 0), 1.5)
    return cv2.addWeighted(photo, 1 + amount, blurred, -amount, 0)


def set_tones(photo: Levels, how: Classical) -> Levels:
    image = photo.astype(np.float32)
    low, high = np.percentile(image, [how.percentile, 100 - how.percentile])
    image += how.stretch * ((image - low) * 255 / max(high - low, 1) - image)
    means = image.mean(axis=(0, 1))
    image *= 1 + how.balance * (means.mean() / np.maximum(means, 1) - 1)
    levels = image.clip(0, 255).round().astype(np.uint8)
    return equalise(levels, how.equalise) if how.equalise else levels


def equalise(photo: Levels, amount: float) -> Levels:
    neutral = bool((photo == photo[..., :1]).all())
    lab = cv2.cvtColor(photo, cv2.COLOR_RGB2LAB)
    lightness = cv2.createCLAHE(2.0, (8, 8)).apply(lab[..., 0])
    lab[..., 0] = cv2.addWeighted(lab[..., 0], 1 - amount, lightness, amount, 0)
    made = cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)
    return np.repeat(made[..., 1:2], 3, axis=2) if neutral else made


def to_levels(image: torch.Tensor) -> Levels:
    """(1, C, H, W) in [0, 1] to (H, W, C)."""
    return image[0].mul(255).round().byte().permute(1, 2, 0).contiguous().numpy()


def to_image(levels: Levels) -> torch.Tensor:
    return torch.from_numpy(levels.copy()).permute(2, 0, 1)[None].float() / 255


def score_mending(tests: Sequence[Example], how: Classical) -> float:
    """Mean PSNR of what is mended, its tones matched, in decibels over red, green and blue."""
    return statistics.fmean(
        psnr(affine_tone_match(to_image(mended(test, how)), test.aged.clean), test.aged.clean, channel="rgb").item()
        for test in tests
    )


def mended(test: Example, how: Classical) -> Levels:
    return mend(to_levels(test.aged.image), to_levels(test.aged.lost)[..., 0], how)


def score_tones(begun: Sequence[Levels], tests: Sequence[Example], how: Classical) -> float:
    """Mean PSNR of mended photographs whose tones are set, in decibels over red, green and blue."""
    return statistics.fmean(
        psnr(to_image(set_tones(photo, how)), test.aged.clean, channel="rgb").item()
        for photo, test in zip(begun, tests, strict=True)
    )


def climb(
    begin: Classical, choices: dict[str, tuple[object, ...]], judge: Callable[[Classical], float], rounds: int
) -> Classical:
    """Try the choices of one parameter after another, keeping the best, until nothing changes."""
    best, reached = begin, judge(begin)
    for _ in range(rounds):
        before = best
        for name, values in choices.items():
            for value in values:
                tried = dataclasses.replace(best, **{name: value})
                if value != getattr(best, name) and (found := judge(tried)) > reached:
                    best, reached = tried, found
            print(f"{reached:.3f} dB  {name} = {getattr(best, name)}", flush=True)
        if best == before:
            break
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("high", type=Path, help="folder of clean photographs to find the parameters on")
    parser.add_argument("--versions", type=int, default=2, help="how many times each is aged")
    parser.add_argument("--rounds", type=int, default=3, help="most rounds of trying every parameter")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    options = EvaluateRestoreOptions(high=arguments.high, versions=arguments.versions)
    tests = list(examples(options, AgeOptions(seed=1000), {}))
    print(f"{len(tests)} aged photographs")
    best = climb(Classical(), LOCAL, lambda how: score_mending(tests, how), arguments.rounds)
    begun = [mended(test, best) for test in tests]
    print(climb(best, TONES, lambda how: score_tones(begun, tests, how), arguments.rounds))


if __name__ == "__main__":
    main()
