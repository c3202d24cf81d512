"""Decoders for what libvips does not read: pillow-heif for HEIC, OpenCV for BMP. Both decode a picture whole."""

import struct
from typing import Any

import numpy as np

from daguerre.errors import MissingExtra, UnreadablePicture
from daguerre.images.formats import BMP, HEIC
from daguerre.images.limits import check_size, to_unpack_whole
from daguerre.images.pixels import Levels
from daguerre.images.reasons import damaged
from daguerre.images.source import Source
from daguerre.images.vips import pyvips

__all__ = ["read_bmp", "read_heic"]

SILENT = 0  # OpenCV's level of logging
LONGEST = 2**20
"""Pixels of the longest side that OpenCV reads."""


def read_heic(source: Source, size: int) -> pyvips.Image:
    """Decode a HEIC file whole, with pillow-heif, since libvips' wheel has no decoder for it."""
    try:
        import pillow_heif
    except ImportError as error:
        raise MissingExtra(f"{source.path} is a HEIC file; to read it, run: pip install 'daguerre[heic]'") from error
    try:
        with source.open() as file:
            picture = pillow_heif.open_heif(file, convert_hdr_to_8bit=False)
            width, height = picture.size
            check_size(source, width, height, size=size, memory=to_unpack_whole(width, height, 6, HEIC))
            levels = np.ascontiguousarray(np.asarray(picture))
    except (OSError, ValueError, EOFError, RuntimeError, SyntaxError) as error:
        raise damaged(source.path, error, HEIC) from error
    image = from_levels(np.atleast_3d(levels))
    for field, name in (("icc_profile", "icc-profile-data"), ("exif", "exif-data"), ("xmp", "xmp-data")):
        if picture.info.get(field):
            image.set_type(pyvips.GValue.blob_type, name, picture.info[field])
    return image


def read_bmp(source: Source, size: int, head: bytes) -> pyvips.Image:
    """Decode a Windows bitmap whole, with OpenCV.

    https://learn.microsoft.com/windows/win32/gdi/bitmap-storage
    """
    import cv2

    torn = UnreadablePicture(f"{source.path} is a damaged or incomplete BMP file; copy it again")
    try:
        header = struct.unpack_from("<I", head, 14)[0]
        if header == 12:  # OS/2
            width, height, _, bits = struct.unpack_from("<HHHH", head, 18)
            packed = across = down = 0
        else:
            width, height, _, bits, packed, _, across, down = struct.unpack_from("<iiHHIIii", head, 18)
    except struct.error:
        raise torn from None
    honest = packed not in (0, 3) or (width * bits + 31) // 32 * 4 * abs(height) <= size
    if not (honest and 0 < width <= LONGEST and 0 < abs(height) <= LONGEST):
        raise torn
    check_size(source, width, abs(height), size=size, memory=to_unpack_whole(width, abs(height), 4, BMP))
    with source.open() as file:  # at most four bytes per pixel, and a header of at most a mebibyte
        data = np.frombuffer(file.read(2**20 + 4 * (width + 1) * abs(height)), np.uint8)
    # Before OpenCV 4.13 it was elsewhere.
    place: Any = getattr(cv2.utils, "logging", cv2)
    set_log_level = place.setLogLevel
    level = set_log_level(SILENT)
    try:
        levels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    except cv2.error:
        levels = None
    finally:
        set_log_level(level)
    if levels is None:
        raise UnreadablePicture(f"{source.path} is a BMP that is damaged or of a rare kind; save it as PNG")
    if levels.ndim == 3:
        cv2.cvtColor(levels, cv2.COLOR_BGRA2RGBA if levels.shape[2] == 4 else cv2.COLOR_BGR2RGB, dst=levels)
    image = from_levels(np.atleast_3d(levels))
    return image.copy(xres=min(across / 1000, 1e6), yres=min(down / 1000, 1e6)) if min(across, down) > 0 else image


def from_levels(levels: Levels) -> pyvips.Image:
    """Pixel values (H, W, channels) as an image that shares their memory."""
    (height, width, bands), wide = levels.shape, levels.dtype == np.uint16
    image = pyvips.Image.new_from_memory(levels, width, height, bands, "ushort" if wide else "uchar")
    kinds = ("grey16", "rgb16") if wide else ("b-w", "srgb")
    return image.copy(interpretation=kinds[bands >= 3])
