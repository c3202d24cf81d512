"""The tasks that can be steps of a chain, by name. One is imported when it is first used."""

import importlib
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

from daguerre.errors import OptionError
from daguerre.images import Picture
from daguerre.options import nearest
from daguerre.progress import ProgressCallback
from daguerre.tasks.provenance import Record

__all__ = ["TASKS", "TaskOptions", "Worker", "make_worker", "options_of"]

TASKS = {
    "restore": ("daguerre.tasks.restoration.restorer", "RestoreOptions", "Restorer"),
    "faces": ("daguerre.tasks.faces.refiner", "FaceOptions", "FaceRefiner"),
    "upscale": ("daguerre.tasks.upscaling.upscaler", "UpscaleOptions", "Upscaler"),
    "stylize": ("daguerre.tasks.stylization.stylizer", "StylizeOptions", "Stylizer"),
}
"""Module, options and worker of every task."""


class TaskOptions(Protocol):
    """A task's options: a frozen dataclass that knows whose it is.

    Those of a task that changes a picture's size also say to which: `out_size(height, width) -> (height, width)`.
    """

    task: ClassVar[str]


class TaskResult(Protocol):
    """What a task makes: a picture, and the record of how."""

    @property
    def picture(self) -> Picture: ...
    @property
    def step(self) -> Record: ...


class Worker(Protocol):
    """Does one task for one picture after the other; made from the task's options."""

    def __call__(self, source: Picture, *, progress: ProgressCallback) -> TaskResult: ...


def options_of(task: str) -> type[Any]:
    """The options dataclass of a task.

    Raises:
        OptionError: there is no such task.
    """
    module, options, _ = place_of(task)
    return getattr(importlib.import_module(module), options)  # type: ignore[no-any-return]


def make_worker(options: TaskOptions) -> Worker:
    """Whoever does the task that these are the options of, made ready."""
    module, _, worker = place_of(options.task)
    return getattr(importlib.import_module(module), worker)(options)  # type: ignore[no-any-return]


def place_of(task: str) -> Sequence[str]:
    if task not in TASKS:
        raise OptionError(f"no step is called {task!r}{nearest(task, TASKS)}")
    return TASKS[task]
