"""Which pictures are refused: too large, dishonest about their size, or no photographs."""

from pathlib import Path

from daguerre.errors import UnreadablePicture
from daguerre.images.formats import AVIF, BMP, GIF, HEIC, JPEG, JPEG_2000, JPEG_XL, WEBP, Format
from daguerre.images.source import Source
from daguerre.images.vips import pyvips

__all__ = ["check_kind", "check_size", "to_unpack", "to_unpack_whole"]

LARGE = 250_000_000
"""Pixels from which on a file must be large, too: decoded, that many take 1.5 GB of disk at 16 bits."""

PIXELS_PER_BYTE = 1000
"""A large picture that claims more of them is a trap: an evenly white RGB picture stays below 350 in PNG."""

LARGEST = 4_000_000_000
"""Most pixels of any picture unless somebody asks for more: 63,000 x 63,000."""

UNPACKED = {WEBP: 5, AVIF: 13, HEIC: 13, GIF: 2, BMP: 6, JPEG_XL: 13, JPEG_2000: 13}
"""Bytes of memory that a pixel takes besides its own where a whole picture is unpacked at once; measured with 64 and
225 megapixels of 8 and 12 bits, with and without alpha; guessed for the last two, which this libvips does not read."""

ROWS = 730
"""Rows that libvips keeps in memory while it unpacks all other pictures, measured with rows of 0.06 to 1.2 MB."""

MEMORY = 1.25 * 2**30
"""Bytes of memory that unpacking may take unless somebody says that it may take more."""


def check_size(source: Source, width: int, height: int, *, size: int, memory: float) -> None:
    """Refuse a picture with more pixels than allowed, than so small a file can honestly have, or than memory holds.

    Args:
        size: of the file, in bytes.
        memory: bytes that it takes to unpack, as `to_unpack` has it.
    """
    pixels, allowed = width * height, source.max_pixels
    has, way_out = f"{width} x {height} pixels", f"; if you trust it, allow it with --max-pixels {width * height}"
    if allowed is None and pixels > max(LARGE, size * PIXELS_PER_BYTE):
        claim = f"{source.path} claims {has} in only {size:,} bytes, as files made to do harm do"
        raise UnreadablePicture(claim + way_out)
    if pixels > (allowed or LARGEST):
        raise UnreadablePicture(f"{source.path} has {has}, more than the {allowed or LARGEST:,} allowed{way_out}")
    if allowed is None and memory > MEMORY:
        needs = f"which take {memory / 2**30:.1f} GiB of memory to unpack"
        raise UnreadablePicture(f"{source.path} has {has}, {needs}{way_out}")


def to_unpack(image: pyvips.Image, format: Format) -> float:
    """Bytes of memory that it takes to unpack a picture."""
    pixel = image.bands * (2 if image.format == "ushort" else 1)
    if format in UNPACKED:
        return to_unpack_whole(image.width, image.height, pixel, format)
    if image.get_typeof("interlaced"):  # all its passes are kept
        return float(image.width * image.height * pixel * (2 if format is JPEG else 1))
    if image.get_typeof("tile-width"):
        return 0
    return float(min(2 * image.height, ROWS) * image.width * pixel)


def to_unpack_whole(width: int, height: int, pixel: int, format: Format) -> float:
    """The same where the whole picture is unpacked at once, of `pixel` bytes for a pixel."""
    return float(width * height * (UNPACKED[format] + pixel))


def check_kind(path: Path, image: pyvips.Image) -> None:
    """Refuse numbers and channels that are not those of a photograph."""
    if image.format not in ("uchar", "ushort"):
        raise UnreadablePicture(f"{path} holds {image.format} numbers; save it with 8 or 16 bits per channel")
    colours = {"b-w": 1, "grey16": 1, "srgb": 3, "rgb": 3, "rgb16": 3, "cmyk": 4}.get(image.interpretation)
    if colours is None or image.bands - colours not in (0, 1):
        kind = f"{image.bands} channels of kind {image.interpretation!r}"
        raise UnreadablePicture(f"{path} has {kind}; save it as grey, RGB or CMYK, with one alpha channel at most")
