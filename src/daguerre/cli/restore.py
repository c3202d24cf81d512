"""`daguerre restore`: restore old photographs."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import tyro

from daguerre.cli.archive import Archive, Errand, nothing, run_errand
from daguerre.cli.batch import Job, Output, flat, make_folder, plan_jobs, refuse_shared, run_jobs
from daguerre.cli.faces import describe as describe_faces
from daguerre.cli.flags import parse
from daguerre.cli.policy import under_policy
from daguerre.errors import OptionError, PictureError
from daguerre.images import Picture, check_target
from daguerre.progress import ProgressCallback
from daguerre.tasks.policies import read_policy
from daguerre.tasks.restoration.restorer import STAGES, RestoreOptions, Restorer
from daguerre.tasks.saving import ResultOptions
from daguerre.tasks.scans.prints import find_prints, straightened

__all__ = ["run"]

HINTED_PALENESS = 0.3  # distance from black and white beyond which a photograph may have faded more than was detected
HINT = "still pale: if it has faded, try --fix-fading strong"
HINTED_TONE_CHANGE = 0.1  # mean change of tones from which a hint names the stronger correction
MORE_HINT = "if its colours have changed, --fix-fading strong changes them by another {:.0f} %"


def restore(
    pictures: Annotated[
        tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="PICTURE-OR-FOLDER ...", help_behavior_hint="")
    ],
    restoring: RestoreOptions,
    result: Output,
    saving: ResultOptions,
    archive: Archive,
    split: bool = False,
    mask_out: Path | None = None,
    stages: Path | None = None,
    policy: Annotated[str, tyro.conf.arg(metavar="NAME|FILE.toml", help_behavior_hint="")] = "",
) -> int:
    """Restore old photographs.

    $ daguerre restore old.jpg                         writes old-restored.jpg
    $ daguerre restore old.jpg --strength 0.6          closer to the original
    $ daguerre restore old.jpg --fix-fading strong     if it has faded
    $ daguerre restore old.jpg --fix-fading off        keep the tones
    $ daguerre restore old.jpg --scratches off         fill nothing
    $ daguerre restore old.jpg --stains off            keep stains and water lines
    $ daguerre restore old.jpg --blur off              do not deblur
    $ daguerre restore old.jpg --blur 1.5              deblur by this sigma
    $ daguerre restore old.jpg --faces off             do not refine faces
    $ daguerre restore old.jpg --mask-out mask.png     save the mask, edit it ...
    $ daguerre restore old.jpg --scratches mask.png    ... and restore with it
    $ daguerre restore scan.jpg --crop                 cut off the scanner bed
    $ daguerre restore scan.jpg --split                each print as its own file
    $ daguerre restore film.jpg --negative             invert a negative
    $ daguerre restore scans/ -o restored/             a whole folder
    $ daguerre restore scan.tif --policy archive       repair only damage

    Fills scratches, dust, folds, tears and holes; removes stains, water lines and old tape; reduces blur, noise and
    grain, and upscales again what was enlarged; corrects fading, yellowing and color casts; refines faces. Size, color
    profile, bit depth and metadata are kept; black and white stays black and white, and sepia stays sepia.

    Args:
        pictures: photographs, or folders of them.
        split: save each print of a scan, straightened, as its own file.
        mask_out: also write the mask of the detected damage, white on black; for several pictures, a folder for the
            masks.
        stages: also write the photograph after each stage to this folder.
        policy: what may be done: archive, family (the default), or a file of your own.
    """
    if policy:
        (restoring,), saving, result = under_policy(read_policy(policy), [restoring], saving, result)  # type: ignore
    find = partial(plan_jobs, pictures, result, "-restored")
    jobs = find()
    masks = mask_files(jobs, mask_out) if mask_out else {}
    files = {job: stage_files(job, stages) for job in jobs} if stages else {}
    extras = [path for named in files.values() for path in named.values()] + list(masks.values())
    refuse_shared(extras, jobs, restoring)
    if split and (restoring.crop or restoring.prints == "off" or restoring.given_mask or mask_out or stages):
        raise OptionError("--split leaves out --crop, --prints off, masks and --stages; split first, and restore those")
    if mask_out and restoring.scratches == "off":
        raise OptionError("--scratches off looks for no damage, so there is no mask; leave --mask-out out")
    if restoring.given_mask and len(jobs) > 1:
        raise OptionError(f"the mask {restoring.scratches} fits one picture, but there are {len(jobs)}")
    if stages:
        make_folder(stages)
    if split:
        if archive.asked:
            raise OptionError(f"--split makes several results of a picture; leave {archive.asked[0]} out")
        return run_jobs(jobs, result, split_prints(restoring, result, saving), describe, restoring)
    work = result.work(restoring, saving=saving)

    @contextmanager
    def more(job: Job) -> Iterator[dict[str, Any]]:
        if job in masks:
            check_target(masks[job], overwrite=result.overwrite, source=job.source)
            make_folder(masks[job].parent)
        for path in files.get(job, {}).values():
            check_target(path, overwrite=result.overwrite)
            make_folder(path.parent)
        seen: dict[str, Picture] = {}
        made: list[Any] = []
        yield {"on_stage": seen.__setitem__ if stages else None, "kept": made.append}
        for restored in made:
            if job in masks and restored.mask is not None:
                restored.mask.save(masks[job], overwrite=result.overwrite)
        for name, picture in seen.items():
            picture.save(files[job][name], overwrite=result.overwrite)

    errand = Errand(
        find=find,
        jobs=jobs,
        work=lambda job: work,
        said=lambda report: hinted(flat(report), restoring),
        describe=describe,
        beside=more if mask_out or stages else nothing,
        options=[restoring],
    )
    return run_errand(errand, result, archive)


def split_prints(
    restoring: RestoreOptions, result: Output, saving: ResultOptions
) -> Callable[[Job, ProgressCallback], dict[str, Any]]:
    """Restore each print of a scan into its own file."""
    restorer = Restorer(replace(restoring, prints="off"))

    def work(job: Job, progress: ProgressCallback) -> dict[str, Any]:
        original = result.open(job.source)
        prints = find_prints(original)
        targets = [job.target.with_stem(f"{job.target.stem}-{number}") for number in range(1, len(prints) + 1)]
        for target in targets:
            check_target(target, overwrite=result.overwrite, source=job.source)
        made = []
        for one, target in zip(prints, targets, strict=True):
            restored = restorer(straightened(original, one), progress=progress)
            restored.save(target, options=saving, overwrite=result.overwrite, progress=progress)
            made.append({"output": str(target), **hinted(restored.findings(), restoring)})
        if not prints:
            raise PictureError(
                f"no prints on a bed, a mount or in a frame were found on {job.source}; leave out --split"
            )
        return {"output": [one["output"] for one in made], "prints": made}

    return work


def hinted(said: dict[str, Any], restoring: RestoreOptions) -> dict[str, Any]:
    """The findings in a photograph, with hints at what else could be done."""
    pale, more = said["pale_percent"] / 100, said["more_tone_change_percent"] / 100
    if restoring.fix_fading != "auto" or max(pale / HINTED_PALENESS, more / HINTED_TONE_CHANGE) <= 1:
        return said
    return said | {"hint": HINT if pale > HINTED_PALENESS else MORE_HINT.format(100 * more)}


def mask_files(jobs: Sequence[Job], place: Path) -> dict[Job, Path]:
    """File for the mask of each picture: `place` for one, `place/old-scratches.png` for each of several.

    Raises:
        OptionError: `place` is a file, but there are several pictures.
    """
    if len(jobs) == 1 and not place.is_dir():
        return {jobs[0]: place}
    if place.is_file() or place.suffix:
        raise OptionError(f"--mask-out names one file, {place}, but there are {len(jobs)} pictures; name a folder")
    return {job: place / job.inside.parent / f"{job.inside.stem}-scratches.png" for job in jobs}


def stage_files(job: Job, folder: Path) -> dict[str, Path]:
    """File for the photograph after each stage, by the stage's name: `FOLDER/old-2-damage.png`."""
    names = {name: f"{job.inside.stem}-{number}-{name.replace(' ', '-')}.png" for number, name in enumerate(STAGES, 1)}
    return {name: folder / job.inside.parent / file for name, file in names.items()}


def describe(said: dict[str, Any]) -> str:
    if "prints" in said:
        return "; ".join(f"{Path(one['output']).name} {describe(one)}" for one in said["prints"])
    line = f"{said['damaged_percent']} % was damaged, "
    line += f"{said['stained_percent']} % stained, " if said["stained_percent"] else ""
    line += f"blurred by {said['blur_pixels']} pixels, " if said["blur_pixels"] else ""
    line += f"nothing in it was finer than {said['finest_pixels']} pixels, " if said["finest_pixels"] > 1 else ""
    line += f"tones changed by {said['tone_change_percent']} %"
    line += f" ({said['hint']})" if "hint" in said else ""
    line += f", {describe_faces(said)}" if said["faces"] else ""
    back = [f"{name} {percent} %" for name, percent in said["taken_back_percent"].items()]
    line += f", taken back for its harm: {', '.join(back)}" if back else ""
    return line + "".join(f"; {warning}" for warning in said["warnings"])


def run(words: Sequence[str]) -> int:
    return parse(restore, "restore", words)
