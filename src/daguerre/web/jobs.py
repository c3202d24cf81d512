"""The job queue: rows of the archive's manifest, processed one after the other in the worker process.

Everything is written to the manifest first, so a reload, a closed tab or a restart of the server loses nothing; jobs
that were running when the server died wait again.
"""

import asyncio
import contextlib
import json
import logging
import time
from pathlib import Path
from typing import Any

from daguerre.archive.manifest import Manifest, Outcome, Row, Stamp, State
from daguerre.errors import DaguerreError, OptionError
from daguerre.web.estimate import Estimate
from daguerre.web.folder import PhotoFolder
from daguerre.web.worker import Crashed, Worker

__all__ = ["JobQueue", "Watcher"]

ATTEMPTS = 2  # times that a job is started, if the process dies from it
ACTIVE = (State.WAITING, State.RUNNING)

logger = logging.getLogger(__name__)


class Watcher:
    """A subscriber to changes of jobs; several changes while it is busy are reported once."""

    def __init__(self) -> None:
        self.changed: dict[int, None] = {}
        self.news = asyncio.Event()

    def tell(self, number: int) -> None:
        self.changed[number] = None
        self.news.set()

    async def next(self) -> list[int]:
        """Ids of jobs that have changed since the last time."""
        await self.news.wait()
        self.news.clear()
        numbers, self.changed = list(self.changed), {}
        return numbers


class JobQueue:
    """All jobs of a folder.

    Raises:
        ArchiveError: another process works on this folder.
    """

    def __init__(self, folder: PhotoFolder, worker: Worker) -> None:
        self.folder, self.worker = folder, worker
        self.watchers: set[Watcher] = set()
        self.live: dict[int, dict[str, Any]] = {}  # progress and files of running jobs, by id
        self.running: tuple[int, asyncio.Task[Any]] | None = None
        self.wake = asyncio.Event()
        self.held = contextlib.ExitStack()
        self.manifest = Manifest(folder.root)
        self.held.callback(self.manifest.close)
        self.held.enter_context(self.manifest.held())

    def close(self) -> None:
        """Release the manifest."""
        self.held.close()

    # Requests of visitors.

    def add(self, photo: str, asked: dict[str, Any], described: dict[str, Any], *, first: bool = False) -> int:
        """Add a job at the end or the front of the queue; returns its id.

        Args:
            photo: id of the photograph.
            asked: the request, for the page to show again.
            described: the result of `looking.describe`.
        """
        source = self.folder.photo(photo)
        if source is None:
            raise OptionError("this photograph is not here any more; bring it again")
        taken = {row.target for row in self.manifest.rows()}
        target = self.folder.free_target(described["stem"], described["ending"], taken)
        number = self.manifest.add(source, target, described["options"])
        kept = {"asked": asked, "tasks": described["tasks"], "command": described["command"], "added": time.time()}
        (self.folder.job(number) / "request.json").write_text(json.dumps(kept), encoding="utf-8")
        if first and len(self.manifest.rows(State.WAITING, limit=2)) > 1:
            self.manifest.move(number)
        self.wake.set()
        self.tell(number)
        return number

    def cancel(self, number: int) -> None:
        """Stop a job at once, or remove it from the queue; a finished one stays as it is."""
        if self.row(number).state not in ACTIVE:
            return
        self.manifest.cancel(number)
        self.live.pop(number, None)
        if self.running and self.running[0] == number:
            self.running[1].cancel()
        self.tell(number)

    def enough(self, number: int) -> None:
        """End an optimization early, keeping the best picture so far."""
        if self.running and self.running[0] == number:
            self.worker.enough.set()

    def again(self, number: int) -> None:
        """Queue a failed or cancelled job again."""
        if self.row(number).state in (State.FAILED, State.CANCELLED):
            self.manifest.wait(number)
            self.wake.set()
            self.tell(number)

    def forget(self, photo: str) -> None:
        """Cancel all jobs of a photograph, and forget them; results stay."""
        for row in self.manifest.rows():
            if self.folder.photo_of(row.source) == photo:
                self.cancel(row.id)
                self.manifest.remove(row.id)

    # Views.

    def row(self, number: int) -> Row:
        """A row by its id.

        Raises:
            OptionError: there is none.
        """
        try:
            return self.manifest.row(number)
        except KeyError:
            raise OptionError(f"there is no job {number}") from None

    def view(self, row: Row) -> dict[str, Any]:
        """A job as shown on the page, as JSON values."""
        folder = self.folder.own / "jobs" / str(row.id)
        try:
            request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            request = {}
        steps = (row.report or {}).get("steps", [])
        return {
            "id": row.id,
            "photo": self.folder.photo_of(row.source),
            "state": str(row.state),
            "name": row.target,
            "place": row.place,
            "seconds": row.seconds,
            "error": row.error,
            "warnings": list(row.warnings),
            "width": (row.report or {}).get("width"),
            "height": (row.report or {}).get("height"),
            "steps": steps,
            "asked": request.get("asked", {}),
            "tasks": request.get("tasks", []),
            "command": request.get("command", ""),
            "added": request.get("added", row.changed),
            "files": sorted(path.name for path in folder.glob("*.*") if path.name != "request.json"),
        } | self.live.get(row.id, {})

    def all(self) -> list[dict[str, Any]]:
        """All jobs, in order."""
        return [self.view(row) for row in self.manifest.rows() if self.folder.photo_of(row.source)]

    def tell(self, number: int) -> None:
        for watcher in self.watchers:
            watcher.tell(number)

    # The work.

    async def run(self) -> None:
        """Process waiting jobs, forever."""
        while True:
            waiting = self.manifest.rows(State.WAITING, limit=1)
            if not waiting:
                self.wake.clear()
                await self.wake.wait()
                continue
            work = asyncio.create_task(self.do(waiting[0]))
            self.running = (waiting[0].id, work)
            try:
                await asyncio.wait([work])
            except asyncio.CancelledError:
                work.cancel()
                raise
            finally:
                self.running = None
            if not work.cancelled() and (error := work.exception()):
                logger.error("a job could not be done", exc_info=error)
                self.manifest.fail(waiting[0].id, str(error))
            self.tell(waiting[0].id)

    async def do(self, row: Row) -> None:
        """Process one job."""
        estimate = Estimate(self.view(row)["tasks"])
        folder = self.folder.job(row.id)
        for old in [*folder.glob("*.jpg"), *folder.glob("*.png"), folder / "losses.json"]:
            old.unlink(missing_ok=True)

        def note(event: Any) -> None:
            live = self.live.setdefault(row.id, {})
            if event[0] == "progress":
                live["progress"] = estimate.tell(*event[1:])
            self.tell(row.id)

        self.manifest.begin(row.id)
        note(("begin",))
        target = self.folder.root / row.target
        try:
            done = await self.worker.call(
                "daguerre.web.working:do", row.options, row.source, str(target), str(folder), on_event=note
            )
        except Crashed as error:
            if row.attempts + 1 < ATTEMPTS:
                self.manifest.wait(row.id)
            else:
                self.manifest.fail(row.id, str(error))
        except DaguerreError as error:
            self.manifest.fail(row.id, self.plain(str(error), row))
        else:
            self.finish(row, done, target)
        finally:
            self.live.pop(row.id, None)

    def finish(self, row: Row, done: dict[str, Any], target: Path) -> None:
        report, source = done["report"], Path(row.source).stat()
        result = target.stat()
        outcome = Outcome(
            report=report,
            work_key=done["work_key"],
            source=Stamp(done["source"], source.st_size, source.st_mtime_ns),
            result=Stamp(done["result"], result.st_size, result.st_mtime_ns),
            seconds=done["seconds"],
            warnings=[line for step in report["steps"] for line in step["found"].get("warnings", [])],
        )
        self.manifest.finish(row.id, outcome)

    def plain(self, error: str, row: Row) -> str:
        """An error message without the page's folders."""
        return error.replace(row.source, Path(row.source).name).replace(str(self.folder.root) + "/", "")
