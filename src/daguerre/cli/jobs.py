"""Plan jobs: find the input pictures, in files, folders or standard input, and name their results."""

import contextlib
import datetime
import fnmatch
import functools
import math
import os
import stat
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from daguerre.archive.manifest import FOLDER as RESULTS
from daguerre.archive.places import Mirror, address_of
from daguerre.archive.work import Work
from daguerre.cli.identity import name_key, place
from daguerre.cli.standard import STANDARD, check_output, passing, receive
from daguerre.cli.terminal import say
from daguerre.errors import DaguerreError, OptionError, UnreadablePicture
from daguerre.images import READABLE, WRITABLE, Picture, SaveOptions
from daguerre.options import check_range, nearest, option
from daguerre.tasks.registry import TaskOptions

__all__ = ["Job", "Output", "plan_jobs"]

LONGEST_NAME = 255  # bytes, on nearly every file system
PASSED_OVER = frozenset({"@eaDir", "#recycle", "$RECYCLE.BIN", "System Volume Information", "__MACOSX"})
"""Folders for thumbnails, deleted files and system data."""


@dataclass(frozen=True, kw_only=True)
class Output:
    """Input and output files."""

    output: Path | None = option(
        None,
        "file for one result, folder for many, or - for standard output (default: beside the picture)",
        alias="-o",
    )
    overwrite: bool = option(False, "replace existing results")
    format: str | None = option(None, "format of results: jpeg, png, tiff, webp, avif, gif or bmp (default: as it was)")
    max_pixels: int | None = option(
        None, "refuse larger pictures, in pixels (default: 4 billion, fewer in a tiny file)"
    )
    page: int | None = option(None, "page of a TIFF file, or frame of an animation (default: the first)")
    include: tuple[str, ...] = option(
        (), "in folders, take only pictures that match one of these, such as '*.tif' or '1920s/*'", metavar="GLOB ..."
    )
    exclude: tuple[str, ...] = option((), "in folders, skip pictures that match one of these", metavar="GLOB ...")
    newer: str = option(
        "", "in folders, take only pictures changed after this day (2026-11-29) or after this file", metavar="DAY|FILE"
    )
    json: bool = option(False, "print one line of JSON per picture, for programs")
    quiet: bool = option(False, "print only errors")

    def __post_init__(self) -> None:
        if self.format is not None and self.ending not in WRITABLE:
            raise OptionError(f"no format is called {self.format!r}{nearest(self.format, FORMATS)}")
        check_range("max_pixels", self.max_pixels, 1, math.inf)
        check_range("page", self.page, 1, math.inf)
        self.since  # noqa: B018 - raises if it is invalid
        if self.json and self.output == STANDARD:
            raise OptionError("--json and --output - both want standard output; leave one of them out")

    @property
    def ending(self) -> str:
        """Suffix of the results' names; empty for the picture's own."""
        return f".{self.format.lower().removeprefix('.')}" if self.format else ""

    @functools.cached_property
    def mirror(self) -> Mirror | None:
        """The mirror of the folder of results, if that is remote."""
        address = address_of(self.output) if self.output else ""
        if not address:
            return None
        mirror = Mirror.of(address)
        mirror.refresh()
        return mirror

    @property
    def place(self) -> Path | None:
        """Where results go locally: `output`, or its mirror."""
        return self.mirror.folder if self.mirror else self.output

    @functools.cached_property
    def since(self) -> float:
        """The time, in seconds since 1970, after which pictures must have changed.

        Raises:
            OptionError: `newer` is neither a day nor a file.
        """
        if not self.newer:
            return -math.inf
        with contextlib.suppress(ValueError):
            return datetime.datetime.fromisoformat(self.newer).timestamp()
        try:
            return Path(self.newer).stat().st_mtime
        except (OSError, ValueError) as error:
            raise OptionError(f"newer is {self.newer!r}; give a day such as 2026-11-29, or a file") from error

    def wants(self, job: "Job") -> bool:
        """Whether `include`, `exclude` and `newer` select a picture; one that was named itself always is."""
        inside = job.inside.as_posix()

        def matches(globs: Sequence[str]) -> bool:
            return any(fnmatch.fnmatch(inside, glob) or fnmatch.fnmatch(job.inside.name, glob) for glob in globs)

        if job.named or job.problem:
            return True
        if not (matches(self.include) or not self.include) or matches(self.exclude):
            return False
        return self.since == -math.inf or job.source.stat().st_mtime > self.since

    def open(self, path: Path) -> Picture:
        """Open a picture with these options."""
        return Picture.open(path, max_pixels=self.max_pixels, page=self.page)

    def work(self, *steps: TaskOptions, saving: SaveOptions | None = None) -> Work:
        """The work of these steps, with these options."""
        return Work(steps=steps, saving=saving or SaveOptions(), page=self.page, max_pixels=self.max_pixels)


FORMATS = sorted(suffix[1:] for suffix in WRITABLE)


@dataclass(frozen=True)
class Job:
    """One picture and the place for its result.

    Args:
        source, target: files; standard input and output go through temporary files.
        inside: the part of the picture's path that is kept in the output folder.
        named: whether the picture itself was named, not a folder that contains it.
        problem: why it cannot be read at all.
        come, go: mirrors of the folders of picture and result, if these are remote.
        from_stdin, to_stdout: whether the files stand for standard input and output.
    """

    source: Path
    target: Path
    inside: Path
    named: bool = True
    problem: DaguerreError | None = None
    from_stdin: bool = False
    to_stdout: bool = False
    come: Mirror | None = None
    go: Mirror | None = None

    @property
    def origin(self) -> str:
        """The picture's name in messages."""
        if self.come:
            return self.come.shown(self.source)
        return "standard input" if self.from_stdin else str(self.source)

    @property
    def destination(self) -> str:
        """The result's name in messages."""
        if self.go:
            return self.go.shown(self.target)
        return "standard output" if self.to_stdout else str(self.target)

    def said(self) -> dict[str, Any]:
        """Both names, for JSON."""
        return {
            "input": "-" if self.from_stdin else self.origin,
            "output": self.destination if self.go else str(self.target),
        }


def plan_jobs(inputs: Sequence[Path], output: Output, suffix: str, ending: str = "") -> list[Job]:
    """Find the pictures and name their results; missing ones come first, so that they are reported at once.

    Args:
        inputs: files, and folders, which are searched recursively; `-` is standard input.
        suffix: appended to the picture's name, such as `-4x`.
        ending: format suffix such as `.png`, unless `output` has one; by default the picture's own.

    Raises:
        OptionError: no pictures named, one output file for several pictures, or an impossible use of `-`.
    """
    if not inputs:
        raise OptionError("name at least one picture or folder, for example: photo.jpg")
    if output.output == STANDARD:
        check_output()
    found: dict[Hashable, Job] = {}
    for job in (job for path in inputs for job in find_pictures(path)):
        before = found.get(place(job.source), job)
        found[place(job.source)] = replace(job, named=job.named or before.named)
    ending = output.ending or ending
    if alone := target_alone(list(found.values()), output, ending):
        return [alone]
    jobs = told_apart([with_target(job, output.place, suffix, ending) for job in found.values()], output)
    jobs = [replace(job, go=output.mirror) for job in jobs] if output.mirror else jobs
    # Results of an earlier run in the same folder are not processed again, unless they are named themselves.
    results = {place(job.target) for job in jobs}
    jobs = [job for job in jobs if output.wants(job) and (job.named or place(job.source) not in results)]
    return sorted(jobs, key=lambda job: job.problem is None)


def target_alone(found: Sequence[Job], output: Output, ending: str) -> Job | None:
    """The only job, with the named output file; None if the output is a folder or unnamed.

    Raises:
        OptionError: one file for several pictures, or a suffix that contradicts the format.
    """
    target = output.output
    if target is None or output.mirror:
        return None
    single = target == STANDARD or (target.suffix != "" and not target.is_dir())
    if single and len(found) == 1:
        (job,) = found
        if target == STANDARD:
            return replace(job, target=passing() / f"standard output{ending_of(job.source, ending)}", to_stdout=True)
        if output.ending and target.suffix.lower() != output.ending:
            raise OptionError(f"{target} does not end in {output.ending}, as --format wants it; leave one of them out")
        return replace(job, target=target, named=True)
    if target.is_file() or (single and (target == STANDARD or target.suffix.lower() in WRITABLE)):
        raise OptionError(f"{target} names one file, but there are {len(found)} pictures; name a folder")
    return None


def find_pictures(path: Path) -> Iterator[Job]:
    """Pictures for one input name, without targets yet."""
    if path == STANDARD:
        file = receive()
        yield Job(file, file, Path(f"stdin{file.suffix}"), from_stdin=True)
        return
    if address := address_of(path):
        mirror = Mirror.of(address)
        mirror.refresh()
        yield from (replace(job, come=mirror) for job in walk(mirror.folder))
        return
    job = Job(path, path, Path(path.name))
    try:
        is_folder = stat.S_ISDIR(path.stat().st_mode)
    except (OSError, ValueError) as error:
        yield replace(job, problem=missing(path, error))
        return
    if not is_folder:
        yield job
        return
    empty = True
    for picture in walk(path):
        empty = False
        yield picture
    if empty:
        looked_for = ", ".join(sorted(READABLE))
        yield replace(job, problem=UnreadablePicture(f"{path}: no pictures in this folder (looked for {looked_for})"))


def walk(top: Path) -> Iterator[Job]:
    """Pictures in a folder and its subfolders, in order; unreadable folders are reported like pictures."""
    closed: list[OSError] = []
    for folder, folders, files in os.walk(top, onerror=closed.append):
        folders[:] = sorted(
            name
            for name in folders
            if not (name.startswith(".") or name in PASSED_OVER or Path(folder, name, RESULTS).is_dir())
        )
        for name in sorted(files):
            path = Path(folder, name)
            if path.suffix.lower() in READABLE and not name.startswith("."):
                yield Job(path, path, path.relative_to(top), named=False)
    for error in closed:
        path = Path(error.filename)
        yield Job(path, path, path.relative_to(top), named=False, problem=missing(path, error))


def missing(path: Path, error: Exception) -> UnreadablePicture:
    """The error for an input that cannot be read."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return UnreadablePicture(f"{path}: no such file or folder")
    return UnreadablePicture(f"{path}: {getattr(error, 'strerror', None) or error}")


def with_target(job: Job, folder: Path | None, suffix: str, ending: str) -> Job:
    """`album/a.jpg` becomes `album/a-4x.jpg`, and `a.heic` `a-4x.png`: a format that cannot be written becomes PNG."""
    parent = job.source.parent if folder is None else folder / job.inside.parent
    return replace(job, target=parent / fitting(job.inside.stem, suffix + ending_of(job.source, ending)))


def ending_of(source: Path, ending: str) -> str:
    return ending or (source.suffix if source.suffix.lower() in WRITABLE else ".png")


def fitting(stem: str, rest: str) -> str:
    """A name, with its stem truncated if it is too long for the file system."""
    while len(os.fsencode(stem + rest)) > LONGEST_NAME and stem:
        stem = stem[:-1]
    return stem + rest


def told_apart(jobs: Sequence[Job], output: Output) -> list[Job]:
    """The same jobs with unique result names: a second `sky-4x.png` becomes `sky-4x-2.png`."""
    first: dict[Hashable, Job] = {}
    for job in jobs:
        first.setdefault(name_key(job.target), job)
    apart = []
    for job in jobs:
        owner, wanted, number = first[name_key(job.target)], job, 1
        while first.setdefault(name_key(job.target), job) is not job:
            number += 1
            name = fitting(wanted.target.stem, f"-{number}{wanted.target.suffix}")
            job = replace(wanted, target=wanted.target.with_name(name))
        if number > 1 and job.problem is None and not (output.quiet or output.json):
            say(f"{job.origin} will be {job.target}, for {wanted.target} is made of {owner.origin}")
        apart.append(job)
    return apart
