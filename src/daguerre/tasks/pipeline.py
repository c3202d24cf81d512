"""Pipelines: several tasks applied to a picture in order."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from daguerre.errors import OptionError
from daguerre.images import PictureLike, as_picture
from daguerre.progress import Progress, ProgressCallback, silent
from daguerre.tasks.pipeline_file import read_steps
from daguerre.tasks.provenance import Record
from daguerre.tasks.registry import TASKS, Task, TaskOptions, make_task, size_after
from daguerre.tasks.result import Result, StageCallback

__all__ = ["Pipeline", "PipelineResult"]


@dataclass(frozen=True, kw_only=True)
class PipelineResult(Result):
    """The result of a pipeline.

    Args:
        record: record of the last step.
        records: records of all steps, in order.
        found: findings of each step.
    """

    records: tuple[Record, ...]
    found: tuple[dict[str, Any], ...]


class Pipeline:
    """Applies several tasks to pictures in order, keeping their networks loaded.

        Pipeline(Restorer(), Upscaler(scale=2), StylizeOptions(style=(Path("painting.jpg"),)))

    Between steps a picture is a 16-bit canvas, in memory or, if large, on disk; the last step rounds it to the
    original's bit depth.

    Args:
        steps: tasks, or their options, in order; a task may occur twice.

    Raises:
        OptionError: no steps, or invalid options.
        DaguerreError: something is missing, such as weights or a style.
        TypeError: anything other than tasks and options.
    """

    def __init__(self, *steps: Task | TaskOptions) -> None:
        if not steps:
            raise OptionError(f"a chain needs at least one step; there are {', '.join(TASKS)}")
        self.tasks = [ready(step) for step in steps]
        self.steps = tuple(task.options for task in self.tasks)

    @classmethod
    def read(cls, path: Path | str) -> "Pipeline":
        """Read a pipeline from a TOML file; see `read_steps`."""
        return cls(*read_steps(Path(path)))

    def out_size(self, height: int, width: int) -> tuple[int, int]:
        """Size (height, width) of the result for a picture of the given size; see `size_after`."""
        return size_after(self.steps, height, width)

    def __call__(
        self, source: PictureLike, *, on_stage: StageCallback | None = None, progress: ProgressCallback = silent
    ) -> PipelineResult:
        """Run all steps.

        Args:
            source: a picture in any form.
            on_stage: receives the picture after each step except the last, with the task's name: "restore". Only what
                it keeps stays in memory.
        """
        picture = first = as_picture(source)
        bits = picture.bits
        records: list[Record] = []
        found: list[dict[str, Any]] = []
        for number, task in enumerate(self.tasks, start=1):
            last = number == len(self.tasks)
            # The last step gets the result's bit depth, so that its measurements hold for the saved file.
            result = task(picture.saved_with(bits=bits if last else 16), progress=self.counted(number, progress))
            picture = result.picture
            records.append(result.record)
            found.append(result.findings())
            if on_stage and not last:
                on_stage(task.options.task, picture)
        return PipelineResult(
            picture=picture,
            record=records[-1],
            origin=first.source,
            records=tuple(records),
            found=tuple(found),
        )

    def counted(self, number: int, progress: ProgressCallback) -> ProgressCallback:
        """The progress of one step, reported as part of the pipeline's."""

        def tell(event: Progress) -> None:
            progress(replace(event, step=f"{event.step}, step {number} of {len(self.steps)}"))

        return progress if len(self.steps) == 1 else tell


def ready(step: Task | TaskOptions) -> Task:
    """The task of a step: the step itself, or made from its options."""
    if not isinstance(step, type):
        if isinstance(step, Task) and isinstance(step.options, TaskOptions):
            return step
        if isinstance(step, TaskOptions):
            return make_task(step)
    raise TypeError(f"{step!r:.80} is no step of a chain; give a task, such as Upscaler(scale=2), or its options")
