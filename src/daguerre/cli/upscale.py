"""`daguerre upscale`: upscale pictures."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import tyro

from daguerre.cli.archive import Archive, Errand, nothing, run_errand
from daguerre.cli.batch import Job, Output, make_folder, plan_jobs, refuse_shared
from daguerre.cli.flags import parse
from daguerre.errors import OptionError
from daguerre.images import Picture, check_target
from daguerre.tasks.saving import ResultOptions
from daguerre.tasks.upscaling.upscaler import UpscaleOptions

__all__ = ["run"]

TAKEN_FOR = {"photo": "", "drawing": ", as a drawing", "pixels": ", as pixel art"}


def upscale(
    pictures: Annotated[
        tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="PICTURE-OR-FOLDER ...", help_behavior_hint="")
    ],
    upscaling: UpscaleOptions,
    result: Output,
    saving: ResultOptions,
    archive: Archive,
    invented: Path | None = None,
) -> int:
    """Upscale pictures.

    $ daguerre upscale photo.jpg                     writes photo-4x.jpg
    $ daguerre upscale photo.jpg --clean             remove JPEG artifacts, too
    $ daguerre upscale photo.jpg --clean --vivid 1   ... and add likely detail
    $ daguerre upscale photo.jpg --scale 1.5
    $ daguerre upscale photo.jpg --long-side 6000 -o print.tif
    $ daguerre upscale scans/ -o large/ --scale 2    a whole folder
    $ daguerre upscale photo.jpg --invented map.png  map hallucinated detail

    The result, downscaled again, matches the original; how closely is printed in decibels (40 is very good), before
    any loss in a format such as JPEG. Color profile, bit depth, gray, transparency and metadata are kept.

    Letters, line art and pixel art are recognized and enlarged in a different way, as the output says; --content photo
    prevents this.

    Args:
        pictures: pictures, or folders of them.
        invented: also write a map, white where detail was added that the original does not determine.
    """
    find = partial(plan_jobs, pictures, result, name_suffix(upscaling))
    jobs = find()
    if invented and len(jobs) > 1:
        raise OptionError(f"--invented names one file, {invented}, but there are {len(jobs)} pictures")
    refuse_shared([invented] if invented else [], jobs, upscaling)
    work = result.work(upscaling, saving=saving)

    @contextmanager
    def map_too(job: Job) -> Iterator[dict[str, Any]]:
        assert invented
        original = result.open(job.source)
        size = upscaling.out_size(original.height, original.width)
        check_target(invented, overwrite=result.overwrite, source=job.source, size=size)
        make_folder(invented.parent)
        maps: dict[str, Picture] = {}
        yield {"on_stage": maps.__setitem__}
        maps["invented"].save(invented, overwrite=result.overwrite)

    errand = Errand(
        find=find,
        jobs=jobs,
        work=lambda job: work,
        describe=describe,
        beside=map_too if invented else nothing,
        options=[upscaling],
    )
    return run_errand(errand, result, archive)


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
