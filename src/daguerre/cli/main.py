"""The command `daguerre`: finds the command asked for and turns what goes wrong into one line and an exit status.

Exit status: 0 all went well; 1 something failed, and a line says what; 2 the command was not understood; 130 stopped.
A command's module is imported when it is called, so that `daguerre --help` answers at once.
"""

import difflib
import importlib
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from daguerre._version import __version__
from daguerre.errors import Cancelled, DaguerreError

__all__ = ["main"]

COMMANDS = {
    "restore": "give back old photographs, clean",
    "upscale": "make pictures larger",
    "stylize": "paint photographs in the style of other pictures",
    "faces": "find faces and give them back their detail",
    "scratches": "find scratches and other damage: a mask to look at and change",
    "run": "do several of these one after the other",
    "age": "make old photographs from new ones, to try restoration on",
    "models": "see, fetch, import and check the networks",
    "train": "train a network from a recipe",
    "evaluate": "measure how good results are",
}

HELP = f"""\
Daguerre {__version__}: restore old photographs, upscale pictures and stylise them,
on any computer, at any size.

usage: daguerre COMMAND ...

commands:
{chr(10).join(f"  {name:<10} {line}" for name, line in COMMANDS.items())}

examples:
  daguerre restore old.jpg               old-restored.jpg, beside it
  daguerre upscale photo.jpg             4 times as wide and high: photo-4x.jpg
  daguerre upscale photo.jpg --scale 2   twice as wide and high
  daguerre upscale album/ -o large/      every picture of a folder
  daguerre stylize photo.jpg --style painting.jpg
  daguerre run old.jpg --steps restore,upscale --scale 2

`daguerre COMMAND --help` explains a command, `daguerre --version` tells which
version this is.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    # Large pictures are unpacked into temporary files, and /tmp is memory on many systems.
    if "TMPDIR" not in os.environ and os.access("/var/tmp", os.W_OK):
        os.environ["TMPDIR"] = "/var/tmp"
    words = list(sys.argv[1:] if arguments is None else arguments)
    logging.basicConfig(format="daguerre: %(message)s", level=logging.WARNING)
    try:
        status = dispatch(words)
        sys.stdout.flush()
        return status
    except DaguerreError as error:
        print(f"daguerre: {error}", file=sys.stderr)
        return 130 if isinstance(error, Cancelled) else 1
    except KeyboardInterrupt:
        print("daguerre: stopped; nothing half-made was left behind", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output went away (`daguerre models | head`): nothing is wrong, nothing is left to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def dispatch(words: Sequence[str]) -> int:
    """Print the help, or call the module of the command asked for."""
    if not words or words[0] in ("-h", "--help", "help"):
        print(HELP, end="")
        return 0 if words else 2
    if words[0] == "--version":
        print(f"daguerre {__version__}")
        return 0
    if words[0] in COMMANDS:
        return int(importlib.import_module(f"daguerre.cli.{words[0]}").run(words[1:]))
    close = difflib.get_close_matches(words[0], COMMANDS, n=1)
    meant = close[0] if close else f"upscale {words[0]}" if Path(words[0]).exists() else None
    hint = f"; did you mean `daguerre {meant}`?" if meant else "; `daguerre --help` lists the commands"
    print(f"daguerre: no command {words[0]!r}{hint}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
