"""Flags and help, generated from options dataclasses."""

import contextlib
import dataclasses
import functools
import inspect
import io
import shutil
import sys
import textwrap
import types
import typing
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import tyro
from tyro.constructors import PrimitiveConstructorSpec

from daguerre.cli.streams import printable
from daguerre.options import nearest

__all__ = ["choose", "flags", "flags_of_several", "parse"]

T = TypeVar("T")

FLAGGED = "__made_for_flags__"
"""Attribute of classes made by `flags`, which belong to no module and so cannot be pickled."""

METAVARS = {int: "N", float: "X", str: "NAME", Path: "PATH"}


def flags(options: type, told: Callable[[str], object] | None = None) -> type:
    """The same dataclass with its fields annotated for readable help from tyro.

    Instances of the result are instances of `options`.

    Args:
        told: makes further tyro annotations of a field from its name.
    """
    hints = typing.get_type_hints(options, include_extras=True)
    fields = []
    for field in dataclasses.fields(options):
        hint = annotated(hints[field.name], field.default, **field.metadata)
        hint = Annotated[(hint, told(field.name))] if told else hint
        fields.append((field.name, hint, dataclasses.field(default=field.default, metadata=field.metadata)))
    made = dataclasses.make_dataclass(options.__name__, fields, bases=(options,), frozen=True, kw_only=True)
    made.__doc__ = options.__doc__
    setattr(made, FLAGGED, True)
    return made


def without_flags(options: Any) -> Any:
    """Options made by `flags`, converted back to their original class; anything else unchanged."""
    kind = type(options)
    if not dataclasses.is_dataclass(kind) or FLAGGED not in vars(kind):
        return options
    values = {field.name: getattr(options, field.name) for field in dataclasses.fields(options)}
    return kind.__bases__[0](**values)


def flags_of_several(
    tasks: Mapping[str, type], *, taken: Collection[str], left_out: Collection[str]
) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """Annotations for a command with the flags of several tasks, one parameter per task.

    A flag that only one task has keeps its name; one that several have is prefixed with the task's:
    `--restore.strength`.

    Args:
        tasks: options dataclass of each task, by name.
        taken: names of the command's own flags.
        left_out: fields that get no flags.

    Returns:
        Annotation of each task's parameter; and for each ambiguous name the flags that it may mean.
    """
    owners: dict[str, list[str]] = {}
    for task, options in tasks.items():
        for field in dataclasses.fields(options):
            owners.setdefault(field.name, []).append(task)
    shared = {
        name: [f"--{task}.{name.replace('_', '-')}" for task in found]
        for name, found in owners.items()
        if name not in left_out and (len(found) > 1 or name in taken)
    }

    def named(field: str) -> object:
        return tyro.conf.Fixed if field in left_out else tyro.conf.arg(prefix_name=field in shared)

    made = {task: Annotated[flags(options, named), tyro.conf.arg(name=task)] for task, options in tasks.items()}
    return made, shared


def annotated(
    hint: Any, default: Any, *, metavar: str = "", alias: str = "", help: str = "", file: bool = False
) -> Any:
    """A type as tyro should show and read it: `float | None` as X, a switch without its opposite.

    Args:
        hint: the type of a flag's value.
        default: its default value.
        metavar, alias: as in `option`.
        help, file: not used here.
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
    """How tyro reads a number, with an understandable error message."""

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


def parse(command: Callable[..., T], name: str, words: Sequence[str], more: Mapping[str, Any] | None = None) -> T:
    """Parse the words and call `command`.

    Its docstring is the help; a parameter whose type is a dataclass becomes the flags of that dataclass, without a
    prefix. Invalid words end the program with exit status 2.

    Args:
        more: annotations of further parameters of `command`, passed as `**more`; each has its own default.
    """

    @functools.wraps(command)
    def called(*args: Any, **kwargs: Any) -> Callable[[], T]:
        given = {name: without_flags(value) for name, value in kwargs.items()}
        return functools.partial(command, *map(without_flags, args), **given)

    hints = typing.get_type_hints(command, include_extras=True)
    signature = inspect.signature(command)
    shown: dict[str, Any] = {"return": hints["return"]}
    parameters = [p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    parameters += [inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY) for key in more or {}]
    hints |= more or {}
    for parameter in parameters:
        key = parameter.name
        hint = hints[key]
        if dataclasses.is_dataclass(hint):
            shown[key] = tyro.conf.OmitArgPrefixes[flags(hint)]  # type: ignore
        else:
            shown[key] = hint if typing.get_origin(hint) is Annotated else annotated(hint, parameter.default)
    called.__annotations__ = shown
    parameters = [parameter.replace(annotation=shown[parameter.name]) for parameter in parameters]
    called.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    del called.__wrapped__
    if {"-h", "--help"} & set(words):
        print(description(command), end="\n\n")
    with harmless(words):
        understood = tyro.cli(
            called,
            prog=f"daguerre {name}",
            description="",
            args=list(words),
            config=(
                tyro.conf.AvoidSubcommands,
                tyro.conf.SuppressFixed,
                tyro.conf.HelptextFromCommentsOff,
                tyro.conf.DisallowNone,
            ),
        )
    return understood()


@contextlib.contextmanager
def harmless(words: Sequence[str]) -> Iterator[None]:
    """Escape control characters, which file names can contain, where tyro repeats words."""
    if not any(printable(word) != word for word in words):
        yield
        return
    told = io.StringIO()
    try:
        with contextlib.redirect_stderr(told):
            yield
    finally:
        print("".join(f"{printable(line)}\n" for line in told.getvalue().splitlines()), end="", file=sys.stderr)


def description(command: Callable[..., object]) -> str:
    """The part of a command's docstring before its arguments, wrapped to the terminal except for examples.

    Not left to tyro, which does not wrap lines.
    """
    paragraphs = inspect.cleandoc(command.__doc__ or "").split("\n\nArgs:")[0].split("\n\n")
    width = min(shutil.get_terminal_size().columns, 100)
    return "\n\n".join(p if p.startswith("$") else textwrap.fill(p, width) for p in paragraphs)


def choose(command: str, choices: Mapping[str, tuple[Callable[..., int], str]], words: Sequence[str]) -> int:
    """Run one of a command's subcommands, or list them.

    Args:
        choices: function and one line of help, by subcommand.
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
