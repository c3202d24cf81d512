"""Open a picture file: recognise it by its contents, refuse what cannot be trusted, decode as little as possible.

libvips decodes only what is asked for. Tiled TIFF and BMP files are read in place; everything else is unpacked when the
first pixel is wanted, in memory up to 100 MB and beyond that into a temporary file, which has no name and vanishes by
itself. It lies in the folder that the environment variable TMPDIR names.
"""

import os
from pathlib import Path

import numpy as np
import pyvips

from daguerre.errors import MissingExtra, UnreadablePicture
from daguerre.images.bmp import read_bmp
from daguerre.images.formats import AVIF, BMP, GIF, HEIC, JPEG, PNG, TIFF, WEBP, Format, recognise

__all__ = ["damaged", "decode", "reason_in"]

LOADERS = {
    JPEG: "jpegload",
    PNG: "pngload",
    TIFF: "tiffload",
    WEBP: "webpload",
    AVIF: "heifload",
    GIF: "gifload",
}

CAMERA_RAW = frozenset({".dng", ".nef", ".nrw", ".cr2", ".arw", ".sr2", ".pef", ".srw", ".3fr", ".iiq", ".erf"})
"""Endings of camera files that are TIFF inside, but whose first picture is a thumbnail or a preview."""

LARGE = 250_000_000
"""Pixels from which on a file must be large, too: decoded, that many take 1.5 GB of disk at 16 bits."""

PIXELS_PER_BYTE = 1000
"""A large picture that claims more of them is a trap: an evenly white RGB picture stays below 350 in PNG."""

LARGEST = 4_000_000_000
"""Most pixels of any picture unless somebody asks for more: 63,000 x 63,000."""


def decode(path: Path, max_pixels: int | None) -> tuple[pyvips.Image, Format]:
    """Open `path` as libvips sees it, turned upright, without decoding pixels yet where the format allows.

    Args:
        max_pixels: refuse larger pictures; `None` means 4 gigapixels, and from a quarter of a gigapixel on at least
            one byte of file for every thousand pixels.

    Raises:
        UnreadablePicture: the file is missing, empty, no picture, damaged, or claims more pixels than allowed.
        MissingExtra: a HEIC file, and the extra that reads it is not installed.
    """
    # libvips remembers the last hundred operations by file name: a file replaced meanwhile would come back in its old
    # state, and the pixels of finished pictures would be kept.
    pyvips.cache_set_max(0)
    size, head = look(path)
    format = recognise(head)
    if format is None:
        raise UnreadablePicture(
            f"{path} is not a picture that daguerre knows: JPEG, PNG, TIFF, WebP, AVIF, HEIC, GIF, BMP"
        )
    if format is TIFF and path.suffix.lower() in CAMERA_RAW:
        raise UnreadablePicture(f"{path} is a camera's raw file; develop it into a TIFF or JPEG file first")
    if format is BMP:
        image = read_bmp(path, size, head)
    elif format is HEIC:
        image = read_heic(path, max_pixels, size)
    else:
        try:
            # Called by its name, a loader takes the file's name as it is; "photo[1].jpg" is no list of options.
            # To libvips a hole in a TIFF or JPEG is but a warning, and it fills the rest with black or grey. PNG's
            # warnings are about colour profiles.
            strict = "warning" if format in (JPEG, TIFF) else "error"
            image = pyvips.Operation.call(LOADERS[format], os.fsencode(path), access="random", fail_on=strict)
        except pyvips.Error as error:
            raise damaged(path, error, format) from error
    check_size(path, image.width, image.height, size, max_pixels)
    check_kind(path, image)
    return image if format is HEIC else upright(image), format  # HEIC's decoder turns pictures itself


def upright(image: pyvips.Image) -> pyvips.Image:
    """Turn a picture as its EXIF orientation says, and its resolution with it."""
    turned = image.autorot()
    lies = image.get_typeof("orientation") and image.get("orientation") >= 5
    return turned.copy(xres=image.yres, yres=image.xres) if lies else turned


def look(path: Path) -> tuple[int, bytes]:
    """Size of a file in bytes, and how it begins."""
    try:
        if path.is_dir():
            raise UnreadablePicture(f"{path} is a folder, not a picture")
        with path.open("rb") as file:
            head, size = file.read(2048), os.fstat(file.fileno()).st_size
    except FileNotFoundError as error:
        raise UnreadablePicture(f"there is no file {path}; check its name and folder") from error
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        reason = error.strerror if isinstance(error, OSError) else error
        raise UnreadablePicture(f"cannot open {path}: {reason}") from error
    if not head:
        raise UnreadablePicture(f"{path} is empty (0 bytes); copy it again from where it came")
    return size, head


def check_size(path: Path, width: int, height: int, size: int, max_pixels: int | None) -> None:
    """Refuse a picture with more pixels than allowed, or than so small a file can honestly have."""
    pixels = width * height
    if max_pixels is None and pixels > max(LARGE, size * PIXELS_PER_BYTE):
        claim = f"{path} claims {width} x {height} pixels in only {size:,} bytes, as files made to do harm do"
        raise UnreadablePicture(f"{claim}; if you trust it, allow it with --max-pixels {pixels}")
    if pixels > (max_pixels or LARGEST):
        raise UnreadablePicture(
            f"{path} has {width} x {height} pixels, more than the {max_pixels or LARGEST:,} allowed; "
            f"if you trust it, allow it with --max-pixels {pixels}"
        )


def check_kind(path: Path, image: pyvips.Image) -> None:
    """Refuse numbers and channels that are not those of a photograph."""
    if image.format not in ("uchar", "ushort"):
        raise UnreadablePicture(f"{path} holds {image.format} numbers; save it with 8 or 16 bits per channel")
    colours = {"b-w": 1, "grey16": 1, "srgb": 3, "rgb": 3, "rgb16": 3, "cmyk": 4}.get(image.interpretation)
    if colours is None or image.bands - colours not in (0, 1):
        kind = f"{image.bands} channels of kind {image.interpretation!r}"
        raise UnreadablePicture(f"{path} has {kind}; save it as grey, RGB or CMYK, with one alpha channel at most")


def read_heic(path: Path, max_pixels: int | None, size: int) -> pyvips.Image:
    """Decode a HEIC file whole, by the helper that brings the decoder libvips' wheel has to leave out."""
    try:
        import pillow_heif
    except ImportError as error:
        raise MissingExtra(f"{path} is a HEIC file; to read it, run: pip install 'daguerre[heic]'") from error
    try:
        picture = pillow_heif.open_heif(path, convert_hdr_to_8bit=False)
        check_size(path, picture.size[0], picture.size[1], size, max_pixels)
        levels = np.ascontiguousarray(np.asarray(picture))
    except (OSError, ValueError, EOFError, RuntimeError, SyntaxError) as error:
        raise damaged(path, error, HEIC) from error
    wide, (height, width, bands) = levels.dtype == np.uint16, np.atleast_3d(levels).shape
    image = pyvips.Image.new_from_memory(levels, width, height, bands, "ushort" if wide else "uchar")
    kinds = ("grey16", "rgb16") if wide else ("b-w", "srgb")
    image = image.copy(interpretation=kinds[bands >= 3])
    for field, name in (("icc_profile", "icc-profile-data"), ("exif", "exif-data"), ("xmp", "xmp-data")):
        if picture.info.get(field):
            image.set_type(pyvips.GValue.blob_type, name, picture.info[field])
    return image


def damaged(path: Path | None, error: Exception, format: Format | None = None) -> UnreadablePicture:
    """What to tell about a file that stopped decoding."""
    if "No space left" in str(error):
        return UnreadablePicture(f"no room to unpack {path} in the temporary folder; set TMPDIR to a folder with more")
    kind = f" {format.name}" if format else ""
    reason = reason_in(str(error))
    if "labq" in reason:
        return UnreadablePicture(f"{path} is in Lab colours of a kind that cannot be read here; save it as RGB or CMYK")
    what = f"{path} is a damaged or incomplete{kind} file" + (f" ({reason})" if reason else "")
    return UnreadablePicture(f"{what}; copy it again from where it came, or save what is left in another program")


def reason_in(text: str) -> str:
    """The line of libvips' many that says what happened, without the name of the part that says it; "" if none does."""
    lines = (line.split(": ", 1)[-1].strip() for line in text.splitlines() if not line.startswith("unable to"))
    return next((line for line in lines if line), "")
