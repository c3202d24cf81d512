"""File identity: recognize the same file under different names, so that no input is overwritten."""

import os
import unicodedata
from collections.abc import Hashable, Iterable
from pathlib import Path

__all__ = ["identity", "name_key", "place"]


def identity(path: Path) -> Hashable:
    """A key that identifies a file, whether it exists or not.

    All paths to one file have the same identity: absolute, through links or linked folders, as a hard link, or in
    another case on a case-insensitive disk.
    """
    try:
        found = path.stat()
    except (OSError, ValueError):  # missing, inaccessible, a loop of links; a null character in the name
        return place(path)
    return (found.st_dev, found.st_ino) if found.st_ino else os.path.realpath(path)  # 0: no inode numbers


def place(path: Path) -> Hashable:
    """A key for a name in a folder, however the folder is spelled; the file there, or a link's target, is ignored."""
    try:
        folder = path.parent.stat()
        return folder.st_dev, folder.st_ino, path.name
    except (OSError, ValueError):
        return os.path.abspath(path).replace("\0", "")


def name_key(path: Path) -> Hashable:
    """Like `place`, but equal for names that some disks equate: by case, or by composed and decomposed accents."""
    return place(path.with_name(unicodedata.normalize("NFC", path.name).casefold()))


def identities(paths: Iterable[Path]) -> set[Hashable]:
    return {identity(path) for path in paths}
