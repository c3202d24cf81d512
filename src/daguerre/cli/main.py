"""The command `daguerre`: dispatches to its subcommands, and turns errors into one line and an exit status.

Exit status: 0 success; 1 something failed, and a line says what; 2 the command was not understood; 130 stopped by
Ctrl-C, 143 by SIGTERM, 129 by SIGHUP. The module of a command is imported only when it is called, so that `daguerre
--help` answers at once.
"""

import difflib
import importlib
import logging
import os
import shutil
import signal
import sys
from collections.abc import Sequence

from daguerre._version import __version__
from daguerre.cli.streams import complain_plainly, give_up, open_streams, show
from daguerre.errors import Cancelled, DaguerreError
from daguerre.problems import problem_in
from daguerre.signals import Ended, ending, ending_at_once, heard, stop_listening

__all__ = ["main"]

COMMANDS = {
    "restore": "restore old photographs",
    "upscale": "upscale pictures",
    "stylize": "transfer the style of other pictures to photographs",
    "faces": "detect faces and refine their detail",
    "scratches": "detect scratches and other damage, as a mask to view and edit",
    "run": "run several of these as a pipeline",
    "web": "open a page in the browser that does all this",
    "status": "tell how far the work on a folder is, and report on it",
    "age": "age new photographs, to try restoration on",
    "explain": "say in plain words what was done to a picture",
    "verify": "make a result again from its original, and compare",
    "models": "list, fetch, import and verify networks",
    "train": "train a network from a recipe",
    "evaluate": "measure the quality of results",
}

HELP = f"""\
Daguerre {__version__}: restore old photographs, upscale pictures, transfer styles,
singly or as a pipeline, on any computer, at any size.

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

`daguerre COMMAND --help` explains a command; `daguerre --version` prints the
version. With --debug, a failing command shows a traceback.
"""


NARROWEST = 40
"""Minimum width of the help in columns; a narrower terminal wraps the lines. In one column rich would never end."""

LEAST_MEMORY = 700 << 20
"""Address space below which libraries crash the process while loading, which cannot be caught; measured."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    Args:
        arguments: the words after `daguerre`; by default those of the process.
    """
    open_streams()
    words = list(sys.argv[1:] if arguments is None else arguments)
    logging.getLogger("daguerre").setLevel(logging.DEBUG if "--debug" in words else logging.WARNING)
    with ending():
        status = attempt([word for word in words if word != "--debug"])
    if arguments is None:
        stop_listening()  # the work is over; Python's cleanup must not be interrupted
    return status


def attempt(words: Sequence[str]) -> int:
    """Run one command; errors are reported in one line."""
    try:
        status = dispatch(words)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt as stopped:
        return stopped_by(stopped.signal if isinstance(stopped, Ended) else signal.SIGINT)
    except BrokenPipeError:
        # The reader has closed our output (`daguerre models | head`), which is not an error.
        give_up(sys.stdout)
        return 0
    except Exception as error:
        if heard:  # C code turned the signal's exception into another
            return stopped_by(heard[0])
        complain_plainly(lost_output() or problem_in(error))
        return 128 + signal.SIGINT if isinstance(error, Cancelled) else 1


def stopped_by(number: int) -> int:
    """Report that a signal stopped the command; returns the exit status."""
    complain_plainly("stopped; nothing half-made was left behind")
    return 128 + number


def dispatch(words: Sequence[str]) -> int:
    """Print the help, or call the module of the requested command."""
    if not words or words[0] in ("-h", "--help", "help"):
        show(HELP.rstrip())
        return 0 if words else 2
    if words[0] == "--version":
        show(f"daguerre {__version__}")
        return 0
    if any("\0" in word for word in words):
        raise DaguerreError("no name or value can hold a zero byte")
    if words[0] in COMMANDS:
        prepare()
        with ending_at_once(stopped_by):
            module = importlib.import_module(f"daguerre.cli.{words[0]}")
        return int(module.run(words[1:]))
    close = difflib.get_close_matches(words[0], COMMANDS, n=1)
    meant = close[0] if close else f"upscale {words[0]}" if os.path.exists(words[0]) else None
    hint = f"; did you mean `daguerre {meant}`?" if meant else "; `daguerre --help` lists the commands"
    complain_plainly(f"no command {words[0]!r}{hint}")
    return 2


def lost_output() -> str:
    """Message if standard output cannot be written; empty if it can."""
    try:
        sys.stdout.flush()
    except OSError as error:
        give_up(sys.stdout)
        return f"cannot write to standard output ({error.strerror})"
    return ""


def prepare() -> None:
    """Set up what all commands need: the folder for temporary files, the width of the help, warnings in the log.

    Raises:
        DaguerreError: TMPDIR is unusable, or the memory limit is below what the libraries need.
    """
    if (allowed := memory_allowed()) < LEAST_MEMORY:
        told = f"only {allowed >> 20} MiB of memory may be used (`ulimit -v`), but {LEAST_MEMORY >> 20} are needed"
        raise DaguerreError(f"{told}, more for large pictures; allow more")
    from daguerre.cli.terminal import Lines

    if shutil.get_terminal_size().columns < NARROWEST:
        os.environ["COLUMNS"] = str(NARROWEST)
    logging.basicConfig(handlers=[Lines()], level=logging.WARNING)
    # Large pictures are unpacked into temporary files, and /tmp is in memory on many systems.
    folder = os.environ.get("TMPDIR")
    if folder is None and os.access("/var/tmp", os.W_OK):
        os.environ["TMPDIR"] = "/var/tmp"
    elif folder and not (os.path.isdir(folder) and os.access(folder, os.W_OK)):
        raise DaguerreError(f"TMPDIR is {folder}, no folder that can be written to; set it to one for temporary files")


def memory_allowed() -> int:
    """Bytes of address space that this process may use."""
    try:
        import resource
    except ImportError:  # Windows
        return sys.maxsize
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return sys.maxsize if limit == resource.RLIM_INFINITY else limit


if __name__ == "__main__":
    sys.exit(main())
