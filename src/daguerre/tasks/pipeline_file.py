"""Pipelines as TOML files: a table for each step, in order, with the options of its task.

    [[step]]
    task = "upscale"
    scale = 2

    [[step]]
    task = "stylize"
    style = ["painting.jpg"]

Paths are relative to the file's folder. Omitted options have their defaults. A line above the steps such as `policy =
"archive"` may name a policy, or a policy file, to follow.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daguerre.config import build, read_table
from daguerre.errors import DaguerreError, RecipeError, UnwritablePicture
from daguerre.files import check_free, whole
from daguerre.options import changed, with_paths
from daguerre.tasks.policies import Policy, read_policy
from daguerre.tasks.registry import TASKS, TaskOptions, options_of

__all__ = ["policy_of", "read_steps", "write_steps"]


@dataclass(frozen=True, kw_only=True)
class ChainTable:
    """Contents of a file."""

    step: tuple[dict[str, Any], ...]
    policy: str = ""


def read_steps(path: Path) -> list[TaskOptions]:
    """Read the options of every step of a pipeline, in order, from a TOML file.

    Raises:
        RecipeError: the file is missing, not TOML, or invalid.
    """
    table = read_table(path)
    try:
        tables = build(ChainTable, table, "").step if table else ()
    except RecipeError as error:
        raise RecipeError(f"{path.name}: {error}") from error
    if not tables:
        raise RecipeError(f'{path.name} has no steps; a step is a table [[step]] with a line such as task = "upscale"')
    steps = []
    for number, table in enumerate(tables, start=1):
        try:
            steps.append(with_paths(read_step(table), lambda named: path.parent / named))
        except DaguerreError as error:
            raise RecipeError(f"{path.name}, step {number}: {error}") from error
    policy = policy_of(path)
    return policy.steps(steps) if policy else steps


def policy_of(path: Path) -> Policy | None:
    """The policy that a pipeline file names, if any.

    Raises:
        RecipeError: the file is missing or not TOML.
        OptionError: there is no policy of that name.
    """
    name = read_table(path).get("policy")
    return read_policy(name, path.parent) if isinstance(name, str) and name else None


def read_step(table: dict[str, Any]) -> TaskOptions:
    task = table.get("task")
    if not isinstance(task, str):
        raise RecipeError(f"task is missing; it must be one of {', '.join(TASKS)}")
    rest = {key: value for key, value in table.items() if key != "task"}
    options: TaskOptions = build(options_of(task), rest, f"{task}.")
    return options


def write_steps(steps: Sequence[TaskOptions], path: Path, *, overwrite: bool = False) -> Path:
    """Write a pipeline as a TOML file for `read_steps`: for every step, the options that differ from the defaults.

    Raises:
        OutputExists: the file exists, and `overwrite` is false.
        UnwritablePicture: the folder does not exist, the system refuses, or a file's name is not text.
    """
    check_free(path, overwrite=overwrite)

    def beside(named: Path) -> Path:
        return named if named.is_absolute() else Path(os.path.relpath(named, path.parent))

    text = "\n".join(table_of(with_paths(step, beside)) for step in steps)
    try:
        content = text.encode()
    except UnicodeEncodeError as error:
        raise UnwritablePicture(f"a name in {path} would not be UTF-8, as recipes are; rename that file") from error
    with whole(path) as partial:
        partial.write_bytes(content)
    return path


def table_of(options: TaskOptions) -> str:
    lines = ["[[step]]", f"task = {literal(options.task)}"]
    lines += [f"{name} = {literal(value)}" for name, value in changed(options).items()]
    return "\n".join(lines) + "\n"


def literal(value: Any) -> str:
    """A value in TOML syntax; numbers and texts are written as in JSON."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(literal, value))}]"
    text = json.dumps(value.as_posix() if isinstance(value, Path) else value, ensure_ascii=False)
    return text.replace("\x7f", "\\u007f")  # the one character that JSON allows and TOML does not
