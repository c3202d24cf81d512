"""Safe printing for every command, even before rich is loaded.

File names come from anywhere. Everything printed is escaped, so that no name can control the terminal or begin a line
of its own; and a terminal that is full or gone does not stop the work.
"""

import contextlib
import io
import os
import sys
from typing import IO, Any

from daguerre.errors import DaguerreError

__all__ = ["complain_plainly", "give_up", "open_streams", "printable", "show"]

STEERING = (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""Characters that move the cursor, color, ring, begin lines or turn the direction of writing."""

ESCAPES = {code: f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" for code in STEERING}
ESCAPES |= {ord("\n"): "\\n", ord("\t"): "\\t", ord("\r"): "\\r"}
ESCAPES |= {0xDC00 + byte: f"\\x{byte:02x}" for byte in range(0x80, 0x100)}  # bytes that are not UTF-8


def printable(text: str) -> str:
    r"""A text as one harmless line: an escape character becomes `\x1b`, a new line `\n`."""
    return text.translate(ESCAPES)


def open_streams() -> None:
    """Open closed streams (`>&-`) to the null device, and print characters that the encoding lacks as escapes.

    If they stayed closed, the next opened file would get their descriptor, and libraries would print into it.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            with contextlib.suppress(OSError):
                nowhere = os.open(os.devnull, os.O_RDWR)
                if nowhere != number:
                    os.dup2(nowhere, number)
                    os.close(nowhere)
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - open until the end
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def give_up(stream: IO[Any]) -> None:
    """Discard what a stream has buffered and anything written to it later."""
    with contextlib.suppress(OSError, ValueError):  # as in tests, where it is not a file
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def show(text: str) -> None:
    """Print on standard output.

    Raises:
        DaguerreError: it cannot be written, for example on a full disk.
        BrokenPipeError: its reader has closed it.
    """
    try:
        print(text, flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        give_up(sys.stdout)
        raise DaguerreError(f"cannot write to standard output ({error.strerror})") from error


def complain_plainly(problem: str) -> None:
    """Print an error message, if standard error can be written."""
    try:
        print(f"daguerre: {printable(problem)}", file=sys.stderr, flush=True)
    except OSError:
        give_up(sys.stderr)
