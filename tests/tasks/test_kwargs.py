"""Keyword arguments are the options' fields; `python tests/tasks/test_kwargs.py` writes them anew."""

import dataclasses
import subprocess
import sys
import typing
from pathlib import Path
from types import NoneType

import pytest

import daguerre.tasks.kwargs
from daguerre.degradation.aging import AgeOptions
from daguerre.tasks.faces.refiner import FaceOptions
from daguerre.tasks.restoration.damage_detection import ScratchOptions
from daguerre.tasks.restoration.restorer import RestoreOptions
from daguerre.tasks.stylization.stylizer import StylizeOptions
from daguerre.tasks.upscaling.upscaler import UpscaleOptions

OPTIONS = (AgeOptions, FaceOptions, RestoreOptions, ScratchOptions, StylizeOptions, UpscaleOptions)
LEFT_OUT = {(StylizeOptions, "style")}  # an argument of its own, which also takes pictures

HEAD = '''"""Options as keyword arguments, so that editors complete and type checkers check them.

Written by `python tests/tasks/test_kwargs.py` from the fields of the options, whose defaults and help stand there.
"""

from pathlib import Path
from typing import Literal, TypedDict

__all__ = [{names}]
'''


def name_of(options):
    return options.__name__.replace("Options", "Kwargs")


def hints_of(options):
    hints = typing.get_type_hints(options)
    return {f.name: hints[f.name] for f in dataclasses.fields(options) if (options, f.name) not in LEFT_OUT}


def spelled(hint):
    """A type as source code has it."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return f"Literal[{', '.join(map(repr, parts))}]"
    if origin is tuple:
        return f"tuple[{', '.join(map(spelled, parts))}]"
    if parts:
        return " | ".join(map(spelled, parts))
    return {Ellipsis: "...", NoneType: "None"}.get(hint) or hint.__name__


def source():
    lines = [HEAD.format(names=", ".join(f'"{name_of(options)}"' for options in OPTIONS))]
    for options in OPTIONS:
        lines += ["", f"class {name_of(options)}(TypedDict, total=False):"]
        lines += [f'    """Fields of `{options.__name__}`."""', ""]
        lines += [f"    {name}: {spelled(hint)}" for name, hint in hints_of(options).items()] + [""]
    return "\n".join(lines)


@pytest.mark.parametrize("options", OPTIONS, ids=name_of)
def test_keyword_arguments_are_the_fields_of_the_options(options):
    kwargs = getattr(daguerre.tasks.kwargs, name_of(options))
    assert typing.get_type_hints(kwargs) == hints_of(options), "run: python tests/tasks/test_kwargs.py"
    assert not kwargs.__required_keys__


if __name__ == "__main__":
    path = Path(daguerre.tasks.kwargs.__file__)
    path.write_text(source(), encoding="utf-8")
    subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", path], check=True)
