"""One task over the pictures somebody named: files and folders in, results out, nothing skipped silently."""

import json
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daguerre.cli.terminal import errors, naming, shown_progress
from daguerre.errors import DaguerreError, OptionError, OutputExists, UnreadablePicture, UnwritablePicture
from daguerre.images import READABLE, WRITABLE, Picture, check_target
from daguerre.options import check_range, files_in, option
from daguerre.progress import ProgressCallback

__all__ = ["Job", "Output", "make_folder", "plan_jobs", "refuse_shared", "run_jobs"]


@dataclass(frozen=True, kw_only=True)
class Output:
    """How files are read and written."""

    output: Path | None = option(
        None, "file for one result, or folder for many; beside the picture unless said", alias="-o"
    )
    overwrite: bool = option(False, "replace results that exist already")
    max_pixels: int | None = option(None, "most pixels of a picture; unless said 4 billion, fewer in a tiny file")
    page: int | None = option(None, "page of a TIFF file or frame of an animation to take; unless said the first")
    json: bool = option(False, "print one line of JSON per picture, for programs")
    quiet: bool = option(False, "print nothing but what went wrong")

    def __post_init__(self) -> None:
        check_range("max_pixels", self.max_pixels, 1, math.inf)
        check_range("page", self.page, 1, math.inf)

    def open(self, path: Path) -> Picture:
        """Open a picture as these options say."""
        return Picture.open(path, max_pixels=self.max_pixels, page=self.page)


@dataclass(frozen=True)
class Job:
    """One picture, the file its result goes to, and the part of its path that results keep in another folder."""

    source: Path
    target: Path
    inside: Path


def plan_jobs(inputs: Sequence[Path], output: Output, suffix: str, ending: str = "") -> list[Job]:
    """Find the pictures and name their results.

    Args:
        inputs: files, and folders, which are searched with everything below them.
        suffix: what a result's name has more than its picture's, such as `-4x`.
        ending: of every result's name, such as `.png`; the picture's own unless said.

    Raises:
        UnreadablePicture: nothing is there under a name, or a folder holds no pictures.
        OptionError: no pictures named, or one output file for several pictures.
    """
    if not inputs:
        raise OptionError("name at least one picture or folder, for example: photo.jpg")
    found = dict(pair for path in inputs for pair in find_pictures(path))
    target = output.output
    named = target is not None and target.suffix != "" and not target.is_dir()
    if target and named and len(found) == 1:
        return [Job(source, target, inside) for source, inside in found.items()]
    if target and (target.is_file() or (named and target.suffix.lower() in WRITABLE)):
        raise OptionError(f"{target} names one file, but there are {len(found)} pictures; name a folder")
    jobs = [
        Job(source, result_name(source, inside, target, suffix, ending), inside) for source, inside in found.items()
    ]
    taken: dict[Path, Path] = {}
    for job in jobs:
        if job.target in taken:
            raise OptionError(
                f"{taken[job.target]} and {job.source} would both become {job.target}; do one of them apart"
            )
        taken[job.target] = job.source
    # Results that an earlier run left in a folder are no pictures to enlarge once more, unless named themselves.
    return [job for job in jobs if job.source not in taken or job.source in inputs]


def refuse_shared(files: Iterable[Path], jobs: Sequence[Job], *options: Any) -> None:
    """Make sure that what is written besides the results replaces nothing that is read or written, too.

    Args:
        files: what is written besides; none twice.
        options: what the jobs go by, which may name files that are read.

    Raises:
        OptionError: names the first that would.
    """
    taken = {path.resolve() for job in jobs for path in (job.source, job.target)}
    taken |= {path.resolve() for some in options for path in files_in(some)}
    for path in files:
        if path.resolve() in taken:
            raise OptionError(f"{path} is read, or written for something else, too; name another, or do one apart")
        taken.add(path.resolve())


def find_pictures(path: Path) -> list[tuple[Path, Path]]:
    """Pictures under a name, each with the part of its path that its result should keep."""
    if not path.is_dir():
        if not path.exists():
            raise UnreadablePicture(f"{path}: no such file or folder")
        return [(path, Path(path.name))]
    found = [
        (file, file.relative_to(path))
        for file in sorted(path.rglob("*"))
        if file.suffix.lower() in READABLE and (file.is_file() or file.is_symlink()) and not file.name.startswith(".")
    ]
    if not found:
        raise UnreadablePicture(f"{path}: no pictures in this folder (looked for {', '.join(sorted(READABLE))})")
    return found


def result_name(source: Path, inside: Path, folder: Path | None, suffix: str, ending: str = "") -> Path:
    """`album/a.jpg` becomes `album/a-4x.jpg`, and `a.heic` `a-4x.png`: a format that cannot be written becomes PNG."""
    ending = ending or (source.suffix if source.suffix.lower() in WRITABLE else ".png")
    return (source.parent if folder is None else folder / inside.parent) / f"{source.stem}{suffix}{ending}"


def run_jobs(
    jobs: Sequence[Job],
    output: Output,
    work: Callable[[Job, ProgressCallback], dict[str, Any]],
    describe: Callable[[dict[str, Any]], str],
    *options: Any,
) -> int:
    """Do every job; one that fails is reported and the others go on.

    Args:
        work: does one job and returns what there is to say about it, fit for JSON.
        describe: the same as a line for people.
        options: what else the jobs go by; files that these name are no more replaced than the pictures are.

    Returns:
        Exit status: 0 if all went well, 1 if any failed.
    """
    failed = 0
    read = {job.source for job in jobs}.union(*map(files_in, options))
    with shown_progress(len(jobs), quiet=output.quiet or output.json) as callbacks:
        for job, progress in zip(jobs, callbacks, strict=True):
            began = time.monotonic()
            try:
                check_target(job.target, overwrite=output.overwrite, source=job.source)
                if job.target in read:
                    raise OutputExists(f"{job.target} is read, too, and never replaced; name another file or folder")
                make_folder(job.target.parent)
                with naming(job.source):
                    said = {"input": str(job.source), "output": str(job.target)} | work(job, progress)
            except DaguerreError as error:
                failed += 1
                problem = str(error) if str(job.source) in str(error) else f"{job.source}: {error}"
                if output.json:
                    print(json.dumps({"input": str(job.source), "error": problem}), flush=True)
                errors.print(f"daguerre: {problem}", style="red", markup=False)
                continue
            seconds = time.monotonic() - began
            if output.json:
                print(json.dumps(said | {"seconds": round(seconds, 2)}), flush=True)
            elif not output.quiet:
                errors.print(f"{job.target}  {describe(said)}, {seconds:.1f} s", markup=False)
    if failed and len(jobs) > 1:
        errors.print(f"daguerre: {failed} of {len(jobs)} pictures failed; see above", style="red", markup=False)
    return 1 if failed else 0


def make_folder(folder: Path) -> None:
    """Make a folder for results, unless it is there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnwritablePicture(f"cannot make the folder {folder} ({error.strerror}); name another") from error
