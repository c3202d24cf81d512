"""Pictures from standard input and to standard output (`-`).

Both go through files in a private folder that is deleted when the program ends: pictures are read in random order and
need not fit in memory.
"""

import atexit
import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

from daguerre.errors import OptionError, UnreadablePicture, UnwritablePicture
from daguerre.files import hold
from daguerre.images.formats import recognise

__all__ = ["STANDARD", "check_output", "deliver", "passing", "receive"]

STANDARD = Path("-")
INPUT = "standard input"
PASSING = "daguerre-passing-"  # prefix of the folders' names


def passing() -> Path:
    """A folder for what passes through; those left by killed processes are removed."""
    sweep()
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PASSING))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        if sys.platform == "win32":
            return folder
        hold(os.open(folder, os.O_RDONLY))  # as long as this process lives
        if folder.exists():  # and no other process removed it before it was locked
            return folder


def sweep() -> None:
    """Remove the folders of processes that no longer run."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PASSING}*") if sys.platform != "win32" else ():
        with contextlib.suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY)
            try:
                if hold(descriptor, wait=False):
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(descriptor)


def receive() -> Path:
    """Standard input as a file, with the suffix of its format.

    Raises:
        OptionError: standard input is a terminal.
        UnreadablePicture: it cannot be read, or the disk is full.
    """
    if sys.stdin.isatty():
        raise OptionError("- reads the picture from standard input, which is a terminal; give it one: - < photo.jpg")
    folder = passing()
    path = folder / INPUT
    try:
        with path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        with path.open("rb") as file:
            format = recognise(file.read(64))
    except OSError as error:
        raise UnreadablePicture(f"cannot keep standard input in {folder} ({error.strerror})") from error
    return path.rename(path.with_suffix(format.suffixes[0])) if format else path


def check_output() -> None:
    """Make sure, before any work is done, that a picture can be sent to standard output.

    Raises:
        OptionError: it is a terminal, or closed.
    """
    if sys.stdout.isatty():
        raise OptionError("a terminal shows no pictures; send standard output somewhere: -o - > result.jpg")
    if getattr(sys.stdout, "name", "") == os.devnull:  # where it was closed, as `main` sets it
        raise OptionError("standard output is closed; name a file with -o")


def deliver(path: Path) -> None:
    """Send a file to standard output.

    Raises:
        UnwritablePicture: its reader has closed it, or the disk is full.
    """
    try:
        with path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    except OSError as error:
        raise UnwritablePicture(f"cannot write to standard output ({error.strerror})") from error
