"""`daguerre age`: make old photographs from new ones."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import tyro

from daguerre.cli.arguments import parse
from daguerre.cli.pictures import Job, Output, plan_jobs, run_jobs
from daguerre.errors import OptionError, PictureError
from daguerre.images import Picture, SaveOptions, check_target
from daguerre.progress import ProgressCallback
from daguerre.tasks.provenance import Step, add_step
from daguerre.training.aging import AgeOptions, refusal
from daguerre.training.aging import age as aged

__all__ = ["run"]


def age(
    pictures: Annotated[
        tuple[Path, ...],
        tyro.conf.Positional,
        tyro.conf.arg(metavar="PICTURE-OR-FOLDER ...", help_behavior_hint=""),
    ],
    ageing: AgeOptions,
    result: Output,
    saving: SaveOptions,
    mask: Annotated[Path | None, tyro.conf.arg(metavar="PATH", help_behavior_hint="")] = None,
    clean: Annotated[Path | None, tyro.conf.arg(metavar="PATH", help_behavior_hint="")] = None,
) -> int:
    """Make old photographs from new ones, to try restoration on.

    $ daguerre age photo.jpg                photo-old.jpg, beside it
    $ daguerre age photo.jpg --kind studio --seed 7 --mask damage.png

    Fading, yellowing, grain, blur, scratches, folds, stains and more, as photographs of a kind really have them.

    Args:
        pictures: pictures, or folders of them.
        mask: also write where the damage is: white on black.
        clean: also write what a perfect restoration could make of it, its colour lost if the photograph lost it.
    """
    jobs = plan_jobs(pictures, result, "-old")
    if (mask or clean) and len(jobs) > 1:
        raise OptionError(f"--mask and --clean name one file each, but there are {len(jobs)} pictures")

    def work(job: Job, progress: ProgressCallback) -> dict[str, Any]:
        picture = Picture.open(job.source, max_pixels=result.max_pixels)
        if refused := refusal(picture.height, picture.width):
            raise PictureError(f"{job.source}: {refused}")
        for target in filter(None, (mask, clean)):
            check_target(target, overwrite=result.overwrite, source=job.source)
        old = aged(picture.read(), seed=ageing.seed, kind=ageing.kind, strength=ageing.strength)
        made = Picture.from_tensor(old.image, bits=picture.bits)
        step = Step(task="age", options=asdict(ageing) | {"record": old.record}, models={})
        made.save(
            job.target, overwrite=result.overwrite, options=saving, xmp=add_step(picture.xmp, step), progress=progress
        )
        for path, image in ((mask, old.mask), (clean, old.clean)):
            if path:
                Picture.from_tensor(image.expand(-1, 3, -1, -1)).save(path, overwrite=result.overwrite)
        return {"kind": old.record["kind"], "damaged_percent": round(100 * float(old.mask.mean()), 2)}

    return run_jobs(jobs, result, work, lambda said: f"{said['kind']}, {said['damaged_percent']} % damaged")


def run(words: Sequence[str]) -> int:
    return parse(age, "age", words)
