"""File identity: recognize the same file under different names, so that no input is overwritten."""

import os
import unicodedata
from collections.abc import Hashable, Iterable
from pathlib import Path

__all__ = ["identity", "name_key", "place"]


def identity(path: Path) -> Hashable:
    """A key that identifies a file, whether it exists or not.

    Absolute, through links or linked folders, as a hard link, in another case on a disk that ignores it: all that lead
    to one file have one identity.
    """
    try:
        found = path.stat()
    except (OSError, ValueError):  # not there, out of reach, a loop of links; a zero byte in the name
        return place(path)
    return (found.st_dev, found.st_ino) if found.st_ino else os.path.realpath(path)  # 0: the file system numbers none


def place(path: Path) -> Hashable:
    """A name in a folder, however the folder is spelled; what lies there, or where a link leads, does not count."""
    try:
        folder = path.parent.stat()
        return folder.st_dev, folder.st_ino, path.name
    except (OSError, ValueError):
        return os.path.abspath(path).replace("\0", "")


def name_key(path: Path) -> Hashable:
    """As `place`, for names that some disks take for one: in upper or lower case, with accents joined or apart."""
    return place(path.with_name(unicodedata.normalize("NFC", path.name).casefold()))


def identities(paths: Iterable[Path]) -> set[Hashable]:
    return {identity(path) for path in paths}
