"""Open pictures: recognize the format by content, refuse untrustworthy files, decode as little as possible.

libvips decodes on demand. Tiled TIFF files are read in place; other files are decoded when the first pixel is read, in
memory up to 100 MB and beyond that into a nameless temporary file in the folder given by the environment variable
TMPDIR. HEIC and BMP files are decoded whole when opened.
"""

import logging
from typing import Any

from daguerre.errors import UnreadablePicture
from daguerre.images.exif import is_raw
from daguerre.images.formats import (
    AVIF,
    BMP,
    GIF,
    HEIC,
    JPEG,
    JPEG_2000,
    JPEG_XL,
    PNG,
    TIFF,
    WEBP,
    Format,
    foreign,
    recognise,
)
from daguerre.images.limits import check_kind, check_size, to_unpack
from daguerre.images.other_decoders import read_bmp, read_heic
from daguerre.images.reasons import damaged
from daguerre.images.source import Source
from daguerre.images.vips import begin_use, complaints, pyvips

__all__ = ["decode"]

logger = logging.getLogger(__name__)

LOADERS = {
    JPEG: "jpegload",
    PNG: "pngload",
    TIFF: "tiffload",
    WEBP: "webpload",
    AVIF: "heifload",
    GIF: "gifload",
    JPEG_XL: "jxlload",
    JPEG_2000: "jp2kload",
}

PAGED = {TIFF, WEBP, AVIF, GIF}
"""Formats that may hold several pages or frames."""

CAMERA_RAW = frozenset({".dng", ".nef", ".nrw", ".cr2", ".arw", ".sr2", ".pef", ".srw", ".3fr", ".iiq", ".erf"})
"""Suffixes of camera raw files that are TIFF inside, but whose first picture is a thumbnail or a preview."""


def decode(source: Source) -> tuple[pyvips.Image, Format]:
    """Open a picture in libvips, upright, without decoding pixels yet if the format allows.

    Raises:
        UnreadablePicture: missing, empty, not a picture, damaged, without this page, or with more pixels than allowed.
        MissingExtra: a HEIC file, and the extra `heic` is not installed.
        DaguerreError: libvips cannot be used in this process.
    """
    begin_use()
    path = source.path
    size, head = source.look()
    format = recognise(head)
    if format is None:
        known = "is not a picture that daguerre knows: JPEG, PNG, TIFF, WebP, AVIF, HEIC, GIF, BMP"
        what = foreign(head)
        raise UnreadablePicture(f"{path} is {what.replace('{}', path.name)}" if what else f"{path} {known}")
    if format is TIFF and (path.suffix.lower() in CAMERA_RAW or raw(source)):
        raise UnreadablePicture(f"{path} is a camera's raw file; develop it into a TIFF or JPEG file first")
    if format in (BMP, HEIC):
        choose_page(source, 1)
    if format is BMP:
        image = read_bmp(source, size, head)
    elif format is HEIC:
        image = read_heic(source, size)
    else:
        image = load(source, format)
    check_size(source, image.width, image.height, size=size, memory=to_unpack(image, format))
    check_kind(path, image)
    return image if format is HEIC else upright(image), format  # HEIC's decoder rotates pictures itself


def load(source: Source, format: Format) -> pyvips.Image:
    """Open a page of a picture in libvips."""
    path, loader = source.path, LOADERS[format]
    if format.convert and not pyvips.type_find("VipsForeignLoad", loader):
        raise UnreadablePicture(
            f"{path} is a {format.name} file, which this build of libvips cannot read; "
            f"convert it, with: {format.convert.replace('{}', path.name)}"
        )
    # libvips only warns of missing data in a TIFF or JPEG and fills the rest with black or gray. PNG's warnings are
    # about color profiles.
    options: dict[str, Any] = {"fail_on": "warning" if format in (JPEG, TIFF) else "error"}
    try:
        with complaints() as heard:
            image = source.load(loader, **options)
        # Without tiles the tags are read again with the pixels; their oddities, such as names padded with zeros,
        # would look like missing data.
        if heard and format is TIFF and not image.get_typeof("tile-width"):
            options["fail_on"] = "error"
            image = source.load(loader, **options)
        page = choose_page(source, image.get("n-pages") if format in PAGED and image.get_typeof("n-pages") else 1)
        return source.load(loader, page=page, **options) if page else image
    except pyvips.Error as error:
        raise damaged(path, error, format) from error


def choose_page(source: Source, pages: int) -> int:
    """Index of the requested page or frame, from 0; logs a line if the first was only the default."""
    if (source.page or 1) > pages:
        there = "a single page" if pages == 1 else f"{pages} pages"
        raise UnreadablePicture(f"{source.path} has {there}, so there is no page {source.page}")
    if pages > 1 and source.page is None:
        logger.warning("%s has %d pages; the first is taken (--page takes another)", source.path, pages)
    return (source.page or 1) - 1


def raw(source: Source) -> bool:
    """Whether the content is that of a camera raw file."""
    with source.open() as file:
        return is_raw(file)


def upright(image: pyvips.Image) -> pyvips.Image:
    """Apply a picture's EXIF orientation, to its resolution too."""
    turned = image.autorot()
    lies = image.get_typeof("orientation") and image.get("orientation") >= 5
    return turned.copy(xres=image.yres, yres=image.xres) if lies else turned
