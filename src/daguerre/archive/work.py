"""What is done to a picture, in a form that can be compared, stored and sent to another process."""

import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from daguerre import weights
from daguerre.config import build
from daguerre.errors import OptionError, WeightsError
from daguerre.files import open_regular
from daguerre.images import Picture, SaveOptions, check_target
from daguerre.options import changed, with_paths
from daguerre.progress import ProgressCallback, silent
from daguerre.tasks.pipeline import Pipeline, PipelineResult
from daguerre.tasks.registry import Task, TaskOptions, make_task, options_of, size_after
from daguerre.tasks.result import Result, StageCallback
from daguerre.tasks.saving import ResultOptions

__all__ = ["Work", "sha256_of", "unchanged"]


@dataclass(frozen=True, kw_only=True)
class Work:
    """Steps with their options, and how pictures are read and results saved.

    The command line, the workers of an archive and the web page all run this, so their results are the same bytes. The
    first run loads the networks and keeps them; pickling leaves them out.

    Args:
        steps: options of the tasks, in order; several make a pipeline (see `Pipeline`).
        saving: how results are saved.
        page: page of a TIFF file, or frame of an animation.
        max_pixels: refuse larger pictures.

    Raises:
        OptionError: no steps.
    """

    steps: tuple[TaskOptions, ...]
    saving: SaveOptions = field(default_factory=ResultOptions)
    page: int | None = None
    max_pixels: int | None = None

    def __post_init__(self) -> None:
        if not self.steps:
            raise OptionError("there is nothing to do; name at least one step")
        object.__setattr__(self, "saving", ResultOptions.of(self.saving))

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the steps' tasks."""
        return tuple(step.task for step in self.steps)

    @functools.cached_property
    def key(self) -> str:
        """SHA-256 of everything that shapes the result except the picture and the networks.

        For files that the options name, such as a style picture, the contents count, not the name. The device and the
        pixel limit do not count.
        """
        steps = [table_of(with_paths(step, content_of)) for step in self.steps]
        for step in steps:
            step.pop("device", None)
        said = {"steps": steps, "saving": saved_as(with_paths(self.saving, content_of)), "page": self.page}
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    def dumps(self) -> str:
        """The work as JSON, with absolute paths and without default options."""
        said: dict[str, Any] = {"steps": [table_of(with_paths(step, Path.absolute)) for step in self.steps]}
        more = {
            "saving": saved_as(with_paths(self.saving, Path.absolute)),
            "page": self.page,
            "max_pixels": self.max_pixels,
        }
        return json.dumps(said | {name: value for name, value in more.items() if value})

    @classmethod
    def loads(cls, text: str) -> "Work":
        """Work from `dumps`.

        Raises:
            RecipeError: an option that this version does not know.
        """
        table = json.loads(text)
        steps = []
        for step in table.pop("steps"):
            task = step.pop("task")
            steps.append(build(options_of(task, alone=True), step, f"{task}."))
        saving = build(ResultOptions, table.pop("saving", {}), "saving.")
        return cls(steps=tuple(steps), saving=saving, **table)

    def out_size(self, height: int, width: int) -> tuple[int, int]:
        """Size (height, width) of the result for a picture of the given size; see `size_after`."""
        return size_after(self.steps, height, width)

    @functools.cached_property
    def ready(self) -> "Ready":
        """The tasks with their networks loaded.

        Raises:
            DaguerreError: something is missing, such as weights or a style.
        """
        ResultOptions.of(self.saving).signature()  # raises before any work is done if signing is impossible
        networks: set[str] = set()
        with weights.noting(networks):
            task = make_task(self.steps[0]) if len(self.steps) == 1 else Pipeline(*self.steps)
        return Ready(task, networks)

    def open(self, source: Path) -> Picture:
        """Open a picture with these options."""
        return ResultOptions.of(self.saving).prepared(Picture.open(source, max_pixels=self.max_pixels, page=self.page))

    def run(
        self,
        source: Path,
        target: Path,
        *,
        overwrite: bool = False,
        on_stage: StageCallback | None = None,
        progress: ProgressCallback = silent,
        kept: Callable[[Result], None] | None = None,
        **how: Any,
    ) -> dict[str, Any]:
        """Process a picture and save the result as `target`, in an existing folder, completely or not at all.

        Args:
            overwrite: replace `target`; `source` is never replaced.
            on_stage: receives the task's intermediate pictures.
            kept: receives the result once it is saved.
            how: further arguments of the task.

        Returns:
            The report, JSON values: `width`, `height` of the result in pixels; `steps`, each with its `task`, what was
                `measured` (as in the record) and what was `found`; `networks`, SHA-256 of all weights that could have
                been used, by name.

        Raises:
            DaguerreError: says in one line why there is no result.
        """
        original = self.open(source)
        size = self.out_size(original.height, original.width)
        check_target(target, overwrite=overwrite, source=source, size=size)
        with weights.noting(self.ready.networks):
            made = self.ready.task(original, on_stage=on_stage, progress=progress, **how)
        made.save(target, options=self.saving, overwrite=overwrite, progress=progress)
        if kept:
            kept(made)
        records = made.records if isinstance(made, PipelineResult) else (made.record,)
        found = made.found if isinstance(made, PipelineResult) else (made.findings(),)
        return {
            "width": made.picture.width,
            "height": made.picture.height,
            "steps": [
                {"task": record.task, "measured": dict(record.measured), "found": of_one}
                for record, of_one in zip(records, found, strict=True)
            ],
            "networks": {name: weights.checksum(name) for name in sorted(self.ready.networks)},
        }

    def __getstate__(self) -> dict[str, Any]:
        return {entry.name: getattr(self, entry.name) for entry in fields(self)}


@dataclass(frozen=True)
class Ready:
    """Loaded tasks.

    Args:
        task: one task, or a pipeline.
        networks: names and files of the weights that it has loaded so far.
    """

    task: Task | Pipeline
    networks: set[str]


def unchanged(networks: Mapping[str, str]) -> bool:
    """Whether weights still have these SHA-256, by name or file."""
    with suppress(WeightsError):
        return all(weights.checksum(name) == digest for name, digest in networks.items())
    return False


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's contents.

    Raises:
        OSError: it cannot be read, or is not a regular file.
    """
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content_of(path: Path) -> Path:
    """A name made from a file's contents; its own name if it cannot be read, as the task will report."""
    with suppress(OSError, ValueError):
        return Path(sha256_of(path) + path.suffix)
    return path


def table_of(options: TaskOptions) -> dict[str, Any]:
    """The task and the options that differ from their defaults, as JSON values."""
    return {"task": options.task} | {name: plain(value) for name, value in changed(options).items()}


def saved_as(saving: SaveOptions) -> dict[str, Any]:
    return {name: plain(value) for name, value in changed(saving).items()}


def plain(value: Any) -> Any:
    """A value in JSON's types."""
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value.as_posix() if isinstance(value, Path) else value
