"""Work done by other processes: each keeps its networks loaded, and none can crash the others.

A worker gets one order at a time through a pipe and answers with events. One that is killed, usually for lack of
memory, is replaced; its picture is tried once more while nothing else runs, and then fails.
"""

import collections
import contextlib
import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Protocol

from daguerre.archive.manifest import Manifest, Outcome, Stamp, State
from daguerre.archive.places import Mirror
from daguerre.archive.resources import private_memory
from daguerre.archive.work import Work, sha256_of
from daguerre.errors import Cancelled, DaguerreError, PictureError
from daguerre.problems import problem_in
from daguerre.progress import Progress, ProgressCallback, silent

__all__ = [
    "Beside",
    "Event",
    "Here",
    "KeptWorks",
    "Order",
    "Pool",
    "WorkerPool",
    "limit_threads",
    "perform",
    "record",
    "work_through",
]

PROGRESS_INTERVAL = 0.1  # seconds between two reports of progress
MEMORY_CHECK_INTERVAL = 0.5  # seconds between two looks at the workers' memory
STOP_GRACE = 3.0  # seconds that a worker has to stop by itself when told to
MIN_FILE_AGE_NS = 2 * 10**9  # nanoseconds in which a file may change again without a new time

SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Order:
    """A picture to be processed.

    Args:
        number: number of its row in the manifest.
        source: the picture.
        target: the file of the result.
        overwrite: whether to replace an existing file.
        come, go: mirrors of the folders of picture and result, if these are remote.
    """

    number: int
    work: Work
    source: Path
    target: Path
    overwrite: bool = False
    come: Mirror | None = None
    go: Mirror | None = None


@dataclass(frozen=True, kw_only=True)
class Event:
    """Progress or outcome of an order.

    Args:
        number: number of the row.
        state: `running` with progress; `done` with an outcome; `failed` with an error; `waiting` if it was stopped.
        hopeless: whether nothing else with the same work can succeed, because a network is missing.
    """

    number: int
    state: State
    progress: Progress | None = None
    outcome: Outcome | None = None
    error: str = ""
    warnings: tuple[str, ...] = ()
    seconds: float | None = None
    hopeless: bool = False


Beside = Callable[[Order], contextlib.AbstractContextManager[dict[str, Any]]]
"""Extras of an order: checks before it, further arguments of `Work.run`, and files written after it."""


class Pool(Protocol):
    """Whatever does the work."""

    def free(self) -> int:
        """Number of orders that can be given now."""

    def give(self, order: Order) -> None:
        """Start an order."""

    def cancel(self, number: int) -> None:
        """Ask for an order to be stopped; an event tells when it has."""

    def events(self, timeout: float) -> Iterator[Event]:
        """Events since the last call; waits this many seconds for one."""

    def close(self) -> None:
        """Stop everything; unfinished results leave nothing behind."""


def nothing(order: Order) -> contextlib.AbstractContextManager[dict[str, Any]]:
    return contextlib.nullcontext({})


def perform(order: Order, progress: ProgressCallback = silent, beside: Beside = nothing) -> Event:
    """Carry out an order in this process.

    Raises:
        Cancelled: raised by `progress`.
    """
    began = time.monotonic()
    with warnings_heard() as heard:
        hopeless = True
        try:
            order.work.ready  # noqa: B018 - loads the networks
            hopeless = False
            order.target.parent.mkdir(parents=True, exist_ok=True)
            before = order.source.stat()
            with fetched(order):
                source = stamp(order.source)
                if order.come:  # which identifies its hollow file
                    source = replace(source, mtime_ns=before.st_mtime_ns)
                with beside(order) as how:
                    report = order.work.run(
                        order.source, order.target, overwrite=order.overwrite, progress=progress, **how
                    )
                after = order.source.stat()
            if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
                raise PictureError(f"{order.source} changed while it was read; run the command again")
            result = stamp(order.target)
            if order.go:
                order.go.put(order.target)
                result = replace(result, mtime_ns=order.target.stat().st_mtime_ns)
            outcome = Outcome(
                report=report,
                work_key=order.work.key,
                source=source,
                result=result,
                seconds=time.monotonic() - began,
                warnings=tuple(heard),
            )
        except Cancelled:
            raise
        except Exception as error:
            return Event(
                number=order.number,
                state=State.FAILED,
                error=problem_in(error),
                warnings=tuple(heard),
                seconds=time.monotonic() - began,
                hopeless=hopeless and isinstance(error, DaguerreError),
            )
    return Event(number=order.number, state=State.DONE, outcome=outcome)


@contextlib.contextmanager
def fetched(order: Order) -> Iterator[None]:
    """The picture, fetched for the duration of the block."""
    if order.come is None:
        yield
        return
    order.come.fetch(order.source)
    try:
        yield
    finally:
        order.come.hollow(order.source)


def stamp(path: Path) -> Stamp:
    """A file's stamp, with the checksum of its contents."""
    found, now = path.stat(), time.time_ns()
    settled = now - found.st_mtime_ns > MIN_FILE_AGE_NS
    return Stamp(sha256_of(path), found.st_size, found.st_mtime_ns if settled else None)


def record(manifest: Manifest, event: Event) -> None:
    """Write an event into the manifest."""
    if event.outcome is not None:
        manifest.finish(event.number, event.outcome)
    elif event.state is State.FAILED:
        manifest.fail(event.number, event.error, seconds=event.seconds, warnings=event.warnings)
    elif event.state is State.WAITING:
        manifest.wait(event.number)


def work_through(
    manifest: Manifest,
    orders: Iterator[Order],
    pool: Pool,
    *,
    told: Callable[[Event], None] = lambda event: None,
    stopped: Callable[[], bool] = lambda: False,
) -> None:
    """Carry out all orders, recording each in the manifest before and after.

    Args:
        told: gets every event.
        stopped: polled twice a second; once it returns True, running orders are stopped and wait again.

    Raises:
        DaguerreError: nothing can be done, because a network is missing; the line says which.
    """
    running: set[int] = set()
    ended = False
    try:
        while (running or not ended) and not stopped():
            while not ended and pool.free():
                order = next(orders, None)
                if order is None:
                    ended = True
                    break
                manifest.begin(order.number)
                running.add(order.number)
                pool.give(order)
            for event in pool.events(MEMORY_CHECK_INTERVAL) if running else ():
                if event.hopeless:
                    raise DaguerreError(event.error)
                record(manifest, event)
                if event.state is not State.RUNNING:
                    running.discard(event.number)
                told(event)
    finally:
        pool.close()
        for number in running:
            manifest.wait(number)


@contextlib.contextmanager
def warnings_heard() -> Iterator[list[str]]:
    """Warnings of this thread during the block, each line once."""
    heard: list[str] = []
    thread = threading.get_ident()

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.thread == thread and record.getMessage() not in heard:
                heard.append(record.getMessage())

    listener = Listener(logging.WARNING)
    logging.getLogger("daguerre").addHandler(listener)
    try:
        yield heard
    finally:
        logging.getLogger("daguerre").removeHandler(listener)


class Here:
    """This process, which carries out one order after the other.

    Args:
        told: gets events of progress at once.
        beside: see `Beside`.
    """

    def __init__(self, told: Callable[[Event], None] = lambda event: None, beside: Beside = nothing) -> None:
        self.told, self.beside = told, beside
        self.order: Order | None = None

    def free(self) -> int:
        return 0 if self.order else 1

    def give(self, order: Order) -> None:
        self.order = order

    def cancel(self, number: int) -> None:
        """Do nothing: nobody can ask for it while an order runs."""

    def events(self, timeout: float) -> Iterator[Event]:
        order = self.order
        if order:

            def progress(done: Progress) -> None:
                self.told(Event(number=order.number, state=State.RUNNING, progress=done))

            event = perform(order, progress, self.beside)
            self.order = None
            yield event

    def close(self) -> None:
        """Do nothing: there is no process to end."""


# In a worker.


def serve(connection: Connection, threads: int) -> None:
    """Main loop of a worker: carries out orders from `connection` until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes, and the parent decides
    limit_threads(threads)
    logging.getLogger("daguerre").addHandler(logging.NullHandler())  # not to standard error
    works = KeptWorks()
    with contextlib.suppress(EOFError, OSError):
        while isinstance(order := connection.recv(), Order | str):
            if isinstance(order, str):
                continue  # a cancellation that came too late
            order = replace(order, work=works.kept(order.work))
            try:
                event = perform(order, Teller(order.number, connection))
            except Cancelled:
                event = Event(number=order.number, state=State.WAITING)
            connection.send(event)


class KeptWorks:
    """Works whose networks stay loaded: the last two."""

    def __init__(self) -> None:
        self.works: collections.deque[Work] = collections.deque(maxlen=2)

    def kept(self, work: Work) -> Work:
        """The same work, with its networks loaded if it was used recently."""
        found = next((one for one in self.works if one == work), None)
        if found is None:
            self.works.append(found := work)
        return found


class Teller:
    """Sends progress through a pipe, not too often, and stops the work if anything arrives from the other side.

    That is either a request to stop, or the end of the parent process.
    """

    def __init__(self, number: int, connection: Connection) -> None:
        self.number, self.connection = number, connection
        self.last = 0.0

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self.last < PROGRESS_INTERVAL:
            return
        self.last = now
        try:
            stop = self.connection.poll()
            self.connection.send(Event(number=self.number, state=State.RUNNING, progress=progress))
        except OSError:
            stop = True
        if stop:
            raise Cancelled("stopped")


def limit_threads(threads: int) -> None:
    import cv2
    import torch

    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)


# In the parent process.


class WorkerProcess:
    """A worker process and its current order."""

    def __init__(self, threads: int, environment: dict[str, str], place: int) -> None:
        self.place = place
        self.connection, far = SPAWN.Pipe()
        self.process = SPAWN.Process(target=serve, args=(far, threads), daemon=True)
        with surroundings(environment):
            self.process.start()
        far.close()
        self.order: Order | None = None
        self.deadline = float("inf")

    def give(self, order: Order) -> None:
        self.order, self.deadline = order, float("inf")
        with contextlib.suppress(OSError):  # it is dead, as will soon be noticed
            self.connection.send(order)

    def stop(self) -> None:
        """Ask it to stop its order, and make sure that it soon does."""
        self.deadline = min(self.deadline, time.monotonic() + STOP_GRACE)
        with contextlib.suppress(OSError):
            self.connection.send("stop")


class WorkerPool:
    """A pool of worker processes on this computer.

    Args:
        count: how many.
        threads: threads of each.
        gpus: GPUs they are distributed among, if there are several.
        memory: bytes that all of them together may use; if they use more, one is stopped, and its picture is tried
            again alone.
    """

    def __init__(self, count: int, *, threads: int, gpus: int = 0, memory: int | None = None) -> None:
        self.threads, self.gpus, self.memory = threads, gpus, memory
        self.workers: list[WorkerProcess] = []
        self.count = count
        self.alone: collections.deque[Order] = collections.deque()
        self.second: set[int] = set()
        self.looked = 0.0

    def busy(self) -> list[WorkerProcess]:
        return [worker for worker in self.workers if worker.order]

    def free(self) -> int:
        return 0 if self.alone or self.second else self.count - len(self.busy())

    def give(self, order: Order) -> None:
        worker = next((worker for worker in self.workers if not worker.order), None)
        if worker is None:
            environment = dict.fromkeys(("OMP_NUM_THREADS", "VIPS_CONCURRENCY"), str(self.threads))
            place = min({*range(self.count)} - {one.place for one in self.workers}, default=0)
            if self.gpus > 1:
                environment["CUDA_VISIBLE_DEVICES"] = str(place % self.gpus)
            self.workers.append(worker := WorkerProcess(self.threads, environment, place))
        worker.give(order)

    def cancel(self, number: int) -> None:
        for worker in self.busy():
            if worker.order and worker.order.number == number:
                worker.stop()

    def events(self, timeout: float) -> Iterator[Event]:
        if self.alone and not self.busy():
            order = self.alone.popleft()
            self.second.add(order.number)
            self.give(order)
        by_connection: dict[Any, WorkerProcess] = {worker.connection: worker for worker in self.workers}
        for connection in wait(list(by_connection), min(timeout, MEMORY_CHECK_INTERVAL) if self.busy() else timeout):
            worker = by_connection[connection]
            try:
                event: Event = worker.connection.recv()
            except (EOFError, OSError):
                yield from self.buried(worker)
                continue
            if event.state is not State.RUNNING:
                worker.order, worker.deadline = None, float("inf")
                self.second.discard(event.number)
            yield event
        for worker in self.busy():
            if time.monotonic() > worker.deadline:
                yield from self.killed(worker)
        yield from self.within_memory()

    def killed(self, worker: WorkerProcess) -> Iterator[Event]:
        """Handle a worker that did not stop when told to."""
        order = worker.order
        self.end(worker)
        if order:
            self.second.discard(order.number)
            yield Event(number=order.number, state=State.WAITING)

    def buried(self, worker: WorkerProcess) -> Iterator[Event]:
        """Handle a worker that died by itself."""
        order = worker.order
        self.end(worker)
        if order is None:
            return
        if worker.deadline < float("inf"):  # it had been told to stop
            yield Event(number=order.number, state=State.WAITING)
        elif order.number in self.second:
            self.second.discard(order.number)
            code = worker.process.exitcode or 0
            how = f"by {signal.Signals(-code).name}" if code < 0 else f"with status {code}"
            lacking = ", mostly for want of memory" if code == -getattr(signal, "SIGKILL", 9) else ""
            error = f"{order.source}: the process that worked on it ended twice {how}{lacking}; see whether it opens"
            yield Event(number=order.number, state=State.FAILED, error=error)
        else:
            self.alone.append(order)

    def within_memory(self) -> Iterator[Event]:
        """Keep the workers within their memory limit."""
        if self.memory is None or time.monotonic() - self.looked < MEMORY_CHECK_INTERVAL:
            return
        self.looked = time.monotonic()
        used = {worker.process.pid or 0: private_memory(worker.process.pid or 0) for worker in self.workers}
        if sum(used.values()) <= self.memory:
            return
        for worker in [worker for worker in self.workers if not worker.order]:
            self.end(worker)
        if len(self.workers) == 1 and (order := self.workers[0].order):
            self.end(self.workers[0])
            self.second.discard(order.number)
            error = f"{order.source}: it needs more than {self.memory / 2**30:.1f} GiB of memory; allow more (--memory)"
            yield Event(number=order.number, state=State.FAILED, error=error)
        elif self.workers:
            largest = max(self.workers, key=lambda worker: used[worker.process.pid or 0])
            self.alone.extend([largest.order] if largest.order else [])
            self.end(largest)
            self.count = max(self.count - 1, 1)

    def end(self, worker: WorkerProcess) -> None:
        worker.process.kill()
        worker.process.join()
        worker.connection.close()
        self.workers.remove(worker)

    def close(self) -> None:
        busy = self.busy()
        for worker in busy:
            worker.stop()
        for worker in self.workers:
            if worker not in busy:
                self.end_kindly(worker)
        deadline = time.monotonic() + STOP_GRACE
        while busy and time.monotonic() < deadline:
            for connection in wait([worker.connection for worker in busy], 0.1):
                worker = next(worker for worker in busy if worker.connection is connection)
                try:
                    ended = worker.connection.recv().state is not State.RUNNING
                except (EOFError, OSError):
                    ended = True
                if ended:
                    busy.remove(worker)
        for worker in list(self.workers):
            self.end(worker)

    def end_kindly(self, worker: WorkerProcess) -> None:
        with contextlib.suppress(OSError):
            worker.connection.send(None)
        worker.process.join(STOP_GRACE)
        self.end(worker)


@contextlib.contextmanager
def surroundings(changes: dict[str, str]) -> Iterator[None]:
    """Environment variables for processes started inside the block."""
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
