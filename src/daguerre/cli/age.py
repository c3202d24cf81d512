"""`daguerre age`: make old photographs from new ones."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import tyro
from torch import Tensor

from daguerre.cli.batch import Job, Output, make_folder, plan_jobs, refuse_shared, run_jobs
from daguerre.cli.flags import parse
from daguerre.degradation.aging import AgeOptions, refusal
from daguerre.degradation.aging import age as aged
from daguerre.errors import OptionError, PictureError
from daguerre.images import Canvas, Picture, SaveOptions, check_target
from daguerre.images.visible import read_colours
from daguerre.progress import ProgressCallback
from daguerre.tasks.provenance import Record, add_step
from daguerre.tiling import Window

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

    Fading, yellowing, grain, blur, scratches, folds, stains and more, as photographs of a kind really have them. Of
    several pictures each ages in its own way, by the seed and its name.

    Args:
        pictures: pictures, or folders of them.
        mask: also write where the damage is: white on black.
        clean: also write what a perfect restoration could make of it, its colour lost if the photograph lost it.
    """
    jobs = plan_jobs(pictures, result, "-old")
    if (mask or clean) and len(jobs) > 1:
        raise OptionError(f"--mask and --clean name one file each, but there are {len(jobs)} pictures")
    refuse_shared(filter(None, (mask, clean)), jobs, ageing)

    def work(job: Job, progress: ProgressCallback) -> dict[str, Any]:
        picture = result.open(job.source)
        if refused := refusal(picture.height, picture.width):
            raise PictureError(f"{job.source}: {refused}")
        for target in filter(None, (mask, clean)):
            check_target(target, overwrite=result.overwrite, source=job.source)
            make_folder(target.parent)
        seed = ageing.seed if len(jobs) == 1 else ageing.seed_of(job.inside.as_posix())
        colours, alpha = read_colours(picture, Window(0, 0, picture.height, picture.width))
        old = aged(colours, seed=seed, kind=ageing.kind, strength=ageing.strength)
        step = Record(task="age", options=asdict(ageing) | {"seed": seed, "record": old.record}, models={})
        picture_of(old.image, alpha, picture).save(
            job.target, overwrite=result.overwrite, options=saving, xmp=add_step(picture.xmp, step), progress=progress
        )
        if mask:
            Picture.from_tensor(old.mask.expand(-1, 3, -1, -1)).save(mask, overwrite=result.overwrite)
        if clean:
            picture_of(old.clean, alpha, picture).save(clean, overwrite=result.overwrite)
        return {"kind": old.record["kind"], "damaged_percent": round(100 * float(old.mask.mean()), 2)}

    return run_jobs(jobs, result, work, lambda said: f"{said['kind']}, {said['damaged_percent']} % damaged", ageing)


def picture_of(image: Tensor, alpha: Tensor | None, like: Picture) -> Picture:
    """An image (1, 3, H, W) in [0, 1] as a picture with the depth, profile, transparency and metadata of another."""
    everywhere = Window(0, 0, like.height, like.width)
    canvas = Canvas(like.height, like.width, bits=like.bits, alpha=like.alpha)
    canvas.write(everywhere, image)
    if alpha is not None:
        canvas.write_alpha(everywhere, alpha)
    return canvas.picture(like=like)


def run(words: Sequence[str]) -> int:
    return parse(age, "age", words)
