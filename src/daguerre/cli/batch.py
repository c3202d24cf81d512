"""Run one task over many pictures: failures are reported and the others go on, and no input is overwritten."""

import functools
import json
import os
import sys
import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from pathlib import Path
from typing import Any

from daguerre.cli.identity import identities, identity
from daguerre.cli.jobs import Job, Output, plan_jobs
from daguerre.cli.standard import deliver
from daguerre.cli.streams import give_up, show
from daguerre.cli.terminal import complain, naming, say, shown_progress
from daguerre.errors import Cancelled, DaguerreError, OptionError, OutputExists, UnwritablePicture
from daguerre.images import check_target
from daguerre.options import files_in
from daguerre.problems import problem_in
from daguerre.progress import ProgressCallback
from daguerre.signals import check_ended

__all__ = ["Job", "Output", "attempt", "flat", "make_folder", "plan_jobs", "print_json", "refuse_shared", "run_jobs"]


def flat(report: dict[str, Any]) -> dict[str, Any]:
    """The report of a single-step work, as its command prints it."""
    (step,) = report["steps"]
    return {"width": report["width"], "height": report["height"], **step["found"]}


def refuse_shared(files: Iterable[Path], jobs: Sequence[Job], *options: Any) -> None:
    """Make sure that additional outputs do not replace anything else that is read or written.

    Args:
        files: the additional outputs; each only once.
        options: input files, or options that may name some.

    Raises:
        OptionError: names the first that would.
    """
    taken = identities(path for job in jobs for path in (job.source, job.target)) | identities(read_by(options))
    for path in files:
        if identity(path) in taken:
            raise OptionError(f"{path} is read, or written for something else, too; name another, or do one apart")
        taken.add(identity(path))


def read_by(options: Iterable[Any]) -> set[Path]:
    """The files among options, and those that options name."""
    return {path for some in options for path in ([some] if isinstance(some, Path) else files_in(some))}


def run_jobs(
    jobs: Sequence[Job],
    output: Output,
    work: Callable[[Job, ProgressCallback], dict[str, Any]],
    describe: Callable[[dict[str, Any]], str],
    *options: Any,
) -> int:
    """Run every job; failures of any kind are reported and the others go on.

    Args:
        work: runs one job and returns its report as JSON values.
        describe: the report as a line for people.
        options: further options; files that they name are never replaced either.

    Returns:
        Exit status: 0 if all succeeded, 1 if any failed.
    """
    read = identities(job.source for job in jobs) | identities(read_by(options))
    refused = {job for job in jobs if identity(job.target) in read}
    written: set[Hashable] = set()
    failed = skipped = 0
    heard = True  # whether standard output is still read

    def do(job: Job, progress: ProgressCallback) -> None:
        nonlocal heard
        began = time.monotonic()
        check_job(job, output, refused=job in refused)
        if identity(job.target) in written:  # on a disk that ignores case
            raise OutputExists(f"{job.target} was made of another picture just now; name another folder for one")
        said = job.said() | work(job, progress)
        written.add(identity(job.target))
        if job.to_stdout:
            deliver(job.target)
        seconds = time.monotonic() - began
        if output.json:
            heard = print_json(said | {"seconds": round(seconds, 2)}) and heard
        elif not output.quiet:
            say(f"{job.destination}  {describe(said)}, {seconds:.1f} s")

    with shown_progress(len(jobs), quiet=output.quiet or output.json) as callbacks:
        for job, progress in zip(jobs, callbacks, strict=True):
            if is_done(job, output) and job not in refused:
                skipped += 1
                if output.json:
                    heard = print_json(job.said() | {"skipped": "already there"}) and heard
                elif not output.quiet:
                    say(f"{job.target}  already there, skipped")
            else:
                failed += not attempt(job, output, functools.partial(do, job, progress))
    if skipped and not (output.quiet or output.json):
        say(f"{skipped} of {len(jobs)} were there already; --overwrite makes them anew")
    if failed and len(jobs) > 1:
        complain(f"{failed} of {len(jobs)} pictures failed; see above")
    return 0 if heard and not failed else 1


def is_done(job: Job, output: Output) -> bool:
    """Whether the result exists from an earlier run over the same folder."""
    return not (job.named or job.problem or output.overwrite) and os.path.lexists(job.target)


def check_job(job: Job, output: Output, *, refused: bool) -> None:
    """Make sure that a job can run, and that its output folder exists.

    Raises:
        DaguerreError: why not.
    """
    if job.problem:
        raise job.problem
    if job.from_stdin and output.output is None:
        raise OptionError("no folder to put the result in; add -o FILE, or -o - for standard output")
    if os.path.lexists(job.target) and not output.overwrite and not refused:
        raise OutputExists(f"{job.target} exists already; name another file, or add --overwrite")
    check_target(job.target, overwrite=output.overwrite, source=job.source)
    if refused:
        raise OutputExists(f"{job.target} is read, too, and never replaced; name another file or folder")
    make_folder(job.target.parent)


def attempt(job: Job, output: Output, do: Callable[[], None]) -> bool:
    """Run `do` for a job and return whether it succeeded; errors are reported in a line with its name."""
    try:
        with naming(job.origin):
            do()
    except Cancelled:
        raise
    except Exception as error:
        check_ended()
        problem = problem_in(error).replace(str(job.source), job.origin).replace(str(job.target), job.destination)
        problem = problem if job.origin in problem else f"{job.origin}: {problem}"
        if output.json:
            print_json({"input": job.said()["input"], "error": problem})
        complain(problem)
        return False
    return True


def print_json(said: dict[str, Any]) -> bool:
    """Print an object as one line of JSON; returns False if that failed although the output is still read.

    Results are saved anyway, so the other pictures go on.
    """
    try:
        show(json.dumps(said))
    except BrokenPipeError:
        give_up(sys.stdout)
    except DaguerreError as error:
        complain(str(error))
        return False
    return True


def make_folder(folder: Path) -> None:
    """Create a folder for results, unless it exists."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnwritablePicture(f"cannot make the folder {folder} ({error.strerror}); name another") from error
