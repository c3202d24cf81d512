"""The tasks by name, steps of a chain and others. One is imported when it is first used."""

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

from daguerre.errors import OptionError
from daguerre.images import PictureLike
from daguerre.options import nearest
from daguerre.progress import ProgressCallback
from daguerre.tasks.result import Result, StageCallback

__all__ = ["ALONE", "TASKS", "Task", "TaskOptions", "make_task", "options_of"]

TASKS = {
    "restore": ("daguerre.tasks.restoration.restorer", "RestoreOptions", "Restorer"),
    "faces": ("daguerre.tasks.faces.refiner", "FaceOptions", "FaceRefiner"),
    "upscale": ("daguerre.tasks.upscaling.upscaler", "UpscaleOptions", "Upscaler"),
    "stylize": ("daguerre.tasks.stylization.stylizer", "StylizeOptions", "Stylizer"),
}
"""Module, options and class of every task that can be a step of a chain."""

ALONE = {
    "age": ("daguerre.tasks.aging", "AgeOptions", "Ager"),
    "scratches": ("daguerre.tasks.restoration.damage_detection", "ScratchOptions", "ScratchFinder"),
}
"""The same of tasks that stand alone."""


@runtime_checkable
class TaskOptions(Protocol):
    """A task's options: a frozen dataclass that knows whose it is.

    Those of a task that changes a picture's size also say to which: `out_size(height, width) -> (height, width)`.
    """

    task: ClassVar[str]


@runtime_checkable
class Task(Protocol):
    """Does one task for one picture after the other, with the networks that its options ask for loaded."""

    options: Any

    def __call__(
        self, source: PictureLike, *, on_stage: StageCallback | None = None, progress: ProgressCallback = ...
    ) -> Result: ...


def options_of(task: str, *, alone: bool = False) -> type[Any]:
    """The options dataclass of a task.

    Args:
        alone: whether it may be one that cannot be a step.

    Raises:
        OptionError: there is no such task.
    """
    module, options, _ = place_of(task, TASKS | ALONE if alone else TASKS)
    return getattr(importlib.import_module(module), options)  # type: ignore[no-any-return]


def make_task(options: TaskOptions) -> Task:
    """The task that these are the options of, its networks loaded."""
    module, _, task = place_of(options.task, TASKS | ALONE)
    return getattr(importlib.import_module(module), task)(options)  # type: ignore[no-any-return]


def place_of(task: str, places: Mapping[str, Sequence[str]]) -> Sequence[str]:
    if task not in places:
        raise OptionError(f"no step is called {task!r}{nearest(task, places)}")
    return places[task]
