"""Single files out of a published zip archive, here or on a server, without unpacking or fetching the rest."""

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

TAIL = 1 << 16  # bytes at the end of a remote file fetched at once: there a zip archive lists what it holds
EXPANSION = 8
"""Times that weights in an archive may grow when they are unpacked; floats hardly shrink."""
SLACK = 1 << 20  # bytes that they may grow beside
DAMAGE = (zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError, RuntimeError)
"""What reading a damaged zip archive, or one that is encrypted or packed in an unknown way, raises."""
MOST = 1 << 26  # bytes read from a server at once, into memory: what an archive lists is far less


class NoRanges(Exception):
    """A server that sends files only whole."""


class RemoteFile(io.RawIOBase):
    """A file on a server, of which any bytes can be read; each read is a request, but for bytes already held.

    Raises:
        NoRanges: the server sends the file only whole.
        WeightsDamaged: it is larger than any archive of weights.
        requests.RequestException: no connection, or no such file.
    """

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url, self.position = url, 0
        # The size is asked for first because some servers know no ranges counted from the end.
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
        """Read bytes `start` to `stop` from `source`, where they are the first ones, from now on."""
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
    """A zip archive, of which only the list of what it holds has been read.

    Raises:
        WeightsDamaged: no zip archive, or truncated.
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
    """First byte and end of the part of an archive that has to be there for reading one of its files."""
    starts = sorted([*(other.header_offset for other in archive.infolist()), archive.start_dir])
    return info.header_offset, starts[bisect.bisect_right(starts, info.header_offset)]


def extract(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> None:
    """Unpack one file of an archive; that its bytes are those which were packed, a CRC-32 tells.

    Raises:
        WeightsDamaged: they are not, or are packed in a way that is not understood, or are far more than was packed.
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
