"""Files are read with care and written completely or not at all; nothing is replaced unless requested."""

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
"""Pattern of the names of partial files."""


def check_regular(path: Path) -> None:
    """Make sure that a path leads to a regular file, not to a folder, a named pipe or a device.

    Raises:
        OSError: it does not, or does not exist.
    """
    open_regular(path).close()


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file for reading (see `check_regular`); reading a pipe could block forever.

    Raises:
        OSError: it is not a regular file, or does not exist.
        ValueError: the name contains a null character.
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
    """Contents of a file that should be small.

    Args:
        limit: maximum size in bytes.

    Raises:
        OSError: it is larger, not a regular file, or cannot be read.
    """
    with open_regular(path) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"it has more than {limit:,} bytes", str(path))
    return data


def same_file(first: Path, second: Path) -> bool:
    """Whether two names mean the same file, also through links or by case on a case-insensitive disk.

    For files that do not exist yet: whether one would replace the other.
    """
    with suppress(OSError):
        return first.samefile(second)
    return os.path.realpath(first) == os.path.realpath(second)


def check_free(path: Path, ending: str = "", *, overwrite: bool = False) -> None:
    """Make sure, before any work is done, that a file can be written to `path`.

    Args:
        ending: required suffix of its name, such as `.csv`; any by default.

    Raises:
        OutputExists: the file exists, and `overwrite` is false.
        UnwritablePicture: another suffix, or no such folder.
    """
    if path.suffix.lower() != (ending or path.suffix.lower()):
        raise UnwritablePicture(f"{path} does not end in {ending}; name it so")
    if check_name(path) and not overwrite:
        raise OutputExists(f"{path} exists already; name another file, or add --overwrite")
    if not path.parent.is_dir():
        raise UnwritablePicture(f"there is no folder {path.parent} to write {path.name} in; make it first")


def check_name(path: Path) -> bool:
    """Make sure that a file may have this name; returns whether it exists.

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
    """A temporary name in the same folder to write to; it becomes `path` on success and is deleted on failure.

    The file is flushed to disk before it is renamed. Leftovers of killed processes in the folder are removed.

    Raises:
        OutputExists: another process was faster, and `overwrite` is false.
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
                os.close(lock)  # Windows cannot rename an open file
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
    """A new file beside `path`, and a descriptor with a lock on it, held as long as its writer lives."""
    while True:
        name = path.with_name(f".{secrets.token_hex(8)}.daguerre-part{path.suffix}")
        lock = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        hold(lock)
        if sys.platform == "win32" or os.fstat(lock).st_nlink:
            return name, lock
        os.close(lock)  # another process removed it before it was locked


def hold(descriptor: int, *, wait: bool = True) -> bool:
    """Lock an open file; returns whether that worked. Where files cannot be locked, leftovers are never removed."""
    if sys.platform == "win32":
        return False  # Windows cannot remove a file that another process has open
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return False
    return True


@cache
def sweep(folder: Path) -> None:
    """Remove the leftovers of killed processes from a folder, once per folder."""
    with suppress(OSError):
        for entry in os.scandir(folder):
            if PART.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                discard(Path(entry.path))


def discard(leftover: Path) -> None:
    """Remove a partial file, unless its writer is alive."""
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
    """Flush a file, or the entries of a folder, to disk."""
    if path.is_dir() and sys.platform == "win32":
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a file system without it
            raise
    finally:
        os.close(descriptor)


@contextmanager
def whole(path: Path, *, overwrite: bool = True) -> Iterator[Path]:
    """Like `part`, but with errors as one line for people.

    Raises:
        OutputExists: as in `part`.
        UnwritablePicture: the system refuses.
    """
    try:
        with part(path, overwrite=overwrite) as name:
            yield name
    except OSError as error:
        raise UnwritablePicture(f"cannot write {path} ({error.strerror or error}); name another file") from error
