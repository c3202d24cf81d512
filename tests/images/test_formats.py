from pathlib import Path

import pytest

from daguerre.errors import UnwritablePicture
from daguerre.images import READABLE, WRITABLE
from daguerre.images.formats import format_for, recognise

HEADS = {
    "JPEG": b"\xff\xd8\xff\xe0",
    "PNG": b"\x89PNG\r\n\x1a\n",
    "TIFF": b"MM\0+",
    "WebP": b"RIFF1234WEBPVP8 ",
    "GIF": b"GIF87a",
    "BMP": b"BM",
    "AVIF": b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf",
    "HEIC": b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf",
}


@pytest.mark.parametrize("name", HEADS)
def test_formats_are_told_by_their_first_bytes(name):
    assert recognise(HEADS[name]).name == name


@pytest.mark.parametrize("head", [b"", b"hello", b"RIFF1234WAVE", b"%PDF-1.7", b"GIF88a"])
def test_what_is_no_picture_is_not_taken_for_one(head):
    assert recognise(head) is None


def test_every_writable_ending_has_its_format():
    assert WRITABLE < READABLE
    for suffix in WRITABLE:
        assert suffix in format_for(Path("x" + suffix.upper())).suffixes


@pytest.mark.parametrize("name", ["photo.heic", "photo.xyz", "photo.psd"])
def test_endings_that_are_not_written_are_named_with_those_that_are(name):
    with pytest.raises(UnwritablePicture, match=r"does not write \.\w+ files; it writes .*\.jpg.*\.tif"):
        format_for(Path(name))


def test_a_name_without_extension_is_refused():
    with pytest.raises(UnwritablePicture, match="no extension"):
        format_for(Path("photo"))
