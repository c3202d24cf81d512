"""Sources of pictures: files, or bytes in memory."""

import hashlib
import io
import math
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from daguerre.errors import UnreadablePicture
from daguerre.files import open_regular
from daguerre.images.vips import pyvips
from daguerre.options import check_range

__all__ = ["Source"]


@dataclass(frozen=True, kw_only=True)
class Source:
    """The source of a picture, and the page to read.

    Args:
        path: the file, or a name for the bytes.
        data: its bytes, if in memory.
        max_pixels: refuse larger pictures; `None` means 4 gigapixels, or less if decoding takes much memory or the file
            is small: from a quarter of a gigapixel on it needs at least one byte per thousand pixels.
        page: number of the page or frame, from 1; `None` means the first, with a line if there are others.
        whole: whether this is an original file, not one made from pixels along the way.

    Raises:
        OptionError: `max_pixels` or `page` is less than 1.
    """

    path: Path
    data: bytes | None = None
    max_pixels: int | None = None
    page: int | None = None
    whole: bool = True

    def __post_init__(self) -> None:
        check_range("max_pixels", self.max_pixels, 1, math.inf)
        check_range("page", self.page, 1, math.inf)

    def open(self) -> BinaryIO:
        """The file, or the bytes, to read from.

        Raises:
            UnreadablePicture: there is no such file, or it is not readable.
        """
        if self.data is not None:
            return io.BytesIO(self.data)
        try:
            return open_regular(self.path)
        except FileNotFoundError as error:
            raise UnreadablePicture(f"there is no file {self.path}; check its name and folder") from error
        except IsADirectoryError as error:
            raise UnreadablePicture(f"{self.path} is a folder, not a picture") from error
        except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
            reason = error.strerror if isinstance(error, OSError) else error
            raise UnreadablePicture(f"cannot open {self.path}: {reason}") from error

    def look(self) -> tuple[int, bytes]:
        """Size of the file in bytes, and its first bytes."""
        with self.open() as file:
            head, size = file.read(2048), file.seek(0, io.SEEK_END)
        if not head:
            raise UnreadablePicture(f"{self.path} is empty (0 bytes); copy it again from where it came")
        return size, head

    def sha256(self) -> str:
        """SHA-256 of its bytes, in hexadecimal digits."""
        with self.open() as file:
            return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]

    def load(self, loader: str, **options: Any) -> pyvips.Image:
        """Open it in libvips. A loader called explicitly takes `photo[1].jpg` as a name, not as options."""
        if self.data is not None:
            return pyvips.Operation.call(loader + "_buffer", self.data, access="random", **options)
        return pyvips.Operation.call(loader, os.fsencode(self.path), access="random", **options)

    def absolute(self) -> "Source":
        """The same with an absolute path, for a process in another folder."""
        return self if self.data is not None else replace(self, path=self.path.absolute())
