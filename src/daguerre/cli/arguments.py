"""Flags and help, made from options dataclasses."""

import dataclasses
import functools
import inspect
import shutil
import sys
import textwrap
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import tyro
from tyro.constructors import PrimitiveConstructorSpec

from daguerre.options import nearest

__all__ = ["choose", "flags", "parse"]

T = TypeVar("T")

METAVARS = {int: "N", float: "X", str: "NAME", Path: "PATH"}


def flags(options: type) -> type:
    """The same dataclass, its fields annotated so that tyro prints them as a person would write them.

    Instances of the result are instances of `options`.
    """
    hints = typing.get_type_hints(options, include_extras=True)
    fields = [
        (
            field.name,
            annotated(hints[field.name], field.default, **field.metadata),
            dataclasses.field(default=field.default, metadata=field.metadata),
        )
        for field in dataclasses.fields(options)
    ]
    made = dataclasses.make_dataclass(options.__name__, fields, bases=(options,), frozen=True, kw_only=True)
    made.__doc__ = options.__doc__
    return made


def annotated(hint: Any, default: Any, *, metavar: str = "", alias: str = "", help: str = "") -> Any:
    """A type as tyro should show and read it: `float | None` as X, a switch without its opposite.

    Args:
        hint: the type of a flag's value.
        default: its value when nothing is said.
        metavar, alias: as in `option`.
        help: stays where it is.
    """
    kind, optional = without_none(hint)
    parts = typing.get_args(kind) if typing.get_origin(kind) is tuple else (kind,)
    names = [METAVARS.get(part, "...") for part in parts]
    shown: dict[str, Any] = {}
    if metavar or names[0] != "...":
        shown["metavar"] = metavar or " ".join(names)
    if optional or kind is bool or default in ("", (), inspect.Parameter.empty):
        shown["help_behavior_hint"] = ""
    if alias:
        shown["aliases"] = [alias]
    extras = [tyro.conf.arg(**shown)]
    if kind is bool and default is False:
        extras.append(tyro.conf.FlagCreatePairsOff)
    if kind in (int, float):
        extras.append(number(kind, shown["metavar"]))
    return Annotated[(hint, *extras)]


def number(kind: type, metavar: str) -> PrimitiveConstructorSpec[Any]:
    """How tyro reads a number, so that a mistake is explained in words."""

    def read(words: list[str]) -> Any:
        try:
            return kind(words[0])
        except ValueError:
            raise ValueError(f"{words[0]!r} is no {'whole ' if kind is int else ''}number") from None

    return PrimitiveConstructorSpec(
        nargs=1,
        metavar=metavar,
        instance_from_str=read,
        is_instance=lambda value: value is None or isinstance(value, (int, kind)),
        str_from_instance=lambda value: [str(value)],
    )


def without_none(hint: Any) -> tuple[Any, bool]:
    """A type and whether it was optional: `float | None` is (float, True)."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        kept = [part for part in typing.get_args(hint) if part is not type(None)]
        if len(kept) == 1:
            return kept[0], True
    return hint, False


def parse(command: Callable[..., T], name: str, words: Sequence[str]) -> T:
    """Call `command` with what the words say.

    Its docstring is the help; parameters whose type is a dataclass become that dataclass' flags, without a prefix.
    Words that cannot be understood end the program with exit status 2.
    """

    @functools.wraps(command)
    def called(*args: Any, **kwargs: Any) -> T:
        return command(*args, **kwargs)

    hints = typing.get_type_hints(command, include_extras=True)
    signature = inspect.signature(command)
    shown: dict[str, Any] = {"return": hints["return"]}
    for key, parameter in signature.parameters.items():
        hint = hints[key]
        if dataclasses.is_dataclass(hint):
            shown[key] = tyro.conf.OmitArgPrefixes[flags(hint)]  # type: ignore
        else:
            shown[key] = hint if typing.get_origin(hint) is Annotated else annotated(hint, parameter.default)
    called.__annotations__ = shown
    parameters = [p.replace(annotation=shown[p.name]) for p in signature.parameters.values()]
    called.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    del called.__wrapped__
    if {"-h", "--help"} & set(words):
        print(description(command), end="\n\n")
    return tyro.cli(
        called,
        prog=f"daguerre {name}",
        description="",
        args=list(words),
        config=(tyro.conf.AvoidSubcommands, tyro.conf.HelptextFromCommentsOff, tyro.conf.DisallowNone),
    )


def description(command: Callable[..., object]) -> str:
    """What a command's docstring says before its arguments, its paragraphs as wide as the terminal, examples apart.

    Not left to tyro, which breaks no lines.
    """
    paragraphs = inspect.cleandoc(command.__doc__ or "").split("\n\nArgs:")[0].split("\n\n")
    width = min(shutil.get_terminal_size().columns, 100)
    return "\n\n".join(p if p.startswith("$") else textwrap.fill(p, width) for p in paragraphs)


def choose(command: str, choices: Mapping[str, tuple[Callable[..., int], str]], words: Sequence[str]) -> int:
    """Run one of a command's subcommands, or say which there are.

    Args:
        choices: what to call, and its one line of help, by subcommand.
    """
    if words and words[0] in choices:
        return parse(choices[words[0]][0], f"{command} {words[0]}", words[1:])
    lines = "\n".join(f"  {name:<10} {line}" for name, (_, line) in choices.items())
    usage = f"usage: daguerre {command} WHAT ...\n\n{lines}\n\n`daguerre {command} WHAT --help` explains each.\n"
    if words and words[0] in ("-h", "--help"):
        print(usage, end="")
        return 0
    wrong = f"daguerre {command}: nothing is called {words[0]!r}{nearest(words[0], choices)}\n\n" if words else ""
    print(wrong + usage, end="", file=sys.stderr)
    return 2
