"""Read single members of a zip archive, local or on a server, without unpacking or fetching the rest."""

import bisect
import contextlib
import io
import lzma
import shutil
import zipfile
import zlib
from pathlib import Path
from typing import Any, BinaryIO, cast

import requests

from daguerre.errors import WeightsDamaged
from daguerre.weights.web import LARGEST, get

__all__ = ["NoRanges", "RemoteFile", "extract", "find_member", "opened", "span"]

TAIL = 1 << 16  # bytes fetched at once from the end of a remote file, where a zip archive has its directory
EXPANSION = 8
"""Largest expansion of weights in an archive; floats hardly compress."""
SLACK = 1 << 20  # bytes allowed in addition
DAMAGE = (zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError, RuntimeError)
"""Raised when reading a zip archive that is damaged, encrypted, or compressed in an unknown way."""
MOST = 1 << 26  # bytes read from a server at once into memory; an archive's directory is far smaller


class NoRanges(Exception):
    """The server does not support ranges."""


class RemoteFile(io.RawIOBase):
    """A seekable file on a server; each read is a request, except for cached bytes.

    Raises:
        NoRanges: the server does not support ranges.
        WeightsDamaged: the file is larger than any archive of weights.
        requests.RequestException: no connection, or no such file.
    """

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url, self.position = url, 0
        # The size is requested first, because some servers do not support ranges counted from the end.
        with contextlib.closing(get(url, 0, 1)) as answer:
            size = answer.headers.get("Content-Range", "").rpartition("/")[2]
            if answer.status_code != requests.codes.partial_content or not size.isdecimal():
                raise NoRanges(url)
        self.size = int(size)
        if self.size > LARGEST:
            raise WeightsDamaged(f"{url} has {self.size / 2**30:.0f} GiB, more than any archive of weights")
        self.held: list[tuple[int, int, BinaryIO]] = []
        start = max(self.size - TAIL, 0)
        self.hold(start, self.size, io.BytesIO(self.fetch(start, self.size)))

    def hold(self, start: int, stop: int, source: BinaryIO) -> None:
        """From now on, read bytes `start` to `stop` from `source`, which begins with them."""
        self.held.append((start, stop, source))

    def fetch(self, start: int, stop: int) -> bytes:
        if stop - start > MOST:
            raise WeightsDamaged(
                f"{self.url} is no archive of weights: it lists {(stop - start) / 2**20:.0f} MiB of names"
            )
        with contextlib.closing(get(self.url, start, stop)) as answer:
            if answer.status_code != requests.codes.partial_content:
                raise NoRanges(self.url)
            return b"".join(answer.iter_content(stop - start))[: stop - start]

    def readinto(self, buffer: Any) -> int:
        stop = min(self.position + len(buffer), self.size)
        if stop <= self.position:
            return 0
        for first, last, source in self.held:
            if first <= self.position < last:
                source.seek(self.position - first)
                data = source.read(min(stop, last) - self.position)
                break
        else:
            data = self.fetch(self.position, stop)
        buffer[: len(data)] = data
        self.position += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self.position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.position, io.SEEK_END: self.size}[whence]
        return self.position

    def tell(self) -> int:
        return self.position

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True


def opened(source: Path | RemoteFile) -> zipfile.ZipFile:
    """Open a zip archive, reading only its directory.

    Raises:
        WeightsDamaged: not a zip archive, or truncated.
    """
    try:
        return zipfile.ZipFile(source if isinstance(source, Path) else cast(BinaryIO, source))
    except DAMAGE as error:
        place = source.url if isinstance(source, RemoteFile) else source
        raise WeightsDamaged(f"{place} is no whole zip archive ({error}); get it again") from error


def find_member(archive: zipfile.ZipFile, ending: str) -> zipfile.ZipInfo | None:
    """The file in an archive whose path ends with `ending`, by whole names; None if there is none."""
    for info in archive.infolist():
        if f"/{info.filename}".replace("\\", "/").endswith(f"/{ending}"):
            return info
    return None


def span(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> tuple[int, int]:
    """First byte and end of the part of an archive that is needed to read one of its files."""
    starts = sorted([*(other.header_offset for other in archive.infolist()), archive.start_dir])
    return info.header_offset, starts[bisect.bisect_right(starts, info.header_offset)]


def extract(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> None:
    """Unpack one file of an archive and check its CRC-32.

    Raises:
        WeightsDamaged: the CRC-32 differs, the compression is not supported, or the file expands too much.
    """
    if info.file_size > EXPANSION * info.compress_size + SLACK:
        raise WeightsDamaged(
            f"{info.filename} would unpack from {info.compress_size / 2**20:.1f} to {info.file_size / 2**20:.0f} MiB, "
            "as no weights do; get the archive from its authors"
        )
    try:
        with archive.open(info) as source, path.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
    except DAMAGE as error:
        place = f"{info.filename} in {archive.filename}" if archive.filename else info.filename
        raise WeightsDamaged(f"{place} cannot be unpacked ({error or 'it ends too early'}); get it again") from error
