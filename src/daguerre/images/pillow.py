"""Convert to and from Pillow, if it is installed."""

import importlib
from io import BytesIO
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from daguerre.errors import MissingExtra
from daguerre.images.metadata import EXIF_HEAD, Metadata

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["pillow_from", "tiff_from"]

XMP = 700  # the TIFF tag of an XMP packet
OTHERS = {"HSV": "RGB", "YCbCr": "RGB", "RGBX": "RGB", "RGBa": "RGBA", "La": "LA", "PA": "RGBA"}
"""Modes that TIFF files hold badly or not at all, and what they are converted to."""


def tiff_from(image: "Image") -> bytes:
    """A TIFF file of a Pillow image, with its metadata."""
    if image.mode == "P" or "transparency" in image.info:
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    exif = image.getexif()
    if xmp := image.info.get("xmp") or image.info.get("XML:com.adobe.xmp"):
        exif[XMP] = xmp.encode() if isinstance(xmp, str) else xmp
    what = {"exif": exif, "icc_profile": image.info.get("icc_profile"), "dpi": image.info.get("dpi")}
    file = BytesIO()
    # By default Pillow compresses as in the source file, which for JPEG is lossy.
    image.convert(OTHERS.get(image.mode, image.mode)).save(
        file, "TIFF", compression="raw", **{name: value for name, value in what.items() if value}
    )
    return file.getvalue()


def pillow_from(array: NDArray[Any], profile: bytes | None, metadata: Metadata) -> "Image":
    """A Pillow image of an array (H, W) or (H, W, 2 to 4).

    Raises:
        MissingExtra: Pillow is not installed.
    """
    try:
        pillow = importlib.import_module("PIL.Image")
    except ImportError as error:
        raise MissingExtra("Pillow is not installed; install it with: pip install pillow") from error
    image: Image = pillow.fromarray(array)
    exif = EXIF_HEAD + metadata.exif if metadata.exif else None
    known = {"icc_profile": profile, "exif": exif, "xmp": metadata.xmp}
    image.info |= {name: value for name, value in known.items() if value}
    return image
