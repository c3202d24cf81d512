"""Arrays for pictures of any size: in memory while there is room, in temporary files beyond."""

import mmap
import os
import tempfile
import threading
import weakref

import numpy as np

from daguerre.errors import UnwritablePicture
from daguerre.images.pixels import Levels

__all__ = ["blank", "touch"]

MEMORY_LIMIT = 128 * 2**20
"""Most bytes of memory for all living arrays together."""

RESIDENT_LIMIT = 64 * 2**20
"""Bytes of an array on disk that may be resident in memory before its pages are released."""


class Room:
    """Counts the bytes of living arrays."""

    def __init__(self) -> None:
        self.taken = 0
        self.lock = threading.Lock()

    def take(self, size: int) -> bool:
        """Reserve `size` bytes if there is room; returns whether."""
        with self.lock:
            if self.taken + size > MEMORY_LIMIT:
                return False
            self.taken += size
            return True

    def give(self, size: int) -> None:
        with self.lock:
            self.taken -= size


room = Room()


def blank(shape: tuple[int, int, int], bits: int) -> Levels:
    """Zeros (H, W, channels), on disk if there is no room for them in memory.

    The file has no name, so that nothing is left behind whatever happens. It is in the folder given by the environment
    variable TMPDIR.

    Raises:
        UnwritablePicture: the disk is full too.
    """
    kind = np.uint8 if bits == 8 else np.uint16
    size = int(np.prod(shape, dtype=np.int64)) * (bits // 8)
    if room.take(size):
        array = np.zeros(shape, kind)
        weakref.finalize(array, room.give, size)
        return array
    try:
        with tempfile.TemporaryFile(prefix="daguerre-") as file:
            # Reserve now: on a full disk, writing into a sparse mapped file would crash the program.
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            return np.memmap(file, kind, mode="w+", shape=shape)
    except OSError as error:
        folder = tempfile.gettempdir()
        raise UnwritablePicture(
            f"no room for {size / 2**30:.1f} GiB in {folder} ({error.strerror}); set TMPDIR to a folder with more"
        ) from error


def touch(array: Levels, size: int) -> None:
    """Record that `size` bytes of an array were accessed; now and then its pages on disk are released.

    They stay in the system's cache and on disk, and are loaded again on access.
    """
    pages = getattr(array, "_mmap", None)
    if not isinstance(pages, mmap.mmap) or not hasattr(mmap, "MADV_DONTNEED"):
        return
    touched = getattr(array, "touched", 0) + size
    if touched > RESIDENT_LIMIT:
        pages.madvise(mmap.MADV_DONTNEED)
        touched = 0
    array.touched = touched  # type: ignore[attr-defined]
