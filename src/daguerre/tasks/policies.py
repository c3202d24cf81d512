"""Policies: what may be done to pictures, and how results are saved, decided once for a whole collection.

A policy sets options of tasks and of saving. A contradicting option is refused, so that no command does what the
collection has decided against. `docs/policies.md` gives the reasons, and explains how to write a policy.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from daguerre.config import build, read_table
from daguerre.errors import OptionError, RecipeError
from daguerre.images import WRITABLE
from daguerre.options import nearest
from daguerre.tasks.registry import TASKS, TaskOptions, options_of
from daguerre.tasks.saving import ResultOptions

__all__ = ["POLICIES", "Policy", "read_policy"]

T = TypeVar("T")

ARCHIVE = {
    "format": "tif",
    "never": ["faces", "stylize"],
    "restore": {
        "model": "auto", "grain": "keep", "blur": "off", "faces": "off", "writing": "keep", "large_holes": "leave",
        "fix_fading": "auto", "strength": 1.0,
    },
    "upscale": {"vivid": 0.0, "clean": False, "model": "auto", "agree": "auto"},
    "saving": {"bits": 16, "sidecar": True, "profile": "keep"},
}  # fmt: skip
"""Damage to the print is repaired; what the photographer intended, and what is unknown, stays."""

POLICIES: Mapping[str, Mapping[str, Any]] = {"archive": ARCHIVE, "family": {}}


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The settings of a policy.

    Args:
        name: for messages.
        format: of results, such as `tif`; the picture's own if empty.
        never: tasks that are never run.
        restore, faces, upscale, stylize: options of these tasks.
        saving: `ResultOptions`.

    Raises:
        RecipeError: an unknown format, task or option.
    """

    name: str
    format: str = ""
    never: tuple[str, ...] = ()
    restore: dict[str, Any] = field(default_factory=dict)
    faces: dict[str, Any] = field(default_factory=dict)
    upscale: dict[str, Any] = field(default_factory=dict)
    stylize: dict[str, Any] = field(default_factory=dict)
    saving: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.format and f".{self.format}" not in WRITABLE:
            known = sorted(suffix[1:] for suffix in WRITABLE)
            raise RecipeError(f"{self.name}: no format is called {self.format!r}{nearest(self.format, known)}")
        for task in self.never:
            if task not in TASKS:
                raise RecipeError(f"{self.name}: no task is called {task!r}{nearest(task, TASKS)}")
        for table in (*TASKS, "saving"):
            self.values(table)

    def values(self, table: str) -> dict[str, Any]:
        """The values set in one of the tables, checked."""
        set_here = getattr(self, table)
        kind = ResultOptions if table == "saving" else options_of(table)
        wanted = build(kind, set_here, f"{table}.") if set_here else None
        return {name: getattr(wanted, name) for name in set_here}

    def steps(self, steps: "list[TaskOptions]") -> "list[TaskOptions]":
        """The options of tasks under this policy.

        Raises:
            OptionError: a task that is never run, or an option that contradicts the policy.
        """
        for options in steps:
            if options.task in self.never:
                raise OptionError(f"the policy {self.name} does no {options.task}; leave it out, or the policy")
        return [self.settled(options, self.values(options.task)) for options in steps]

    def save_options(self, saving: ResultOptions) -> ResultOptions:
        """How results are saved under this policy.

        Raises:
            OptionError: an option contradicts the policy.
        """
        return self.settled(saving, self.values("saving"))

    def settled(self, options: T, values: Mapping[str, Any]) -> T:
        defaults = {entry.name: entry.default for entry in fields(options)}  # type: ignore[arg-type]
        for name, value in values.items():
            given = getattr(options, name)
            if given not in (defaults[name], value):
                flag = f"--{name.replace('_', '-')}"
                raise OptionError(
                    f"the policy {self.name} has {flag} {value}, not {given}; leave that out, or the policy"
                )
        return replace(options, **values)  # type: ignore[type-var]


def read_policy(name: str, folder: Path | None = None) -> Policy:
    """A policy by its name, or from a TOML file with such tables.

    Args:
        folder: folder that the name of a file is relative to.

    Raises:
        OptionError: there is no policy of that name.
        RecipeError: the file cannot be read, or is invalid.
    """
    if name in POLICIES:
        return build(Policy, {"name": name, **POLICIES[name]}, "")
    path = Path(name) if folder is None else folder / name
    if path.suffix.lower() != ".toml":
        raise OptionError(f"no policy is called {name!r}{nearest(name, POLICIES)}; or name a file that ends in .toml")
    try:
        return build(Policy, {"name": path.stem, **read_table(path)}, "")
    except RecipeError as error:
        raise RecipeError(f"{path.name}: {error}" if path.name not in str(error) else str(error)) from error
