"""Functions of the working process: a job, with intermediate thumbnails for the page."""

import functools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from daguerre.archive.work import Work, sha256_of
from daguerre.images import Picture
from daguerre.progress import Progress
from daguerre.tasks.pipeline import Pipeline
from daguerre.tasks.registry import Task
from daguerre.tasks.result import Result, StageCallback
from daguerre.web.looking import PREVIEW, THUMB, save_small

__all__ = ["do", "warm"]

EVENT_INTERVAL = 0.1  # seconds between two events
SHOWN = {"damage": "damage.png", "invented": "invented.png"}
"""Intermediate pictures that the page shows, and their files."""

Enough = Callable[[], bool]
"""Returns whether an optimization should end now."""

MAX_STAGES = 40  # maximum number of pictures shown during an optimization


@functools.lru_cache(maxsize=3)
def work_of(options: str) -> Work:
    """Work whose networks stay loaded."""
    return Work.loads(options)


def warm() -> None:
    """Load what almost every job needs."""
    work_of('{"steps": [{"task": "restore"}]}').ready  # noqa: B018


class Watched:
    """A step of a pipeline whose own intermediate pictures are shown, too."""

    def __init__(self, task: Task, on_stage: StageCallback, enough: Enough) -> None:
        self.task, self.options, self.on_stage, self.enough = task, task.options, on_stage, enough

    def __call__(self, source: Any, **how: Any) -> Result:
        return self.task(source, **how | {"on_stage": self.on_stage} | painting(self.options, self.enough))


def painting(options: Any, enough: Enough) -> dict[str, Any]:
    """Further arguments for stylization by optimization: which steps to show, and when to stop."""
    if options.task != "stylize" or options.method != "optimize":
        return {}
    shown = {1, *(round(options.steps * (part / MAX_STAGES) ** 1.5) for part in range(1, MAX_STAGES + 1))} - {0}
    return {"stages": sorted(shown), "enough": enough}


def do(options: str, source: str, target: str, folder: str, report: Callable[[Any], None]) -> dict[str, Any]:
    """Do a job.

    Args:
        options: the work, as `Work.dumps` writes it.
        source, target: files.
        folder: folder for thumbnails, losses and the like.
        report: receives `("progress", step, done, total)` and `("file", name)`.

    Returns:
        The work's report, its key, the SHA-256 of both files, and seconds.

    Raises:
        DaguerreError: says why there is no result.
    """
    began, work = time.monotonic(), work_of(options)
    losses: list[list[float]] = []
    last = [0.0]

    def progress(event: Progress) -> None:
        now = time.monotonic()
        if event.note.startswith("step "):
            losses.append(numbers_in(event.note))
        if now - last[0] >= EVENT_INTERVAL or event.done == event.total:
            last[0] = now
            report(("progress", event.step, event.done, event.total))

    enough: Enough = report.enough  # type: ignore[attr-defined]

    def on_stage(name: str, picture: Picture) -> None:
        step = name.removeprefix("step ")
        file = SHOWN.get(name) or (f"step-{step}.jpg" if step != name else "")
        if not file:
            return
        save_small(picture, Path(folder) / file, PREVIEW)
        if name == "damage":
            picture.save(Path(folder) / "mask.png", overwrite=True)
        if step != name:
            write(Path(folder) / "losses.json", losses)
        report(("file", file))

    def kept(result: Result) -> None:
        save_small(result.picture, Path(folder) / "preview.jpg", PREVIEW)
        save_small(result.picture, Path(folder) / "thumb.jpg", THUMB)

    task = work.ready.task
    if isinstance(task, Pipeline):
        task.tasks = [Watched(getattr(one, "task", one), on_stage, enough) for one in task.tasks]
        how: dict[str, Any] = {}
    else:
        how = {"on_stage": on_stage} | painting(task.options, enough)
    made = work.run(Path(source), Path(target), progress=progress, kept=kept, **how)
    if losses:
        write(Path(folder) / "losses.json", losses)
    return {
        "report": made,
        "work_key": work.key,
        "source": sha256_of(Path(source)),
        "result": sha256_of(Path(target)),
        "seconds": round(time.monotonic() - began, 2),
    }


def numbers_in(note: str) -> list[float]:
    """Step, width, height and the three losses, parsed from `step 3 of 300, 128 x 128 pixels: ...`."""
    words = [word.rstrip(",") for word in note.replace(":", "").split()]
    found = [float(word) for word in words if word.replace(".", "", 1).isdigit()]
    return [found[0], *found[2:7]]


def write(path: Path, value: Any) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps(value), encoding="utf-8")
    part.replace(path)
