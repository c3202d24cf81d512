"""Limits: refuse pictures that are too large, likely decompression bombs, or not photographs."""

from pathlib import Path

from daguerre.errors import UnreadablePicture
from daguerre.images.formats import AVIF, BMP, GIF, HEIC, JPEG, JPEG_2000, JPEG_XL, WEBP, Format
from daguerre.images.source import Source
from daguerre.images.vips import pyvips

__all__ = ["check_kind", "check_size", "to_unpack", "to_unpack_whole"]

LARGE_PIXELS = 250_000_000
"""Pixels above which the file must be large too; decoded, they take 1.5 GB of disk at 16 bits."""

PIXELS_PER_BYTE = 1000
"""A large picture with more is a decompression bomb: a plain white RGB picture has less than 350 in PNG."""

MAX_PIXELS = 4_000_000_000
"""Most pixels of a picture by default: 63,000 x 63,000."""

UNPACKED = {WEBP: 5, AVIF: 13, HEIC: 13, GIF: 2, BMP: 6, JPEG_XL: 13, JPEG_2000: 13}
"""Bytes of memory per pixel, besides the pixel itself, where a picture is decoded whole; measured with 64 and
225 megapixels of 8 and 12 bits, with and without alpha; guessed for the last two, which this libvips does not read."""

DECODER_ROWS = 730
"""Rows that libvips keeps in memory while decoding other pictures, measured with rows of 0.06 to 1.2 MB."""

MAX_DECODING_MEMORY = 1.25 * 2**30
"""Most bytes of memory for decoding, by default."""


def check_size(source: Source, width: int, height: int, *, size: int, memory: float) -> None:
    """Refuse a picture with more pixels than allowed, than plausible for the size of the file, or than fit in memory.

    Args:
        size: of the file, in bytes.
        memory: bytes needed to decode it, from `to_unpack`.
    """
    pixels, allowed = width * height, source.max_pixels
    has, way_out = f"{width} x {height} pixels", f"; if you trust it, allow it with --max-pixels {width * height}"
    if allowed is None and pixels > max(LARGE_PIXELS, size * PIXELS_PER_BYTE):
        claim = f"{source.path} claims {has} in only {size:,} bytes, as files made to do harm do"
        raise UnreadablePicture(claim + way_out)
    if pixels > (allowed or MAX_PIXELS):
        raise UnreadablePicture(f"{source.path} has {has}, more than the {allowed or MAX_PIXELS:,} allowed{way_out}")
    if allowed is None and memory > MAX_DECODING_MEMORY:
        needs = f"which take {memory / 2**30:.1f} GiB of memory to unpack"
        raise UnreadablePicture(f"{source.path} has {has}, {needs}{way_out}")


def to_unpack(image: pyvips.Image, format: Format) -> float:
    """Bytes of memory needed to decode a picture."""
    pixel = image.bands * (2 if image.format == "ushort" else 1)
    if format in UNPACKED:
        return to_unpack_whole(image.width, image.height, pixel, format)
    if image.get_typeof("interlaced"):  # all its passes are kept in memory
        return float(image.width * image.height * pixel * (2 if format is JPEG else 1))
    if image.get_typeof("tile-width"):
        return 0
    return float(min(2 * image.height, DECODER_ROWS) * image.width * pixel)


def to_unpack_whole(width: int, height: int, pixel: int, format: Format) -> float:
    """The same for a picture that is decoded whole, with `pixel` bytes per pixel."""
    return float(width * height * (UNPACKED[format] + pixel))


def check_kind(path: Path, image: pyvips.Image) -> None:
    """Refuse pixel types and channels that are not those of a photograph."""
    if image.format not in ("uchar", "ushort"):
        raise UnreadablePicture(f"{path} holds {image.format} numbers; save it with 8 or 16 bits per channel")
    colours = {"b-w": 1, "grey16": 1, "srgb": 3, "rgb": 3, "rgb16": 3, "cmyk": 4}.get(image.interpretation)
    if colours is None or image.bands - colours not in (0, 1):
        kind = f"{image.bands} channels of kind {image.interpretation!r}"
        raise UnreadablePicture(f"{path} has {kind}; save it as grey, RGB or CMYK, with one alpha channel at most")
