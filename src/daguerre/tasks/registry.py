"""The tasks by name, those of pipelines and others, imported on first use."""

import importlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

from daguerre.errors import OptionError
from daguerre.images import PictureLike
from daguerre.options import nearest
from daguerre.progress import ProgressCallback
from daguerre.tasks.result import Result, StageCallback

__all__ = ["ALONE", "TASKS", "Task", "TaskOptions", "make_task", "options_of", "size_after"]

TASKS = {
    "restore": ("daguerre.tasks.restoration.restorer", "RestoreOptions", "Restorer"),
    "faces": ("daguerre.tasks.faces.refiner", "FaceOptions", "FaceRefiner"),
    "upscale": ("daguerre.tasks.upscaling.upscaler", "UpscaleOptions", "Upscaler"),
    "stylize": ("daguerre.tasks.stylization.stylizer", "StylizeOptions", "Stylizer"),
}
"""Module, options and class of every task that can be a step of a pipeline."""

ALONE = {
    "age": ("daguerre.tasks.aging", "AgeOptions", "Ager"),
    "scratches": ("daguerre.tasks.restoration.damage_detection", "ScratchOptions", "ScratchFinder"),
}
"""The same for tasks that cannot."""


@runtime_checkable
class TaskOptions(Protocol):
    """A task's options: a frozen dataclass that knows its task.

    For a task that changes a picture's size they also tell the result's: `out_size(height, width) -> (height, width)`.
    """

    task: ClassVar[str]


@runtime_checkable
class Task(Protocol):
    """Runs a task on one picture after the other, keeping the networks of its options loaded."""

    options: Any

    def __call__(
        self, source: PictureLike, *, on_stage: StageCallback | None = None, progress: ProgressCallback = ...
    ) -> Result: ...


def options_of(task: str, *, alone: bool = False) -> type[Any]:
    """The options dataclass of a task.

    Args:
        alone: allow tasks that cannot be a step of a pipeline.

    Raises:
        OptionError: there is no such task.
    """
    module, options, _ = place_of(task, TASKS | ALONE if alone else TASKS)
    return getattr(importlib.import_module(module), options)  # type: ignore[no-any-return]


def make_task(options: TaskOptions) -> Task:
    """Make the task of these options, with its networks loaded."""
    module, _, task = place_of(options.task, TASKS | ALONE)
    return getattr(importlib.import_module(module), task)(options)  # type: ignore[no-any-return]


def size_after(steps: Iterable[TaskOptions], height: int, width: int) -> tuple[int, int]:
    """Size (height, width) that steps make of a picture of the given size, unless one crops.

    Raises:
        OptionError: a step refuses this size.
    """
    for step in steps:
        if resize := getattr(step, "out_size", None):
            height, width = resize(height, width)
    return height, width


def place_of(task: str, places: Mapping[str, Sequence[str]]) -> Sequence[str]:
    if task not in places:
        raise OptionError(f"no step is called {task!r}{nearest(task, places)}")
    return places[task]
