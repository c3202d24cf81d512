"""The picture formats: how a file is recognised, and what each format can hold."""

from dataclasses import dataclass
from pathlib import Path

from daguerre.errors import UnwritablePicture

__all__ = ["READABLE", "WRITABLE", "Format", "format_for", "recognise"]


@dataclass(frozen=True, kw_only=True)
class Format:
    """What one file format can hold.

    Args:
        name: as people know it.
        suffixes: file name endings, lower case.
        bits: most bits a channel that pictures are saved with.
        grey: whether one-channel pictures stay one channel.
        alpha, profile, metadata: whether transparency, an ICC profile, and EXIF and XMP have a place in it.
        side: largest height or width in pixels that can be saved.
    """

    name: str
    suffixes: tuple[str, ...]
    bits: int = 8
    grey: bool = False
    alpha: bool = True
    profile: bool = True
    metadata: bool = True
    side: int = 10_000_000


JPEG = Format(name="JPEG", suffixes=(".jpg", ".jpeg", ".jpe", ".jfif"), grey=True, alpha=False, side=65_500)
PNG = Format(name="PNG", suffixes=(".png",), bits=16, grey=True)
TIFF = Format(name="TIFF", suffixes=(".tif", ".tiff"), bits=16, grey=True)
WEBP = Format(name="WebP", suffixes=(".webp",), side=16_383)
# libvips writes at most 12 bits a channel into AVIF; they are read back as 16.
AVIF = Format(name="AVIF", suffixes=(".avif",), bits=16, side=16_384)
GIF = Format(name="GIF", suffixes=(".gif",), profile=False, metadata=False, side=65_535)
BMP = Format(name="BMP", suffixes=(".bmp", ".dib"), grey=True, alpha=False, profile=False, metadata=False)
# Read by an optional extra; never written.
HEIC = Format(name="HEIC", suffixes=(".heic", ".heif", ".hif"))

FORMATS = (JPEG, PNG, TIFF, WEBP, AVIF, GIF, BMP, HEIC)

READABLE = frozenset(suffix for format in FORMATS for suffix in format.suffixes)
"""Endings of files worth opening in a folder; what a file is, its contents say."""

WRITABLE = READABLE - frozenset(HEIC.suffixes)
"""Endings that a result may have."""


def recognise(head: bytes) -> Format | None:
    """Tell a format from the first bytes of a file (32 or more), whatever its name says; `None` if it is no picture."""
    if head.startswith(b"\xff\xd8\xff"):
        return JPEG
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):  # the plus is BigTIFF
        return TIFF
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return WEBP
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return GIF
    if head[:2] == b"BM":
        return BMP
    if head[4:8] == b"ftyp":  # one container for both; the brands tell who compressed the pixels
        return AVIF if b"avif" in head[8:32] else HEIC
    return None


def format_for(path: Path) -> Format:
    """Format to save `path` in, from its extension.

    Raises:
        UnwritablePicture: no extension, or none that is known.
    """
    suffix = path.suffix.lower()
    known = ", ".join(sorted(WRITABLE))
    if not suffix:
        raise UnwritablePicture(f"{path} has no extension that says which format to save in; add one of {known}")
    if suffix not in WRITABLE:
        raise UnwritablePicture(f"cannot save {path}: daguerre does not write {suffix} files; it writes {known}")
    return next(format for format in FORMATS if suffix in format.suffixes)
