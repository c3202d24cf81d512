"""Metadata: EXIF, XMP, IPTC and resolution, carried from file to file.

Orientation is not included, because it is applied on reading; neither are thumbnails, which would show the old picture.
Metadata never decide whether a picture is read or written: damaged or oversized parts are left out, with a log line.
"""

import logging
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from daguerre.images.exif import append_exif, check_exif, read_exif
from daguerre.images.formats import TIFF, Format
from daguerre.images.vips import pyvips
from daguerre.images.xmp import check_xmp

__all__ = ["Metadata", "attach_metadata", "finish_metadata", "read_metadata"]

logger = logging.getLogger(__name__)

EXIF_HEAD = b"Exif\0\0"
PHOTOSHOP_HEAD = b"Photoshop 3.0\0"
IPTC_RESOURCE = 0x0404
MAX_BYTES = 2**20
"""Most bytes of EXIF and of IPTC records that are read; JPEG files have room for a sixteenth."""

RESOLUTIONS = 1e-3, 1e5
"""Plausible range of pixels per millimeter: from a mural to an electron microscope."""

CUSTOMARY = 72 / 25.4
"""Pixels per millimeter that programs assume by default; libvips would write 25.4 per inch."""


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """Metadata independent of the file format.

    Args:
        exif: a TIFF structure, without JPEG's marker.
        xmp: an XMP packet.
        iptc: IPTC-IIM records, without Photoshop's wrapping.
        resolution: pixels per millimeter, across and down.
    """

    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    resolution: tuple[float, float] | None = None


def read_metadata(image: pyvips.Image, file: BinaryIO, name: object, format: Format) -> Metadata:
    """Read the metadata of a freshly opened picture.

    Args:
        file: the picture, open for reading.
        name: of the picture, for messages about parts left out.
    """
    exif = exif_of(image, file, name, format)
    bearer = image
    if exif and unknown_resolution(image):  # WebP and AVIF files have it nowhere else
        bearer = pyvips.Image.black(1, 1)
        bearer.set_type(pyvips.GValue.blob_type, "exif-data", EXIF_HEAD + exif)
    iptc = unwrapped(blob(image, "iptc-data") or blob(image, "photoshop-data") or b"")
    if len(iptc) > MAX_BYTES:
        leave_out(name, "the IPTC records", f"{len(iptc):,} bytes are too many")
        iptc = b""
    return Metadata(
        exif=exif,
        xmp=xmp_of(image, name),
        iptc=iptc or None,
        resolution=None if unknown_resolution(bearer) else resolution_of(bearer, name),
    )


def exif_of(image: pyvips.Image, file: BinaryIO, name: object, format: Format) -> bytes | None:
    """The readable part of EXIF."""
    try:
        if format is TIFF:
            exif, lost = read_exif(file)
        else:
            exif = (blob(image, "exif-data") or b"").removeprefix(EXIF_HEAD)
            if len(exif) > MAX_BYTES:
                raise ValueError(f"{len(exif):,} bytes are too many")
            lost = check_exif(exif) if exif else False
    except ValueError as error:
        leave_out(name, "the EXIF", error)
        return None
    if lost:
        leave_out(name, "a part of the EXIF", "it is damaged")
    return exif or None


def xmp_of(image: pyvips.Image, name: object) -> bytes | None:
    """XMP, if it is valid."""
    packet = blob(image, "xmp-data")
    if not packet or not packet.strip(b"\0 \r\n\t"):
        return None
    try:
        check_xmp(packet)
    except ValueError as error:
        leave_out(name, "the XMP", error)
        return None
    return packet


def resolution_of(image: pyvips.Image, name: object) -> tuple[float, float] | None:
    """Pixels per millimeter, if plausible."""
    if all(RESOLUTIONS[0] <= side <= RESOLUTIONS[1] for side in (image.xres, image.yres)):
        return image.xres, image.yres
    leave_out(name, "the resolution", f"{image.xres:g} x {image.yres:g} pixels per millimetre")
    return None


def attach_metadata(
    image: pyvips.Image, metadata: Metadata, profile: bytes | None, name: object, format: Format
) -> pyvips.Image:
    """A copy of `image` with the metadata and the profile attached, as far as `format` holds them.

    Args:
        name: of the result, for messages about parts left out.
    """
    across, down = metadata.resolution or (CUSTOMARY, CUSTOMARY)
    image = image.copy(xres=across, yres=down)
    image.set_type(pyvips.GValue.gstr_type, "resolution-unit", "in")
    parts = [
        ("the colour profile", "icc-profile-data", profile, format.profile),
        ("the XMP", "xmp-data", metadata.xmp and upright(metadata.xmp), format.xmp),
        ("the IPTC records", "iptc-data", metadata.iptc and wrapped(metadata.iptc), format.iptc),
        # libvips splits the block into a field per tag, and a resolution, and reassembles it on saving.
        ("the EXIF", "exif-data", metadata.exif and EXIF_HEAD + metadata.exif, format.exif),
    ]
    for what, field, data, room in parts:
        if not data or not room or (format is TIFF and field in ("exif-data", "iptc-data")):
            continue  # `finish_metadata` writes it to TIFF files
        if len(data) > room:
            leave_out(name, what, f"{len(data):,} bytes are too many for a {format.name} file")
        elif not savable(field, data, image.bands, format):
            leave_out(name, what, f"it cannot be saved in a {format.name} file")
        else:
            image.set_type(pyvips.GValue.blob_type, field, data)
            if field == "exif-data":
                image.set_type(pyvips.GValue.gint_type, "orientation", 1)
                image.remove("jpeg-thumbnail-data")
    return image


def savable(field: str, data: bytes, bands: int, format: Format) -> bool:
    """Whether libvips can save a picture with this; tried on a single pixel."""
    pixel = pyvips.Image.black(1, 1, bands=bands).copy(interpretation="b-w" if bands < 3 else "srgb")
    pixel.set_type(pyvips.GValue.blob_type, field, data)
    try:
        pixel.write_to_buffer(format.suffixes[0])
    except pyvips.Error:
        return False
    return True


def finish_metadata(path: Path, metadata: Metadata, name: object, format: Format, height: int, width: int) -> None:
    """Add to a saved file what libvips could not.

    Args:
        name: of the file, for messages about parts left out.
    """
    if format is TIFF and (metadata.exif or metadata.iptc):
        try:
            append_exif(path, metadata.exif, metadata.iptc, height, width)
        except ValueError as error:
            leave_out(name, "the EXIF", error)
            append_exif(path, None, metadata.iptc, height, width)


def leave_out(name: object, what: str, why: object) -> None:
    """Log that a part of the metadata is left out."""
    logger.warning("%s: %s cannot be kept and is left out (%s)", name, what, why)


def unknown_resolution(image: pyvips.Image) -> bool:
    """Whether the file has no resolution: libvips then reports one pixel per millimeter."""
    return bool(image.xres == 1 and image.yres == 1)


def blob(image: pyvips.Image, name: str) -> bytes | None:
    return bytes(image.get(name)) if image.get_typeof(name) else None


def upright(xmp: bytes) -> bytes:
    """The same packet with the orientation set to upright."""
    return re.sub(rb"(tiff:Orientation(?:=[\"']|>))[2-8]", rb"\g<1>1", xmp)


def unwrapped(block: bytes) -> bytes:
    """IPTC records from Photoshop's list of resources; any other block is taken as the records themselves."""
    block = block.removeprefix(PHOTOSHOP_HEAD)
    if not block.startswith(b"8BIM"):
        return block
    at = 0
    while block[at : at + 4] == b"8BIM" and at + 12 <= len(block):
        resource, name = struct.unpack_from(">HB", block, at + 4)
        start = at + 6 + (name + 2) // 2 * 2 + 4  # the name and its length are padded to an even size
        if start > len(block):
            break
        (size,) = struct.unpack_from(">I", block, start - 4)
        if resource == IPTC_RESOURCE:
            return block[start : start + size]
        at = start + size + size % 2
    return b""


def wrapped(iptc: bytes) -> bytes:
    """IPTC records as in JPEG files: as the only one of Photoshop's resources."""
    resource = struct.pack(">4sHHI", b"8BIM", IPTC_RESOURCE, 0, len(iptc))
    return PHOTOSHOP_HEAD + resource + iptc + b"\0" * (len(iptc) % 2)
