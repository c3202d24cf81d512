"""`daguerre age`: age new photographs."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import tyro

from daguerre.archive.work import Work
from daguerre.cli.archive import Archive, Errand, nothing, run_errand
from daguerre.cli.batch import Job, Output, make_folder, plan_jobs, refuse_shared
from daguerre.cli.flags import parse
from daguerre.degradation.aging import AgeOptions
from daguerre.errors import OptionError
from daguerre.images import check_target
from daguerre.tasks.saving import ResultOptions

__all__ = ["run"]


def age(
    pictures: Annotated[
        tuple[Path, ...],
        tyro.conf.Positional,
        tyro.conf.arg(metavar="PICTURE-OR-FOLDER ...", help_behavior_hint=""),
    ],
    aging: AgeOptions,
    result: Output,
    saving: ResultOptions,
    archive: Archive,
    mask: Annotated[Path | None, tyro.conf.arg(metavar="PATH", help_behavior_hint="")] = None,
    clean: Annotated[Path | None, tyro.conf.arg(metavar="PATH", help_behavior_hint="")] = None,
) -> int:
    """Age new photographs, to test restoration.

    $ daguerre age photo.jpg                writes photo-old.jpg
    $ daguerre age photo.jpg --kind studio --seed 7 --mask damage.png

    Adds fading, yellowing, grain, blur, scratches, folds, stains and more, as in real photographs of that kind. Each
    picture ages differently, depending on the seed and its name.

    Args:
        pictures: pictures, or folders of them.
        mask: also write a mask of the damage, white on black.
        clean: also write the best possible restoration, without color if the photograph lost it.
    """
    find = partial(plan_jobs, pictures, result, "-old")
    jobs = find()
    if (mask or clean) and len(jobs) > 1:
        raise OptionError(f"--mask and --clean name one file each, but there are {len(jobs)} pictures")
    refuse_shared(filter(None, (mask, clean)), jobs, aging)

    def work(job: Job) -> Work:
        seed = aging.seed if len(jobs) == 1 else aging.seed_of(job.inside.as_posix())
        return result.work(replace(aging, seed=seed), saving=saving)

    @contextmanager
    def more(job: Job) -> Iterator[dict[str, Any]]:
        for target in filter(None, (mask, clean)):
            check_target(target, overwrite=result.overwrite, source=job.source)
            make_folder(target.parent)
        made: list[Any] = []
        yield {"kept": made.append}
        for old in made:
            if mask:
                old.mask.save(mask, overwrite=result.overwrite)
            if clean:
                old.clean.save(clean, overwrite=result.overwrite)

    errand = Errand(
        find=find,
        jobs=jobs,
        work=work,
        describe=lambda said: f"{said['kind']}, {said['damaged_percent']} % damaged",
        beside=more if mask or clean else nothing,
        options=[aging],
    )
    return run_errand(errand, result, archive)


def run(words: Sequence[str]) -> int:
    return parse(age, "age", words)
