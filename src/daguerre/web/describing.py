"""Convert requests to work, with checks, and to the equivalent command line and recipe.

A request is a list of steps, each a table with `task` and options, like a recipe. Files are named by references into
the page's folder, such as `styles/waves.png`; any other file name is refused.
"""

import os
import re
import shlex
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from daguerre.archive.work import Work
from daguerre.config import build
from daguerre.errors import OptionError
from daguerre.images import WRITABLE, SaveOptions
from daguerre.options import changed, names_a_file, nearest
from daguerre.tasks.pipeline_file import write_steps
from daguerre.tasks.registry import TaskOptions, options_of

__all__ = ["Request", "command_of", "recipe_of", "understood"]

SUFFIXES = {"restore": "-restored", "stylize": "-stylized", "faces": "-faces"}
FIXED = ("device", "precision")
"""Options that depend on the computer; a request cannot set them."""

Find = Callable[[str], Path | None]
"""Maps a reference to its file."""


@dataclass(frozen=True)
class Request:
    """A checked request.

    Args:
        work: the steps.
        suffix: of the result's name, such as `-restored`.
        ending: of the result's format, such as `.png`; empty for the photograph's.
        names: display names of files, by path.
    """

    work: Work
    suffix: str
    ending: str
    names: Mapping[Path, str]


def understood(asked: Mapping[str, Any], find: Find, max_pixels: int) -> Request:
    """Check a request.

    Args:
        asked: `steps`; optionally `saving`, the options for saving, and `format`.

    Raises:
        DaguerreError: says what is invalid in it.
    """
    unknown = set(asked) - {"steps", "saving", "format"}
    tables = asked.get("steps")
    if unknown or not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        raise OptionError("a request has steps, a list of tables with task and options, and perhaps saving and format")
    names: dict[Path, str] = {}
    steps = tuple(step_of(table, find, names) for table in tables)
    saving = build(SaveOptions, dict(asked.get("saving") or {}), "saving.")
    ending = f".{str(asked.get('format') or '').lower().removeprefix('.')}".rstrip(".")
    if ending and ending not in WRITABLE:
        raise OptionError(f"no format is called {ending[1:]!r}{nearest(ending[1:], (name[1:] for name in WRITABLE))}")
    return Request(Work(steps=steps, saving=saving, max_pixels=max_pixels), suffix_of(steps), ending, names)


def step_of(table: Mapping[str, Any], find: Find, names: dict[Path, str]) -> TaskOptions:
    """The options of one step."""
    kind = options_of(str(table.get("task")))
    given = {name: value for name, value in table.items() if name != "task"}
    for name in given.keys() & set(FIXED):
        raise OptionError(f"{name} belongs to the computer that serves the page; leave it out")

    def file(value: str) -> str:
        path = find(value)
        if path is None:
            raise OptionError(f"there is no file {value!r} here; bring it first")
        names[path] = path.name
        return str(path)

    for field in fields(kind):
        value = given.get(field.name)
        if field.metadata.get("file") and isinstance(value, str) and (names_a_file(value) or "\\" in value):
            given[field.name] = file(value)
        elif "Path" in str(field.type) and isinstance(value, list):
            given[field.name] = [file(str(one)) for one in value]
        elif "Path" in str(field.type) and value is not None:
            given[field.name] = file(str(value))
    step: TaskOptions = build(kind, given, f"{table['task']}.")
    return step


def suffix_of(steps: Sequence[TaskOptions]) -> str:
    """The suffix that the command line gives results."""
    if len(steps) > 1:
        return "-" + "-".join(step.task for step in steps)
    step: Any = steps[0]
    if step.task != "upscale":
        return SUFFIXES[step.task]
    for letter, length in (("w", step.width), ("h", step.height), ("l", step.long_side)):
        if length:
            return f"-{letter}{length}"
    return f"-{step.scale or 4:g}x"


def command_of(request: Request, photo: str) -> str:
    """The command line that makes the same bytes from a photograph's file."""
    steps = request.work.steps
    several = len(steps) > 1
    if several and len({step.task for step in steps}) < len(steps):
        words = ["run", photo, "--recipe", "recipe.toml"]
    else:
        words = ["run", photo, "--steps", ",".join(request.work.tasks)] if several else [steps[0].task, photo]
        owners = Counter(field.name for step in steps for field in fields(step))  # type: ignore[arg-type]
        for step in steps:
            for name, value in changed(step).items():
                prefix = f"{step.task}." if several and owners[name] > 1 else ""
                words += flag(prefix + name, value, request.names)
    for name, value in changed(request.work.saving).items():
        words += flag(name, value, {})
    words += ["--format", request.ending[1:]] if request.ending else []
    return shlex.join(["daguerre", *words])


def flag(name: str, value: Any, names: Mapping[Path, str]) -> list[str]:
    """A flag and its values."""
    word = f"--{name.replace('_', '-')}"
    if value is True:
        return [word]
    if value is False:
        return [re.sub(r"^--", "--no-", word)]
    values = value if isinstance(value, tuple) else (value,)
    return [word, *(names.get(Path(str(one)), f"{one:g}" if isinstance(one, float) else str(one)) for one in values)]


def recipe_of(request: Request, folder: Path) -> str:
    """The recipe for `daguerre run --recipe`, with files by their names.

    Args:
        folder: for a temporary file.
    """

    def beside(path: Path) -> Path:
        return Path(os.path.relpath(folder / request.names[path]))

    def plain(step: TaskOptions) -> TaskOptions:
        changes: dict[str, Any] = {}
        for field in fields(step):  # type: ignore[arg-type]
            value = getattr(step, field.name)
            if isinstance(value, tuple) and any(isinstance(one, Path) for one in value):
                changes[field.name] = tuple(map(beside, value))
            elif isinstance(value, str) and Path(value) in request.names:
                changes[field.name] = str(beside(Path(value)))
        made: TaskOptions = replace(step, **changes)  # type: ignore[type-var]
        return made

    path = folder / "recipe.toml"
    try:
        return write_steps([plain(step) for step in request.work.steps], path, overwrite=True).read_text("utf-8")
    finally:
        path.unlink(missing_ok=True)
