"""Picture formats: recognition by content, and what each can hold."""

import re
from dataclasses import dataclass
from pathlib import Path

from daguerre.errors import UnwritablePicture

__all__ = ["READABLE", "WRITABLE", "Format", "foreign", "format_for", "recognise"]


@dataclass(frozen=True, kw_only=True)
class Format:
    """Capabilities of a file format.

    Args:
        name: for messages.
        suffixes: file name suffixes, lower case.
        bits: most bits per channel when saving.
        grey: whether one-channel pictures keep one channel.
        alpha: whether it holds transparency.
        profile, exif, xmp, iptc: largest ICC profile, EXIF, XMP and IPTC records in bytes.
        side: largest height or width in pixels when saving.
        convert: for a format that not every libvips reads, a command that converts it to one that all read.
    """

    name: str
    suffixes: tuple[str, ...]
    bits: int = 8
    grey: bool = False
    alpha: bool = True
    profile: int = 2**24
    exif: int = 64_000  # libexif, which writes it for libvips, is limited to 65,534
    xmp: int = 2**24
    iptc: int = 0
    side: int = 10_000_000
    convert: str = ""


# A JPEG file holds EXIF, IPTC and (as libvips writes it) XMP in one segment each of 65,533 bytes.
JPEG = Format(
    name="JPEG",
    suffixes=(".jpg", ".jpeg", ".jpe", ".jfif"),
    grey=True,
    alpha=False,
    xmp=60_000,
    iptc=65_000,
    side=65_500,
)
PNG = Format(name="PNG", suffixes=(".png",), bits=16, grey=True)
TIFF = Format(name="TIFF", suffixes=(".tif", ".tiff"), bits=16, grey=True, exif=2**24, iptc=2**24)
WEBP = Format(name="WebP", suffixes=(".webp",), side=16_383)
# libvips writes at most 12 bits per channel into AVIF; they are read back as 16.
AVIF = Format(name="AVIF", suffixes=(".avif",), bits=16, side=16_384)
GIF = Format(name="GIF", suffixes=(".gif",), profile=0, exif=0, xmp=0, side=65_535)
BMP = Format(name="BMP", suffixes=(".bmp", ".dib"), grey=True, alpha=False, profile=0, exif=0, xmp=0)
# Read by an optional extra, or by some builds of libvips; never written.
HEIC = Format(name="HEIC", suffixes=(".heic", ".heif", ".hif"))
JPEG_XL = Format(name="JPEG XL", suffixes=(".jxl",), convert="djxl {} out.png")
JPEG_2000 = Format(
    name="JPEG 2000", suffixes=(".jp2", ".j2k", ".jpf", ".jpx", ".j2c"), convert="opj_decompress -i {} -o out.png"
)

FORMATS = (JPEG, PNG, TIFF, WEBP, AVIF, GIF, BMP, HEIC, JPEG_XL, JPEG_2000)

READABLE = frozenset(suffix for format in FORMATS for suffix in format.suffixes)
"""Suffixes of files to open in a folder; the format itself is recognized by content."""

WRITABLE = frozenset(s for format in (JPEG, PNG, TIFF, WEBP, AVIF, GIF, BMP) for s in format.suffixes)
"""Suffixes that a result may have."""

HEVC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
STILLS = dict.fromkeys((b"avif", b"avis"), AVIF) | dict.fromkeys(HEVC_BRANDS, HEIC)
"""Brands of the ISO container (ISO/IEC 14496-12) that are pictures; those that identify the codec come first."""

FOREIGN = (
    (rb"%PDF-", "a PDF document; make pictures of its pages, with: pdftoppm -r 600 -png {} page"),
    (
        rb".{4}ftypcrx |FUJIFILMCCD-RAW|II[RU][\0OS]|MMOR|II\*\0.{4}CR|FOVb",
        "a camera's raw file; develop it into a TIFF or JPEG file first",
    ),
    (
        rb".{4}ftyp|.{4}(moov|mdat|wide|free)|\x1a\x45\xdf\xa3|RIFF.{4}AVI |\0\0\x01[\xb3\xba]",
        "a film; take a picture out of it, with: ffmpeg -i {} -frames:v 1 out.png",
    ),
    (rb"8BPS", "a Photoshop document; save it as TIFF"),
    (rb"gimp xcf", "a GIMP document; export it as TIFF or PNG"),
    (rb"\s*(<\?xml[^>]*>\s*)?(<!--.{,500}?-->\s*|<!DOCTYPE svg[^>]*>\s*)*<svg", "an SVG drawing; export it as PNG"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "a PostScript file; export it as PNG"),
    (
        rb"\s*<(!DOCTYPE )?html",
        "a web page, perhaps one that was saved instead of the picture; save the picture itself",
    ),
    (rb"version https://git-lfs", "a pointer of Git LFS to the picture; fetch it with: git lfs pull"),
    (rb"PK\x03\x04|Rar!|7z\xbc\xaf|\x1f\x8b", "an archive; unpack it first"),
    (
        rb"P[1-7][\s#]|Pf|PF|qoif|\0\0\x01\0|SIMPLE  =|v/1\x01|#\?RADIANCE|.{128}DICM",
        "of a rare kind; convert it, with: magick {} out.png",
    ),
)
"""Other kinds of files: a pattern for their first bytes, and a message."""


def recognise(head: bytes) -> Format | None:
    """Recognize a format from the first bytes of a file (32 or more), not its name; None if it is not a picture."""
    if head.startswith(b"\xff\xd8\xff"):
        return JPEG
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):  # with a plus: BigTIFF
        return TIFF
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return WEBP
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return GIF
    if head[:2] == b"BM":
        return BMP
    if head.startswith((b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")):
        return JPEG_XL
    if head.startswith((b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  \r\n\x87\n")):
        return JPEG_2000
    if head[4:8] == b"ftyp":
        brands = {head[8:12]} | {head[at : at + 4] for at in range(16, min(int.from_bytes(head[:4], "big"), 256), 4)}
        return next((format for brand, format in STILLS.items() if brand in brands), None)
    return None


def foreign(head: bytes) -> str | None:
    """Message about a file of another kind, from its first bytes, with `{}` for its name."""
    return next((what for pattern, what in FOREIGN if re.match(pattern, head, re.DOTALL | re.IGNORECASE)), None)


def format_for(path: Path) -> Format:
    """Format to save `path` in, from its extension.

    Raises:
        UnwritablePicture: no extension, or an unknown one.
    """
    suffix = path.suffix.lower()
    known = ", ".join(sorted(WRITABLE))
    if not suffix:
        raise UnwritablePicture(f"{path} has no extension that says which format to save in; add one of {known}")
    if suffix not in WRITABLE:
        raise UnwritablePicture(f"cannot save {path}: daguerre does not write {suffix} files; it writes {known}")
    return next(format for format in FORMATS if suffix in format.suffixes)
