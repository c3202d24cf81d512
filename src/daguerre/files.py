"""Files read with care, and written whole or not at all; nothing is replaced unasked."""

import errno
import os
import re
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from io import BufferedReader
from pathlib import Path

from daguerre.errors import OutputExists, UnwritablePicture
from daguerre.signals import Undisturbed

if sys.platform != "win32":
    import fcntl

__all__ = [
    "check_free",
    "check_name",
    "check_regular",
    "hold",
    "open_regular",
    "part",
    "read_small",
    "same_file",
    "whole",
]

PART = re.compile(r"\.[0-9a-f]{16}\.daguerre-part(\.[^.]*)?")
"""Names of files that are being written."""


def check_regular(path: Path) -> None:
    """Make sure that a path leads to a file with an end: not to a folder, a named pipe or a device.

    Raises:
        OSError: it does not, or nothing is there.
    """
    open_regular(path).close()


def open_regular(path: Path) -> BufferedReader:
    """Open a file for reading, as `check_regular` has it; whoever reads a pipe may wait for ever.

    Raises:
        OSError: it leads elsewhere, or nothing is there.
        ValueError: a name with a zero in it.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder, not a file", str(path))
    raise OSError(errno.EINVAL, f"it is a {kind_of(mode)}, not a file", str(path))


def kind_of(mode: int) -> str:
    return "named pipe" if stat.S_ISFIFO(mode) else "device" if stat.S_ISCHR(mode) or stat.S_ISBLK(mode) else "socket"


def read_small(path: Path, limit: int = 2**20) -> bytes:
    """Contents of a file that is small unless something is wrong with it.

    Args:
        limit: most bytes that it may have.

    Raises:
        OSError: it is larger, no file, or cannot be read.
    """
    with open_regular(path) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"it has more than {limit:,} bytes", str(path))
    return data


def same_file(first: Path, second: Path) -> bool:
    """Whether two names mean one file, also through links, or in another case on a disk that knows none.

    Of files that are not there yet, whether one would replace the other.
    """
    with suppress(OSError):
        return first.samefile(second)
    return os.path.realpath(first) == os.path.realpath(second)


def check_free(path: Path, ending: str = "", *, overwrite: bool = False) -> None:
    """Make sure, before any work is done, that a file can be written as `path`.

    Args:
        ending: what its name must end in, such as `.csv`; anything unless given.

    Raises:
        OutputExists: there is such a file, and `overwrite` was not asked for.
        UnwritablePicture: another ending, or no such folder.
    """
    if path.suffix.lower() != (ending or path.suffix.lower()):
        raise UnwritablePicture(f"{path} does not end in {ending}; name it so")
    if check_name(path) and not overwrite:
        raise OutputExists(f"{path} exists already; name another file, or add --overwrite")
    if not path.parent.is_dir():
        raise UnwritablePicture(f"there is no folder {path.parent} to write {path.name} in; make it first")


def check_name(path: Path) -> bool:
    """Make sure that a file may have this name; whether there is one.

    Raises:
        UnwritablePicture: it is a folder, or the system refuses the name.
    """
    try:
        if path.is_dir():
            raise UnwritablePicture(f"{path} is a folder; name a file in it")
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UnwritablePicture(f"cannot write {path} ({reason}); name another file") from error
    return True


@contextmanager
def part(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """A name in the same folder to write to; it becomes `path` when all went well, and is gone when not.

    The file is on the disk before it gets its name. What killed processes left in the folder is removed.

    Raises:
        OutputExists: somebody else was faster, and `overwrite` was not asked for.
        OSError: the system refuses.
    """
    sweep(path.parent.absolute())
    signals = Undisturbed()
    signals.begin()
    try:
        name, lock = begin(path)
        try:
            signals.end()
            yield name
            flush(name)
            if not overwrite and path.exists():
                raise OutputExists(f"{path} exists already; name another file, or add --overwrite")
            if sys.platform == "win32":
                os.close(lock)  # an open file cannot be renamed there
                lock = -1
            name.replace(path)
            flush(path.parent)
        finally:
            signals.begin()
            if lock >= 0:
                os.close(lock)
            name.unlink(missing_ok=True)
    finally:
        signals.end()


def begin(path: Path) -> tuple[Path, int]:
    """A new file beside `path`, and a descriptor that holds a lock on it: so long as it is held, its writer lives."""
    while True:
        name = path.with_name(f".{secrets.token_hex(8)}.daguerre-part{path.suffix}")
        lock = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        hold(lock)
        if sys.platform == "win32" or os.fstat(lock).st_nlink:
            return name, lock
        os.close(lock)  # somebody swept it away before it was locked


def hold(descriptor: int, *, wait: bool = True) -> bool:
    """Lock an open file; whether that worked. Where files cannot be locked, nobody can, so nothing is swept away."""
    if sys.platform == "win32":
        return False  # nobody can remove a file there that another process has open
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return False
    return True


@cache
def sweep(folder: Path) -> None:
    """Remove what processes that were killed left in a folder; once for each folder."""
    with suppress(OSError):
        for entry in os.scandir(folder):
            if PART.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                discard(Path(entry.path))


def discard(leftover: Path) -> None:
    """Remove a file that was being written, unless its writer lives."""
    with suppress(OSError):
        if sys.platform == "win32":
            leftover.unlink()
            return
        descriptor = os.open(leftover, os.O_RDWR | os.O_NOFOLLOW)
        try:
            if hold(descriptor, wait=False):
                leftover.unlink()
        finally:
            os.close(descriptor)


def flush(path: Path) -> None:
    """Have the system write a file, or the names in a folder, to the disk."""
    if path.is_dir() and sys.platform == "win32":
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a disk that knows no such thing
            raise
    finally:
        os.close(descriptor)


@contextmanager
def whole(path: Path, *, overwrite: bool = True) -> Iterator[Path]:
    """As `part`, for files that people are told about in a line.

    Raises:
        OutputExists: as `part` has it.
        UnwritablePicture: the system refuses.
    """
    try:
        with part(path, overwrite=overwrite) as name:
            yield name
    except OSError as error:
        raise UnwritablePicture(f"cannot write {path} ({error.strerror or error}); name another file") from error
