"""Tables, plots and other small files: written whole or not at all, and nothing replaced unasked."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from daguerre.errors import OutputExists, UnwritablePicture

__all__ = ["check_free", "part", "whole"]


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
    if path.is_dir():
        raise UnwritablePicture(f"{path} is a folder; name a file in it")
    if path.exists() and not overwrite:
        raise OutputExists(f"{path} exists already; name another file, or add --overwrite")
    if not path.parent.is_dir():
        raise UnwritablePicture(f"there is no folder {path.parent} to write {path.name} in; make it first")


@contextmanager
def part(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """A name in the same folder to write to; it becomes `path` when all went well, and is gone when not.

    Raises:
        OutputExists: somebody else was faster, and `overwrite` was not asked for.
        OSError: the system refuses.
    """
    name = path.with_name(f".{secrets.token_hex(8)}.part{path.suffix}")
    try:
        yield name
        if not overwrite and path.exists():
            raise OutputExists(f"{path} exists already; name another file, or add --overwrite")
        name.replace(path)
    finally:
        name.unlink(missing_ok=True)


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
