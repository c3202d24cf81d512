"""Convert TOML tables to frozen dataclasses: training recipes and pipelines."""

import dataclasses
import tomllib
import types
import typing
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from daguerre.errors import OptionError, RecipeError
from daguerre.files import read_small
from daguerre.options import nearest

__all__ = ["build", "read_table"]

T = TypeVar("T")

LARGEST = 2**63  # TOML's limit


def read_table(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        RecipeError: the file is missing, or not TOML.
    """
    try:
        return tomllib.loads(read_small(path).decode())
    except (OSError, ValueError, RecursionError) as error:
        deep = "it is nested too deeply" if isinstance(error, RecursionError) else error
        reason = error.strerror if isinstance(error, OSError) else deep
        raise RecipeError(f"cannot read the recipe {str(path)!r}: {reason}") from error


def build(kind: type[T], table: dict[str, Any], where: str) -> T:
    """Build the dataclass `kind` from a table whose keys are its fields.

    Args:
        where: dotted path to the table, put before every key in messages; empty, or ending in a dot.

    Raises:
        RecipeError: a key is unknown or missing, a value has the wrong type, or the dataclass refuses it.
    """
    hints = typing.get_type_hints(kind)
    known = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for key in table:
        if key not in known:
            raise RecipeError(f"unknown key {where + key!r}{nearest(key, known)}")
    for name, f in known.items():
        required = f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        if required and name not in table:
            raise RecipeError(f"{where + name!r} is missing")
    values = {key: convert(hints[key], value, where + key) for key, value in table.items()}
    try:
        return kind(**values)
    except OptionError as error:
        raise RecipeError(str(error)) from error


def convert(kind: Any, value: Any, where: str) -> Any:
    """Check that `value` has the type `kind` and turn lists into tuples and tables into dataclasses."""
    origin, arguments = get_origin(kind), get_args(kind)
    if isinstance(value, int) and abs(value) > LARGEST:
        raise RecipeError(f"{where} is a number with more digits than anything here has")
    if isinstance(value, str) and "\0" in value:
        raise RecipeError(f"{where} is {value!r}; a zero byte has no place in a text")
    if origin in (Union, types.UnionType):  # only `something | None` occurs
        return None if value is None else convert(arguments[0], value, where)
    if dataclasses.is_dataclass(kind) and isinstance(value, dict):
        return build(kind, value, where + ".")  # type: ignore[arg-type]
    if origin is Literal and value in arguments:
        return value
    if origin is tuple and isinstance(value, list | tuple):
        if arguments[-1] is Ellipsis:
            return tuple(convert(arguments[0], item, where) for item in value)
        if len(value) == len(arguments):
            return tuple(convert(a, item, where) for a, item in zip(arguments, value, strict=True))
    if origin is dict and isinstance(value, dict):
        return {key: convert(arguments[1], item, f"{where}.{key}") for key, item in value.items()}
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if kind is Path and isinstance(value, str):
        return Path(value)
    if kind is Any or (isinstance(kind, type) and type(value) is kind):
        return value
    raise RecipeError(f"{where} is {value!r:.200}; it must be {describe(kind)}")


def describe(kind: Any) -> str:
    """Name of a type in messages."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return "one of " + ", ".join(map(str, arguments))
    if origin is tuple:
        count = "any number of" if arguments[-1] is Ellipsis else str(len(arguments))
        return f"a list of {count} values, each {describe(arguments[0])}"
    if origin is dict or dataclasses.is_dataclass(kind):
        return "a table"
    return {int: "a whole number", float: "a number", str: "a text", Path: "a path", bool: "true or false"}[kind]
