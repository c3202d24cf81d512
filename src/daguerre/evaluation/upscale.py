"""Evaluate upscaling: models and bicubic on pictures with known large originals."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from daguerre.devices import Precision, device_option, precision_option
from daguerre.errors import DaguerreError, DataError, OptionError
from daguerre.evaluation.comparison import (
    Evaluation,
    Look,
    Scores,
    describe_distances,
    eight_bits,
    load_distances,
    pictures_in,
)
from daguerre.evaluation.metrics import consistency, psnr, ssim
from daguerre.evaluation.perceptual import Distance
from daguerre.images import Picture
from daguerre.images.resample import resize_bicubic
from daguerre.options import check_range, option
from daguerre.progress import Progress, ProgressCallback, silent
from daguerre.tasks.upscaling.upscaler import Upscaler

__all__ = ["EvaluateUpscaleOptions", "Upscale", "evaluate_upscale", "shrink"]

Upscale = Callable[[Tensor], Tensor]
"""Maps a small picture (1, 3, H, W) in [0, 1] to a large one (1, 3, scale * H, scale * W)."""


@dataclass(frozen=True, kw_only=True)
class EvaluateUpscaleOptions:
    """What to measure: give either `pairs` or `high`."""

    pairs: tuple[Path, Path] | None = option(
        None, "folder of small pictures, and folder of the same pictures, large", metavar="SMALL LARGE"
    )
    high: Path | None = option(None, "folder of large pictures, which are downscaled to small ones")
    scale: int = option(4, "scale factor between the small and the large pictures")
    models: tuple[str, ...] = option((), "names from `daguerre models`, or weights files; bicubic is always measured")
    agree: bool = option(False, "make results, downscaled again, match the small picture before measuring")
    ensemble: bool = option(False, "self-ensemble: average over eight flips and rotations")
    lpips: bool = option(False, "also measure LPIPS, if its package and weights are installed")
    device: str = device_option()
    precision: Precision = precision_option()

    def __post_init__(self) -> None:
        if (self.pairs is None) == (self.high is None):
            raise OptionError("give either --pairs SMALL LARGE (two folders) or --high LARGE (one), to measure on")
        check_range("scale", self.scale, 1, 16)


@dataclass(frozen=True)
class Pair:
    """A test picture: its large original, and its small version unless that is to be made."""

    name: str
    high: Path
    low: Path | None = None


def evaluate_upscale(
    options: EvaluateUpscaleOptions,
    *,
    upscalers: Mapping[str, Upscale] | None = None,
    look: Look | None = None,
    progress: ProgressCallback = silent,
) -> Evaluation:
    """Evaluate bicubic, the models in the options, and any functions, on the pictures in the options.

    Pictures that cannot be read or measured are listed in the result.

    Args:
        upscalers: further functions to evaluate, by the name to show.
        look: called with each picture, for example `ContactSheet.look`.

    Raises:
        DataError: a folder does not exist, or there are no pictures.
        WeightsNotFound: no model of that name.
        MissingExtra: LPIPS was requested and is not installed.
    """
    pairs, failures = find_pairs(options)
    upscalers = {"bicubic": partial(enlarge, scale=options.scale)} | load_models(options) | dict(upscalers or {})
    distances = load_distances(lpips=options.lpips)
    scores: dict[str, Scores] = {}
    for done, pair in enumerate(pairs):
        progress(Progress(step="measuring", done=done, total=len(pairs), note=pair.name))
        try:
            low, high = read_pair(pair, options.scale)
            results = {name: run(upscale, low, high) for name, upscale in upscalers.items()}
        except DaguerreError as error:
            failures[pair.name] = str(error)
            continue
        scores[pair.name] = {name: measure(r, high, low, options.scale, distances) for name, r in results.items()}
        if look:
            look(pair.name, {"input": low, **results, "original": high}, scores[pair.name])
    progress(Progress(step="measuring", done=len(pairs), total=len(pairs)))
    return Evaluation(protocol=protocol(options, distances), scores=scores, failures=failures)


def find_pairs(options: EvaluateUpscaleOptions) -> tuple[list[Pair], dict[str, str]]:
    """The test pictures, and, by name, messages about those without a counterpart.

    Raises:
        DataError: a folder does not exist or holds no pictures, or two pictures in it have the same name.
    """
    if options.high:
        return [Pair(path.name, path) for path in pictures_in(options.high)], {}
    assert options.pairs  # checked by the options
    low, high = (by_name(pictures_in(folder), options.scale) for folder in options.pairs)
    alone = {name: f"{low[name]}: no large picture of this name in {options.pairs[1]}" for name in low.keys() - high}
    alone |= {name: f"{high[name]}: no small picture of this name in {options.pairs[0]}" for name in high.keys() - low}
    return [Pair(name, high[name], low[name]) for name in sorted(low.keys() & high)], dict(sorted(alone.items()))


def by_name(paths: Sequence[Path], scale: int) -> dict[str, Path]:
    """Pictures by their names without endings such as `x4`, `_LR`, `-HR` or `_SRF_4_LR`."""
    ending = re.compile(rf"([-_. ]?x{scale}|[-_. ]([lh][rq]|low|high|gt|srf[-_]?{scale}))+$", re.IGNORECASE)
    found: dict[str, Path] = {}
    for path in paths:
        name = ending.sub("", path.stem)
        if name in found:
            raise DataError(f"{found[name]} and {path} are both called {name!r}; rename one")
        found[name] = path
    return found


def read_pair(pair: Pair, scale: int) -> tuple[Tensor, Tensor]:
    """Read the small and the large picture; make the small one if it is missing.

    Raises:
        PictureError: one cannot be read.
        DataError: their sizes do not fit each other, or are too small to measure.
    """
    high = Picture.open(pair.high).read()
    low = Picture.open(pair.low).read() if pair.low else shrink(high, scale)
    height, width = (scale * side for side in low.shape[-2:])
    fits = 0 <= high.shape[-2] - height < scale and 0 <= high.shape[-1] - width < scale
    if not fits:
        sizes = f"{low.shape[-1]} x {low.shape[-2]} and {high.shape[-1]} x {high.shape[-2]} pixels"
        raise DataError(
            f"{pair.name}: the pictures have {sizes}; with --scale {scale} the second must be that much larger"
        )
    least = max(11 + 2 * scale, 16)  # for SSIM's window inside the border, and four poolings in VGG
    if min(height, width) < least:
        raise DataError(f"{pair.high}: {width} x {height} pixels are too few to measure; at least {least} x {least}")
    return low, high[..., :height, :width]


def shrink(high: Tensor, scale: int) -> Tensor:
    """Make the small picture as papers do: crop to a multiple of `scale`, MATLAB's bicubic, round to 8 bits.

    Args:
        high: (B, 3, H, W) in [0, 1].

    Returns:
        (B, 3, H // scale, W // scale) in [0, 1].
    """
    height, width = (side // scale for side in high.shape[-2:])
    if min(height, width) < 1:
        raise DataError(f"a picture of {high.shape[-1]} x {high.shape[-2]} pixels cannot be made {scale} times smaller")
    low = resize_bicubic(high[..., : height * scale, : width * scale].double(), height, width)
    return eight_bits(low).float()


def enlarge(low: Tensor, scale: int) -> Tensor:
    """Bicubic upscaling, the baseline."""
    return resize_bicubic(low, scale * low.shape[-2], scale * low.shape[-1])


def run(upscale: Upscale, low: Tensor, high: Tensor) -> Tensor:
    """The result as a file would hold it: 8 bits, the size of `high`.

    Raises:
        ValueError: the result has another size; both are named.
    """
    with torch.inference_mode():
        result = eight_bits(upscale(low).float().cpu())
    if result.shape != high.shape:
        raise ValueError(f"the result has shape {tuple(result.shape)}, the large picture {tuple(high.shape)}")
    return result


def measure(
    result: Tensor, high: Tensor, low: Tensor, scale: int, distances: Mapping[str, Distance]
) -> dict[str, float]:
    """All metrics of one result, by name."""
    with torch.inference_mode():
        return {
            "psnr_y": psnr(result, high, border=scale).item(),
            "ssim_y": ssim(result, high, border=scale).item(),
            "psnr_rgb": psnr(result, high, border=scale, channel="rgb").item(),
            "ssim_rgb": ssim(result, high, border=scale, channel="rgb").item(),
            **{name: distance(result, high).item() for name, distance in distances.items()},
            "consistency": consistency(result, low).item(),
        }


def load_models(options: EvaluateUpscaleOptions) -> dict[str, Upscale]:
    """The upscalers that the options name, with weights loaded, so that a wrong name fails at once."""
    models: dict[str, Upscale] = {}
    for name in options.models:
        if name == "bicubic":
            continue
        upscaler = Upscaler(
            model=name,
            scale=options.scale,
            agree="on" if options.agree else "off",
            ensemble=options.ensemble,
            device=options.device,
            precision=options.precision,
        )
        upscaler.model(name)
        models[name] = upscaler.tensor
    return models


def protocol(options: EvaluateUpscaleOptions, distances: Mapping[str, Distance]) -> list[str]:
    """How it was measured, in sentences."""
    scale = options.scale
    small = (
        f"Small pictures were made from the large ones: cut to a multiple of {scale}, shrunk by MATLAB's bicubic with "
        "antialiasing, rounded to 8 bits."
        if options.high
        else "Small pictures are as given."
    )
    return [
        small,
        *(["Results were made to agree with the small picture before measuring."] if options.agree else []),
        *(["Models were asked in eight turns and flips, and the mean was measured."] if options.ensemble else []),
        f"PSNR and SSIM: results rounded to 8 bits, {scale} pixels on each side not counted; Y is that of BT.601 in "
        "studio swing (16 to 235); PSNR in dB on [0, 255]; SSIM under an 11 x 11 Gaussian, sigma 1.5, where it fits.",
        *describe_distances(distances),
        "consistency: dB in RGB between the small picture and the result, shrunk by the same bicubic.",
    ]
