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
