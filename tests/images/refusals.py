"""Files that claim too much, and how a picture must be refused."""

import struct
import zlib

import pytest

from daguerre.errors import UnreadablePicture
from daguerre.images import Picture


def png_claiming(width, height, data=b"\0" * 1000):
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def refused(path, match, **options):
    with pytest.raises(UnreadablePicture, match=match) as caught:
        Picture.open(path, **options).read()
    message = str(caught.value)
    assert path.name in message
    assert "\n" not in message


def tiff(compression=1, bits=8, extra=(), data=bytes(64)):
    """A TIFF file of 8 x 8 grey pixels, all of whose tags but `extra` are short numbers."""
    entries = [(0x100, 3, 8), (0x101, 3, 8), (0x102, 3, bits), (0x103, 3, compression), (0x106, 3, 1), (0x111, 4, 8)]
    entries = sorted([*entries, (0x115, 3, 1), (0x116, 3, 8), (0x117, 4, len(data)), *extra])
    fields = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + struct.pack("<H", len(entries)) + fields + bytes(4)
