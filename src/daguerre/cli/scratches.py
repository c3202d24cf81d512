"""`daguerre scratches`: detect damage."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro

from daguerre.cli.archive import Archive, Errand, nothing, run_errand
from daguerre.cli.batch import Job, Output, make_folder, plan_jobs, refuse_shared
from daguerre.cli.flags import parse
from daguerre.errors import OptionError
from daguerre.images import Canvas, Picture, check_target
from daguerre.tasks.restoration.damage_detection import ScratchOptions
from daguerre.tasks.result import Result
from daguerre.tiling import plan_windows

__all__ = ["run"]

RED = (1.0, 0.0, 0.0)
SIDE = 1024  # pixels of a window


def scratches(
    pictures: Annotated[
        tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="PICTURE-OR-FOLDER ...", help_behavior_hint="")
    ],
    finding: ScratchOptions,
    result: Output,
    archive: Archive,
    overlay: Annotated[Path | None, tyro.conf.arg(metavar="PATH", help_behavior_hint="")] = None,
) -> int:
    """Detect scratches, dust, folds, tears and writing in photographs.

    $ daguerre scratches photo.jpg                     writes photo-scratches.png
    $ daguerre scratches photo.jpg --sensitivity 0.8   mark more
    $ daguerre scratches photo.jpg --overlay look.png  draw it on the photo
    $ daguerre scratches scans/ -o masks/              a whole folder

    The mask has the size of the photograph and is white where it is damaged. You can edit it in any paint program.

    Args:
        pictures: pictures, or folders of them.
        overlay: also write the photograph with the damage in red.
    """
    find = partial(plan_jobs, pictures, result, "-scratches", ".png")
    jobs = find()
    if overlay and len(jobs) > 1:
        raise OptionError(f"--overlay names one file, {overlay}, but there are {len(jobs)} pictures")
    refuse_shared([overlay] if overlay else [], jobs, finding)
    work = result.work(finding)

    @contextmanager
    def drawn(job: Job) -> Iterator[dict[str, Any]]:
        assert overlay
        picture = result.open(job.source)
        check_target(overlay, overwrite=result.overwrite, source=job.source)
        make_folder(overlay.parent)
        made: list[Result] = []
        yield {"kept": made.append}
        reddened(picture, made[0].picture).save(overlay, overwrite=result.overwrite)

    errand = Errand(
        find=find,
        jobs=jobs,
        work=lambda job: work,
        describe=lambda said: f"{said['damaged_percent']} % damaged",
        beside=drawn if overlay else nothing,
        options=[finding],
    )
    return run_errand(errand, result, archive)


def reddened(picture: Picture, mask: Picture) -> Picture:
    """The picture, gray, with its damage in red."""
    canvas = Canvas(picture.height, picture.width)
    red = torch.tensor(RED).view(1, 3, 1, 1)
    for window in plan_windows(picture.height, picture.width, SIDE):
        grey = picture.read(window).mean(1, keepdim=True)
        canvas.write(window, torch.where(mask.read(window) >= 0.5, red, grey))
    return canvas.picture()


def run(words: Sequence[str]) -> int:
    return parse(scratches, "scratches", words)
