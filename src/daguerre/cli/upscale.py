"""`daguerre upscale`: upscale pictures."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import tyro

from daguerre.cli.batch import Job, Output, make_folder, plan_jobs, refuse_shared, run_jobs
from daguerre.cli.flags import parse
from daguerre.errors import OptionError
from daguerre.images import Picture, SaveOptions, check_target
from daguerre.progress import ProgressCallback
from daguerre.tasks.upscaling.upscaler import UpscaleOptions, Upscaler

__all__ = ["run"]

TAKEN_FOR = {"photo": "", "drawing": ", as a drawing", "pixels": ", as pixel art"}


def upscale(
    pictures: Annotated[
        tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="PICTURE-OR-FOLDER ...", help_behavior_hint="")
    ],
    upscaling: UpscaleOptions,
    result: Output,
    saving: SaveOptions,
    invented: Path | None = None,
) -> int:
    """Upscale pictures.

    $ daguerre upscale photo.jpg                     photo-4x.jpg, beside it
    $ daguerre upscale photo.jpg --clean             remove JPEG artifacts, too
    $ daguerre upscale photo.jpg --clean --vivid 1   ... and add likely detail
    $ daguerre upscale photo.jpg --scale 1.5
    $ daguerre upscale photo.jpg --long-side 6000 -o print.tif
    $ daguerre upscale scans/ -o large/ --scale 2    a whole folder
    $ daguerre upscale photo.jpg --invented map.png  map hallucinated detail

    The result, downscaled again, matches the original; how closely is printed in decibels (40 is very good), before
    any loss in a format such as JPEG. Color profile, bit depth, gray, transparency and metadata are kept.

    Letters, line art and pixel art are recognized and enlarged otherwise, which the result's line says; with
    --content photo they are not.

    Args:
        pictures: pictures, or folders of them.
        invented: also write a map, white where detail was added that the original does not determine.
    """
    jobs = plan_jobs(pictures, result, name_suffix(upscaling))
    if invented and len(jobs) > 1:
        raise OptionError(f"--invented names one file, {invented}, but there are {len(jobs)} pictures")
    refuse_shared([invented] if invented else [], jobs, upscaling)
    upscaler = Upscaler(upscaling)

    def work(job: Job, progress: ProgressCallback) -> dict[str, Any]:
        original = result.open(job.source)
        size = upscaling.out_size(original.height, original.width)
        check_target(job.target, overwrite=result.overwrite, size=size)
        if invented:
            check_target(invented, overwrite=result.overwrite, source=job.source, size=size)
            make_folder(invented.parent)
        maps: dict[str, Picture] = {}
        upscaled = upscaler(original, on_stage=maps.__setitem__ if invented else None, progress=progress)
        upscaled.save(job.target, options=saving, overwrite=result.overwrite, progress=progress)
        if invented:
            maps["invented"].save(invented, overwrite=result.overwrite, progress=progress)
        return {
            "width": size[1],
            "height": size[0],
            "agreement_db": None if math.isinf(upscaled.agreement) else round(upscaled.agreement, 2),
            "models": upscaled.models,
            "content": upscaled.content,
        }

    return run_jobs(jobs, result, work, describe, upscaling)


def describe(said: dict[str, Any]) -> str:
    agreement = said["agreement_db"]
    agrees = "agrees exactly with the original" if agreement is None else f"agrees with the original to {agreement} dB"
    return f"{said['width']} x {said['height']} pixels{TAKEN_FOR[said['content']]}, {agrees}"


def name_suffix(options: UpscaleOptions) -> str:
    """Suffix of a result's name: `-4x`, or the requested size."""
    for letter, length in (("w", options.width), ("h", options.height), ("l", options.long_side)):
        if length:
            return f"-{letter}{length}"
    return f"-{options.scale or 4:g}x"


def run(words: Sequence[str]) -> int:
    return parse(upscale, "upscale", words)
