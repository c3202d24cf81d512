"""What a picture says about itself besides its pixels: EXIF, XMP, IPTC and resolution, carried from file to file.

Orientation is not among it, because it is applied on reading; neither are thumbnails, which would show the old picture.
"""

import logging
import re
import struct
from dataclasses import dataclass
from pathlib import Path

import pyvips

from daguerre.images.exif import append_exif, read_exif
from daguerre.images.formats import JPEG, TIFF, Format

__all__ = ["Metadata", "attach_metadata", "finish_metadata", "read_metadata"]

logger = logging.getLogger(__name__)

EXIF_HEAD = b"Exif\0\0"
PHOTOSHOP_HEAD = b"Photoshop 3.0\0"
IPTC_RESOURCE = 0x0404
CUSTOMARY = 72 / 25.4
"""Pixels per millimetre that programs assume where a file says nothing; libvips would write 25.4 per inch."""


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """Metadata in the form that no format owns.

    Args:
        exif: a TIFF structure, without the marker that JPEG files put before it.
        xmp: an XMP packet.
        iptc: IPTC-IIM records, without Photoshop's wrapping.
        resolution: pixels per millimetre, across and down.
    """

    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    resolution: tuple[float, float] | None = None


def read_metadata(image: pyvips.Image, path: Path, format: Format) -> Metadata:
    """Collect what a freshly opened picture carries."""
    exif = blob(image, "exif-data")
    if format is TIFF:
        try:
            exif = read_exif(path)
        except ValueError as error:
            logger.warning("%s: the EXIF is damaged and left out (%s)", path, error)
    bearer = image
    if exif and unknown_resolution(image):  # WebP and AVIF files say it nowhere else
        bearer = pyvips.Image.black(1, 1)
        bearer.set_type(pyvips.GValue.blob_type, "exif-data", EXIF_HEAD + exif.removeprefix(EXIF_HEAD))
    iptc = unwrapped(blob(image, "iptc-data") or blob(image, "photoshop-data") or b"")
    return Metadata(
        exif=exif.removeprefix(EXIF_HEAD) if exif else None,
        xmp=blob(image, "xmp-data"),
        iptc=iptc or None,
        resolution=None if unknown_resolution(bearer) else (bearer.xres, bearer.yres),
    )


def attach_metadata(image: pyvips.Image, metadata: Metadata, format: Format) -> pyvips.Image:
    """A copy of `image` that libvips saves with the metadata, as far as `format` holds it."""
    image = image.copy()
    if metadata.exif and format.metadata and format is not TIFF:
        # libvips unfolds the block into a field for every tag, and a resolution, and folds it up again on saving.
        image.set_type(pyvips.GValue.blob_type, "exif-data", EXIF_HEAD + metadata.exif)
        image.set_type(pyvips.GValue.gint_type, "orientation", 1)
        image.remove("jpeg-thumbnail-data")
    across, down = metadata.resolution or (CUSTOMARY, CUSTOMARY)
    image = image.copy(xres=across, yres=down)
    image.set_type(pyvips.GValue.gstr_type, "resolution-unit", "in")
    if metadata.xmp and format.metadata:
        image.set_type(pyvips.GValue.blob_type, "xmp-data", upright(metadata.xmp))
    if metadata.iptc and format is JPEG:
        image.set_type(pyvips.GValue.blob_type, "iptc-data", wrapped(metadata.iptc))
    return image


def finish_metadata(path: Path, metadata: Metadata, format: Format, height: int, width: int) -> None:
    """Add to a saved file what libvips could not."""
    if format is TIFF and (metadata.exif or metadata.iptc):
        try:
            append_exif(path, metadata.exif, metadata.iptc, height, width)
        except ValueError as error:
            logger.warning("the EXIF is damaged and left out (%s)", error)
            append_exif(path, None, metadata.iptc, height, width)


def unknown_resolution(image: pyvips.Image) -> bool:
    """Whether the file said nothing: libvips then puts one pixel per millimetre."""
    return bool(image.xres == 1 and image.yres == 1)


def blob(image: pyvips.Image, name: str) -> bytes | None:
    return bytes(image.get(name)) if image.get_typeof(name) else None


def upright(xmp: bytes) -> bytes:
    """The same packet, in which the picture needs no turning."""
    return re.sub(rb"(tiff:Orientation(?:=[\"']|>))[2-8]", rb"\g<1>1", xmp)


def unwrapped(block: bytes) -> bytes:
    """IPTC records out of Photoshop's list of resources; a block that is no such list is taken for the records."""
    block = block.removeprefix(PHOTOSHOP_HEAD)
    if not block.startswith(b"8BIM"):
        return block
    at = 0
    while block[at : at + 4] == b"8BIM" and at + 12 <= len(block):
        resource, name = struct.unpack_from(">HB", block, at + 4)
        start = at + 6 + (name + 2) // 2 * 2 + 4  # the name and its length fill whole pairs
        if start > len(block):
            break
        (size,) = struct.unpack_from(">I", block, start - 4)
        if resource == IPTC_RESOURCE:
            return block[start : start + size]
        at = start + size + size % 2
    return b""


def wrapped(iptc: bytes) -> bytes:
    """IPTC records as JPEG files hold them: the only one of Photoshop's resources."""
    resource = struct.pack(">4sHHI", b"8BIM", IPTC_RESOURCE, 0, len(iptc))
    return PHOTOSHOP_HEAD + resource + iptc + b"\0" * (len(iptc) % 2)
