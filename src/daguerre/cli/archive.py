"""One task over folders into a folder of results, with its manifest: `daguerre COMMAND FOLDER -o FOLDER`."""

import contextlib
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daguerre.archive.cluster import RayPool
from daguerre.archive.manifest import Manifest, Shard, State
from daguerre.archive.plan import Plan, Wanted, enter, plan
from daguerre.archive.report import check_report, write_report
from daguerre.archive.resources import accelerators, cores, memory, workers_for
from daguerre.archive.runner import Event, Here, Order, Pool, WorkerPool, work_through
from daguerre.archive.work import Work
from daguerre.cli.batch import flat, print_json, read_by, run_jobs
from daguerre.cli.identity import identities, identity
from daguerre.cli.jobs import Job, Output
from daguerre.cli.standard import STANDARD
from daguerre.cli.terminal import complain, naming, say, shown_total
from daguerre.errors import DaguerreError, OptionError, OutputExists
from daguerre.options import check_range, option
from daguerre.progress import ProgressCallback
from daguerre.signals import END, INTERRUPT, Ended, interruptible

__all__ = ["Archive", "Errand", "nothing", "run_errand"]

WATCH_INTERVAL = 2.0  # seconds between two scans of a watched folder
UPLOAD_INTERVAL = 60.0  # seconds between uploads of the manifest of remote results
SIZE_SAMPLE = 200  # pictures whose size in pixels is read to estimate the total time


@dataclass(frozen=True, kw_only=True)
class Archive:
    """Folders of pictures, with -o FOLDER."""

    workers: int | None = option(None, "number of worker processes (default: as cores and memory allow)")
    memory: float | None = option(None, "memory limit for all of them, in GiB (default: what is free)", metavar="GIB")
    shard: str = option(
        "", "only this shard of the pictures, such as 3/16, for one of several computers", metavar="I/N"
    )
    dry_run: bool = option(False, "only report what would be done, how long it would take and how much space it needs")
    cluster: str = option("", "work with Ray: ray for this computer, or a cluster address", metavar="ray|ADDRESS")
    gpu_share: float = option(0.0, "with --cluster: share of a GPU for each worker, such as 0.25")
    watch: bool = option(False, "keep processing pictures as they arrive, until Ctrl-C")
    report: Path | None = option(
        None, "finally write a report to this HTML file: before and after, doubtful results first, failures"
    )

    def __post_init__(self) -> None:
        check_range("workers", self.workers, 1, 1024)
        check_range("memory", self.memory, 0.1, 1e6)
        check_range("gpu_share", self.gpu_share, 0, 16)
        self.share  # noqa: B018 - raises if it is invalid

    @property
    def share(self) -> Shard | None:
        """The shard of the work.

        Raises:
            OptionError: `shard` is not one.
        """
        if not self.shard:
            return None
        found = re.fullmatch(r"0*(\d{1,5})/0*(\d{1,5})", self.shard)
        if found is None or not 1 <= int(found[1]) <= int(found[2]):
            raise OptionError(f"shard is {self.shard!r}; give a share such as 1/4, 2/4, 3/4 or 4/4")
        return Shard(int(found[1]), int(found[2]))

    @property
    def asked(self) -> list[str]:
        """The flags that were given."""
        return [
            f"--{name.replace('_', '-')}"
            for name in ("workers", "memory", "shard", "dry_run", "cluster", "gpu_share", "watch", "report")
            if getattr(self, name)
        ]


def nothing(job: Job) -> contextlib.AbstractContextManager[dict[str, Any]]:
    return contextlib.nullcontext({})


@dataclass(frozen=True, kw_only=True)
class Errand:
    """The work that a command requests.

    Args:
        find: finds the pictures and names their results.
        jobs: the pictures found.
        work: what to do to each.
        describe: summarizes a report in one line.
        said: selects what the command prints of a report.
        beside: checks before each picture, further arguments of `Work.run` for it, and files written after it; all in
            this process.
        options: may name files, which are never replaced.
    """

    find: Callable[[], list[Job]]
    jobs: Sequence[Job]
    work: Callable[[Job], Work]
    describe: Callable[[dict[str, Any]], str]
    said: Callable[[dict[str, Any]], dict[str, Any]] = flat
    beside: Callable[[Job], contextlib.AbstractContextManager[dict[str, Any]]] = nothing
    options: Sequence[Any] = ()


def run_errand(errand: Errand, output: Output, archive: Archive) -> int:
    """Do the work of a command; returns the exit status."""
    if is_archive(errand, output, archive):
        return run_archive(errand, output, archive)

    def work(job: Job, progress: ProgressCallback) -> dict[str, Any]:
        with errand.beside(job) as how:
            report = errand.work(job).run(job.source, job.target, overwrite=output.overwrite, progress=progress, **how)
        return errand.said(report)

    for job in errand.jobs[:1]:
        errand.work(job).ready  # noqa: B018 - a missing network is reported at once
    return run_jobs(errand.jobs, output, work, errand.describe, *errand.options)


def is_archive(errand: Errand, output: Output, archive: Archive) -> bool:
    """Whether a folder of pictures goes into a folder of results, with a manifest.

    Raises:
        OptionError: flags for such work were given for other work.
    """
    folder = output.output is not None and output.output != STANDARD
    many = any(not job.named or job.source.is_dir() for job in errand.jobs) or archive.watch
    if errand.beside is not nothing and (archive.workers or archive.cluster):
        raise OptionError("files beside the results are written by one process; leave --workers and --cluster out")
    if archive.asked and not (folder and many):
        raise OptionError(f"{archive.asked[0]} is for folders: name one, and one for the results with -o FOLDER")
    if any(job.come for job in errand.jobs) and not folder:
        raise OptionError("pictures elsewhere need a folder for the results; name one with -o FOLDER")
    return folder and many


def run_archive(errand: Errand, output: Output, archive: Archive) -> int:
    """Process what is new or has changed, and record the outcome; returns the exit status."""
    folder = output.place or Path()
    if archive.dry_run:
        return foretell(errand, output, archive)
    jobs: Sequence[Job] = errand.jobs
    bad: dict[Path, tuple[int, int]] = {}
    if output.mirror:
        output.mirror.fetch_manifests(archive.share.name if archive.share else "manifest.sqlite")
    manifest = Manifest(folder, archive.share)
    with contextlib.closing(manifest), manifest.held():
        if archive.report:
            check_report(archive.report)
        while True:
            run = ArchiveRun(errand, output, archive, folder)
            status = run.all(jobs, manifest)
            if output.mirror and run.orders:
                output.mirror.send_manifest(manifest.path)
            if archive.report and (run.orders or not archive.watch):
                write_report(folder, archive.report, mirror=output.mirror)
            if not archive.watch:
                return status
            bad |= {job.source: signature(job.source) for job in run.bad}
            time.sleep(WATCH_INTERVAL)
            jobs = [job for job in errand.find() if arrived(job.source, bad)]


class ArchiveRun:
    """One pass over all pictures."""

    def __init__(self, errand: Errand, output: Output, archive: Archive, folder: Path) -> None:
        self.errand, self.output, self.archive, self.folder = errand, output, archive, folder
        self.quiet = output.quiet or output.json
        self.bad: list[Job] = []
        self.sent = time.monotonic()  # when the manifest was last uploaded
        self.heard = True  # whether standard output is still read
        self.orders: dict[int, tuple[Job, Order]] = {}
        self.apart = False  # whether other processes do the work, and collect its warnings
        self.done = 0

    def all(self, jobs: Sequence[Job], manifest: Manifest) -> int:
        """Do all the work; returns the exit status."""
        wanted = {job: wanted_of(job, self.errand, self.folder) for job in self.passed(jobs)}
        by_target = {one.target: job for job, one in wanted.items()}
        manifest.adopt(row for row in manifest.done_elsewhere() if row.target in by_target)
        made = plan(self.folder, manifest.rows(), wanted.values(), overwrite=self.output.overwrite)
        for order, (one, _) in zip(enter(manifest, made), made.todo, strict=True):
            self.orders[order.number] = by_target[one.target], order
        if not self.archive.watch or made.todo:
            self.tell_what_is_left(made, by_target)
        if self.orders:
            self.work(manifest)
        if self.bad and not self.archive.watch:
            complain(f"{len(self.bad)} of {len(jobs)} pictures failed; see above")
        return 0 if self.heard and not self.bad else 1

    def passed(self, jobs: Sequence[Job]) -> Iterator[Job]:
        """Jobs of this shard that can be started; the others are reported as errors."""
        read = identities(job.source for job in jobs) | identities(read_by(self.errand.options))
        share = self.archive.share
        for job in jobs:
            if job.problem and self.archive.watch:
                continue
            if share and not job.problem and not share.holds(job.inside):
                continue
            problem = job.problem
            if identity(job.target) in read:
                problem = OutputExists(f"{job.target} is read, too, and never replaced; name another file or folder")
            if problem:
                self.complain(job, str(problem))
            else:
                yield job

    def tell_what_is_left(self, made: Plan, jobs: dict[str, Job]) -> None:
        """Report what is not done, and why."""
        if self.output.json:
            for one, reason in [*((one, "already there") for one in made.current), *made.kept]:
                self.heard = print_json(jobs[one.target].said() | {"skipped": reason}) and self.heard
        if self.quiet:
            return
        for one, reason in made.kept:
            say(f"{jobs[one.target].destination}  skipped: {reason}")
        total = len(made.todo) + len(made.current) + len(made.kept)
        if made.current:
            say(f"{len(made.current)} of {total} were there already and are up to date; --overwrite makes them anew")

    def work(self, manifest: Manifest) -> None:
        """Carry out all orders.

        Raises:
            Ended: a signal asked for it; the next run does what was in progress.
        """
        orders = iter([order for _, order in self.orders.values()])
        limit = int(self.archive.memory * 2**30) if self.archive.memory else memory() * 9 // 10
        gpus = gpus_for(next(order.work for _, order in self.orders.values()))
        count = workers_for(len(self.orders), wanted=self.archive.workers or gpus or None, memory=limit)
        with shown_total(len(self.orders), quiet=self.quiet) as show:

            def told(event: Event) -> None:
                self.tell(event)
                if self.output.mirror and time.monotonic() - self.sent > UPLOAD_INTERVAL:
                    self.output.mirror.send_manifest(manifest.path)
                    self.sent = time.monotonic()
                show(self.done, event.progress.step if event.progress else "")

            if self.archive.cluster:
                pool: Pool = RayPool(self.archive.cluster, count=self.archive.workers, gpus=self.archive.gpu_share)
            elif self.errand.beside is not nothing or (
                count == 1 and not (self.archive.workers or self.archive.memory)
            ):
                work_through(manifest, orders, Here(told, self.beside), told=told)
                return
            else:
                pool = WorkerPool(count, threads=max(cores() // count, 1), gpus=gpus, memory=limit)
            self.apart = True
            with interruptible(*INTERRUPT, *END) as asked:
                work_through(manifest, orders, pool, told=told, stopped=asked.is_set)
            if asked.signal is not None:
                raise Ended(asked.signal)

    @contextlib.contextmanager
    def beside(self, order: Order) -> Iterator[dict[str, Any]]:
        job, _ = self.orders[order.number]
        with naming(job.origin), self.errand.beside(job) as how:
            yield how

    def tell(self, event: Event) -> None:
        """Report the outcome of an order."""
        job, _ = self.orders[event.number]
        if event.state is State.RUNNING:
            return
        self.done += 1
        for warning in (event.outcome.warnings if event.outcome else event.warnings) if self.apart else ():
            complain(warning if job.origin in warning else f"{job.origin}: {warning}")
        if event.state is State.FAILED:
            self.complain(job, event.error)
        if event.outcome is None:
            return
        said = job.said() | self.errand.said(event.outcome.report)
        seconds = event.outcome.seconds
        if self.output.json:
            self.heard = print_json(said | {"seconds": round(seconds, 2)}) and self.heard
        elif not self.output.quiet:
            say(f"{job.destination}  {self.errand.describe(said)}, {seconds:.1f} s")

    def complain(self, job: Job, problem: str) -> None:
        self.bad.append(job)
        problem = problem.replace(str(job.source), job.origin).replace(str(job.target), job.destination)
        problem = problem if job.origin in problem else f"{job.origin}: {problem}"
        if self.output.json:
            print_json({"input": job.said()["input"], "error": problem})
        complain(problem)


def gpus_for(work: Work) -> int:
    """Number of GPUs for the work, each worth one worker; 0 if it is done on the CPU."""
    return accelerators(next((str(step.device) for step in work.steps if hasattr(step, "device")), "cpu"))


def signature(path: Path) -> tuple[int, int]:
    """A file's size and time; zeros if it is gone."""
    with contextlib.suppress(OSError):
        found = path.stat()
        return found.st_size, found.st_mtime_ns
    return 0, 0


def arrived(path: Path, bad: Mapping[Path, tuple[int, int]]) -> bool:
    """Whether a file in a watched folder seems complete, and has changed since it failed, if it did."""
    size, changed = signature(path)
    return size > 0 and time.time() - changed / 1e9 >= WATCH_INTERVAL and bad.get(path) != (size, changed)


def wanted_of(job: Job, errand: Errand, folder: Path) -> Wanted:
    return Wanted(job.source, job.target.relative_to(folder).as_posix(), errand.work(job), job.come, job.go)


def foretell(errand: Errand, output: Output, archive: Archive) -> int:
    """Report what would be done, the time it would take and the space needed; returns the exit status.

    The time is known from pictures that are done already; otherwise one picture is processed into a temporary folder.
    """
    folder = output.place or Path()
    rows = Manifest.all_rows(folder) if Manifest.files(folder) else []
    run = ArchiveRun(errand, output, archive, folder)
    wanted = {job: wanted_of(job, errand, folder) for job in run.passed(errand.jobs)}
    made = plan(folder, rows, wanted.values(), overwrite=output.overwrite)
    by_target = {one.target: job for job, one in wanted.items()}
    for one, reason in made.todo:
        if output.json:
            print_json(by_target[one.target].said() | {"would": str(reason)})
        elif not output.quiet:
            say(f"{by_target[one.target].destination}  {reason}")
    run.tell_what_is_left(made, by_target)
    if made.todo and not output.json:
        reasons = ", ".join(f"{count} {reason}" for reason, count in made.reasons().most_common())
        say(f"{len(made.todo)} of {len(wanted)} would be done ({reasons})")
        say(cost([one for one, _ in made.todo], output, archive))
    return 1 if run.bad else 0


def cost(todo: Sequence[Wanted], output: Output, archive: Archive) -> str:
    """Estimated time and size, measured on a picture of median size."""
    sizes = {}
    for one in todo[:: -(-len(todo) // SIZE_SAMPLE)]:
        with contextlib.suppress(DaguerreError):
            picture = output.open(one.source)
            sizes[one] = picture.height * picture.width
    if not sizes:
        return "none of them can be read"
    middle = sorted(sizes, key=lambda one: sizes[one])[len(sizes) // 2]
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / Path(middle.target).name
        middle.work.ready  # noqa: B018 - so that loading is not measured
        began = time.monotonic()
        middle.work.run(middle.source, target)
        seconds, size = time.monotonic() - began, target.stat().st_size
    pixels = sum(sizes.values()) / len(sizes) * len(todo)
    limit = int(archive.memory * 2**30) if archive.memory else memory() * 9 // 10
    count = workers_for(len(todo), wanted=archive.workers or gpus_for(middle.work) or None, memory=limit)
    all_seconds, all_bytes = (value / sizes[middle] * pixels for value in (seconds, size))
    free = shutil.disk_usage(nearest_folder(output.place or Path())).free
    room = "" if free > 1.1 * all_bytes else f", and only {amount(free)} are free there"
    how = f"{span(all_seconds)} for one process, less for {count}" if count > 1 else span(all_seconds)
    return (
        f"{pixels / 1e6:,.0f} megapixels: about {how}; results of about {amount(all_bytes)}{room} (measured with "
        f"{middle.source.name})"
    )


def nearest_folder(path: Path) -> Path:
    """The folder itself, or its nearest parent that exists."""
    return next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.is_dir())


def span(seconds: float) -> str:
    """A duration in words."""
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 1):.0f} seconds"


def amount(size: float) -> str:
    """A number of bytes in words."""
    for unit, length in (("TB", 1e12), ("GB", 1e9)):
        if size >= length:
            return f"{size / length:.1f} {unit}"
    return f"{size / 1e6:.1f} MB"
