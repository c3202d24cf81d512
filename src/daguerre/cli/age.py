"""`daguerre age`: age new photographs."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import tyro

from daguerre.cli.batch import Job, Output, make_folder, plan_jobs, refuse_shared, run_jobs
from daguerre.cli.flags import parse
from daguerre.degradation.aging import AgeOptions
from daguerre.errors import OptionError
from daguerre.images import SaveOptions, check_target
from daguerre.progress import ProgressCallback
from daguerre.tasks.aging import age as make_old

__all__ = ["run"]


def age(
    pictures: Annotated[
        tuple[Path, ...],
        tyro.conf.Positional,
        tyro.conf.arg(metavar="PICTURE-OR-FOLDER ...", help_behavior_hint=""),
    ],
    aging: AgeOptions,
    result: Output,
    saving: SaveOptions,
    mask: Annotated[Path | None, tyro.conf.arg(metavar="PATH", help_behavior_hint="")] = None,
    clean: Annotated[Path | None, tyro.conf.arg(metavar="PATH", help_behavior_hint="")] = None,
) -> int:
    """Age new photographs, to try restoration on.

    $ daguerre age photo.jpg                photo-old.jpg, beside it
    $ daguerre age photo.jpg --kind studio --seed 7 --mask damage.png

    Adds fading, yellowing, grain, blur, scratches, folds, stains and more, as in real photographs of that kind. Each
    of several pictures ages differently, depending on the seed and its name.

    Args:
        pictures: pictures, or folders of them.
        mask: also write a mask of the damage, white on black.
        clean: also write the best possible restoration, without color if the photograph lost it.
    """
    jobs = plan_jobs(pictures, result, "-old")
    if (mask or clean) and len(jobs) > 1:
        raise OptionError(f"--mask and --clean name one file each, but there are {len(jobs)} pictures")
    refuse_shared(filter(None, (mask, clean)), jobs, aging)

    def work(job: Job, progress: ProgressCallback) -> dict[str, Any]:
        picture = result.open(job.source)
        for target in filter(None, (mask, clean)):
            check_target(target, overwrite=result.overwrite, source=job.source)
            make_folder(target.parent)
        seed = aging.seed if len(jobs) == 1 else aging.seed_of(job.inside.as_posix())
        old = make_old(picture, replace(aging, seed=seed))
        old.save(job.target, overwrite=result.overwrite, options=saving, progress=progress)
        if mask:
            old.mask.save(mask, overwrite=result.overwrite)
        if clean:
            old.clean.save(clean, overwrite=result.overwrite)
        return {"kind": old.story["kind"], "damaged_percent": round(100 * old.damaged, 2)}

    return run_jobs(jobs, result, work, lambda said: f"{said['kind']}, {said['damaged_percent']} % damaged", aging)


def run(words: Sequence[str]) -> int:
    return parse(age, "age", words)
