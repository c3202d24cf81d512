"""Fields and checks of the tasks' options dataclasses.

Options are frozen dataclasses, written once: the command line, the web page, pipeline files and provenance records are
all made from their fields. `option` gives a field its default and its one line of help.
"""

import difflib
import math
import os
from collections.abc import Callable, Iterable
from dataclasses import field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from daguerre.errors import OptionError

__all__ = ["changed", "check_range", "check_span", "files_in", "nearest", "option", "with_paths"]

T = TypeVar("T")


def option(default: Any, help: str, *, metavar: str | None = None, alias: str | None = None, file: bool = False) -> Any:
    """Make a dataclass field with a default and a line of help.

    Args:
        default: default value of the field.
        help: what the option does, in one line without a full stop.
        metavar: placeholder for the value in `--help`; by default made from the type.
        alias: a short flag, such as `-o`.
        file: whether the value, a string, may be the name of a file.
    """
    extras = {"metavar": metavar, "alias": alias, "file": file}
    metadata = {"help": help} | {name: value for name, value in extras.items() if value}
    return field(default=default, metadata=metadata)


def check_range(name: str, value: float | None, low: float, high: float) -> None:
    """Refuse a value outside [low, high]; `None` passes, and `high` may be infinite.

    Raises:
        OptionError: names the option, the value and the range.
    """
    if value is not None and not low <= value <= high:
        wanted = f"be at least {low:g}" if high == math.inf else f"lie between {low:g} and {high:g}"
        said = f"{value:g}" if isinstance(value, float) else str(value)  # an int may be too large for a float
        raise OptionError(f"{name} is {said}; it must {wanted}")


def check_span(name: str, span: tuple[float, float], low: float, high: float) -> None:
    """Refuse a span (minimum, maximum) that is not within [low, high] or is reversed.

    Raises:
        OptionError: names the option, the span and the range.
    """
    if not low <= span[0] <= span[1] <= high:
        raise OptionError(
            f"{name} goes from {span[0]:g} to {span[1]:g}; it must go upwards, between {low:g} and {high:g}"
        )


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint to append to an error about an unknown word: "; did you mean …?", or the known words."""
    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(known)}"


def changed(options: Any) -> dict[str, Any]:
    """The options that differ from their defaults, by name."""
    values = {entry.name: getattr(options, entry.name) for entry in fields(options)}
    return {entry.name: values[entry.name] for entry in fields(options) if values[entry.name] != entry.default}


def with_paths(options: T, change: Callable[[Path], Path]) -> T:
    """The same options, with every path and every text that names a file changed."""
    changes: dict[str, Any] = {}
    for entry in fields(options):  # type: ignore[arg-type]
        value = getattr(options, entry.name)
        if isinstance(value, Path):
            changes[entry.name] = change(value)
        elif isinstance(value, tuple):
            changes[entry.name] = tuple(change(item) if isinstance(item, Path) else item for item in value)
        elif entry.metadata.get("file") and value and names_a_file(value):
            changes[entry.name] = change(Path(value)).as_posix()
    return replace(options, **changes)  # type: ignore[type-var]


def files_in(options: Any) -> set[Path]:
    """The files that options name, including every text that may name one."""
    found = {
        Path(text) for entry in fields(options) if entry.metadata.get("file") and (text := getattr(options, entry.name))
    }

    def note(path: Path) -> Path:
        found.add(path)
        return path

    with_paths(options, note)
    return found


def names_a_file(text: str) -> bool:
    """Whether it has a folder or a suffix, such as `mine.pth`; `compact-x1.5` does not."""
    return "/" in text or os.sep in text or Path(text).suffix[1:].isalpha()
