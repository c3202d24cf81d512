"""Write pictures: options, checks before any work is done, and files that are complete or absent."""

import contextlib
import itertools
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from daguerre.errors import OptionError, OutputExists, UnwritablePicture
from daguerre.files import check_name, part, same_file
from daguerre.images.colour import Colour, three_channels, to_file
from daguerre.images.formats import AVIF, BMP, GIF, JPEG, PNG, TIFF, WEBP, Format, format_for
from daguerre.images.metadata import Metadata, attach_metadata, finish_metadata
from daguerre.images.reasons import reason_in
from daguerre.images.vips import begin_use, pyvips
from daguerre.options import check_range, option
from daguerre.progress import Progress, ProgressCallback, silent
from daguerre.signals import Undisturbed

__all__ = ["SaveOptions", "check_target", "save_image", "to_depth"]

QUALITY = {JPEG: 95, WEBP: 90, AVIF: 80}
"""Quality at which losses are hard to see even when zoomed in."""

LARGEST_BMP = 2**30
"""Most bytes of pixels in a BMP file, which OpenCV encodes in memory."""

CLASSIC_TIFF = 2**32 - 2**26
"""Bytes of pixels above which a TIFF file may need BigTIFF's wider offsets."""


@dataclass(frozen=True, kw_only=True)
class SaveOptions:
    """How results are written; the format follows from the file's extension."""

    quality: int | None = option(None, "quality of JPEG, WebP and AVIF, 1 to 100 (default: 95, 90 and 80)")
    lossless: bool = option(False, "lossless WebP and AVIF; larger files")
    subsampling: Literal["4:4:4", "4:2:0"] = option(
        "4:4:4", "chroma subsampling in JPEG and AVIF; 4:2:0 gives smaller files"
    )
    compression: int = option(2, "compression of PNG and TIFF, always lossless: 0 (fast) to 9 (small)")
    profile: Literal["keep", "srgb"] = option("keep", "color profile: keep the picture's own, or convert to sRGB")

    def __post_init__(self) -> None:
        check_range("quality", self.quality, 1, 100)
        check_range("compression", self.compression, 0, 9)
        if self.lossless and self.quality is not None:
            raise OptionError(f"lossless keeps everything, so quality {self.quality} has no meaning; leave one out")


def check_target(
    path: Path, *, overwrite: bool = False, source: Path | None = None, size: tuple[int, int] | None = None
) -> Format:
    """Check, before any work is done, that a result can be saved as `path`; its folder need not exist yet.

    Args:
        source: the input picture, which is never replaced.
        size: (height, width) of the result.

    Returns:
        The format of the result.

    Raises:
        UnwritablePicture: the extension is missing or unknown, `path` is a folder, its folder is not writable, or the
            format cannot hold so many pixels.
        OutputExists: `path` is `source`; or the file exists, and `overwrite` is false.
    """
    format = format_for(path)
    there = check_name(path)
    if there and source is not None and same_file(path, source):
        raise OutputExists(f"{path} is the original itself, which is never replaced; name another file")
    if there and not overwrite:
        raise OutputExists(f"{path} exists already; name another file, or add --overwrite")
    if path.parent.is_dir() and not os.access(path.parent, os.W_OK):
        raise UnwritablePicture(f"the folder {path.parent} may not be written to; name another")
    if size and max(size) > format.side:
        wanted = f"{size[1]} x {size[0]} pixels"
        raise UnwritablePicture(
            f"{path}: a {format.name} file has at most {format.side:,} pixels a side, not {wanted}; use .tif"
        )
    return format


def save_image(
    image: pyvips.Image,
    path: Path,
    *,
    bits: int,
    colour: Colour,
    metadata: Metadata,
    overwrite: bool,
    options: SaveOptions,
    progress: ProgressCallback = silent,
) -> None:
    """Write a picture in working space as `path`, atomically.

    What a format cannot hold is converted: bits are rounded, transparent areas become white, and without room for the
    profile the colors become sRGB.

    Raises:
        UnwritablePicture: no such folder, a full disk, no permission, or too many pixels for the format.
        OutputExists: the file exists, and `overwrite` is false.
    """
    begin_use()
    format = check_target(path, overwrite=overwrite, size=(image.height, image.width))
    if not path.parent.is_dir():
        raise UnwritablePicture(f"there is no folder {path.parent} to save {path.name} in; make it first")
    if image.bands < 3 and colour.channels == 3:
        image = three_channels(image)
    grey = image.bands < 3
    homeless = not format.profile or (grey and not format.grey)
    image, profile = to_file(image, colour, srgb=options.profile == "srgb" or homeless)
    image = to_depth(image, min(bits, format.bits))
    if image.hasalpha() and not format.alpha:
        top = 255 if image.format == "uchar" else 65535
        image = image.flatten(background=top, max_alpha=top)
    image = attach_metadata(bare(image), metadata, profile, path, format)
    with replacing(path, overwrite) as part:
        if format is BMP:
            write_bmp(image, part, progress)
        else:
            run_saver(image, part, format, options, progress)
        finish_metadata(part, metadata, path, format, image.height, image.width)


def to_depth(image: pyvips.Image, bits: int) -> pyvips.Image:
    """The same picture with 8 or 16 bits per channel, rounded; libvips itself would truncate."""
    grey = image.bands < 3
    if bits == 8 and image.format == "ushort":
        image = (image / 257).rint().cast("uchar")
    elif bits == 16 and image.format == "uchar":
        image = (image * 257).cast("ushort")
    kinds = ("b-w", "srgb") if bits == 8 else ("grey16", "rgb16")
    return image.copy(interpretation=kinds[0] if grey else kinds[1])


def bare(image: pyvips.Image) -> pyvips.Image:
    """A copy of the pixels without metadata."""
    image = image.copy()
    # Not by `get_fields`: the names may come from a file (PNG's keywords are Latin-1), and pyvips takes them for UTF-8.
    names = pyvips.vips_lib.vips_image_get_fields(image.pointer)
    for name in itertools.takewhile(lambda name: name != pyvips.ffi.NULL, (names[i] for i in itertools.count())):
        pyvips.vips_lib.vips_image_remove(image.pointer, name)
        pyvips.glib_lib.g_free(name)
    pyvips.glib_lib.g_free(names)
    return image


def write_bmp(image: pyvips.Image, path: Path, progress: ProgressCallback) -> None:
    """Write an 8-bit picture of 1 or 3 bands, with OpenCV, and its resolution.

    Raises:
        UnwritablePicture: too large for the format.
    """
    import cv2

    if image.width * image.height * image.bands > LARGEST_BMP:
        raise UnwritablePicture(
            f"{image.height} x {image.width} pixels are too many for a BMP file; save it as .png or .tif"
        )
    levels = image.numpy().reshape(image.height, image.width, image.bands)
    progress(Progress(step="saving", done=1, total=2))
    data = cv2.imencode(".bmp", levels[..., ::-1])[1]
    data[38:46] = np.array([round(image.xres * 1000), round(image.yres * 1000)], "<i4").view(np.uint8)
    path.write_bytes(data.tobytes())
    progress(Progress(step="saving", done=2, total=2))


def run_saver(
    image: pyvips.Image, path: Path, format: Format, options: SaveOptions, progress: ProgressCallback
) -> None:
    """Encode with libvips; Ctrl-C and whatever `progress` raises stop it."""
    percent = 0

    def note(_image: pyvips.Image, state: Any) -> None:
        nonlocal percent
        percent = state.percent

    image.set_progress(True)
    image.signal_connect("eval", note)
    saver, arguments = saver_for(image, format, options)
    # In its own thread, because an exception in Python code called from C is lost, and Ctrl-C raises one.
    signals = Undisturbed()
    with ThreadPoolExecutor(max_workers=1) as pool:
        signals.begin()  # a pool that is stopped while it begins does not wait for its thread
        saving = pool.submit(pyvips.Operation.call, saver, image, os.fsencode(path), **arguments)
        try:
            signals.end()
            while wait([saving], timeout=0.1).not_done:
                progress(Progress(step="saving", done=percent, total=100))
            saving.result()
            progress(Progress(step="saving", done=100, total=100))
        except pyvips.Error as error:
            raise unwritable(path.parent, format, str(error)) from error
        except BaseException:
            image.set_kill(True)
            raise


def saver_for(image: pyvips.Image, format: Format, options: SaveOptions) -> tuple[str, dict[str, Any]]:
    """Name and arguments of libvips' saver."""
    quality = options.quality or QUALITY.get(format)
    subsampling = "off" if options.subsampling == "4:4:4" else "on"
    if format is JPEG:
        return "jpegsave", {"Q": quality, "subsample_mode": subsampling}
    if format is PNG:
        # Paeth's filter makes files of upscaled photographs up to 5 % smaller, but takes a third longer.
        return "pngsave", {"compression": options.compression, "filter": "avg"}
    if format is TIFF:
        pixels = image.width * image.height * image.bands * (1 if image.format == "uchar" else 2)
        packing = {"compression": "deflate", "level": options.compression, "predictor": "horizontal"}
        return "tiffsave", {"bigtiff": pixels > CLASSIC_TIFF} | (packing if options.compression else {})
    if format is WEBP:
        # Lossy WebP tints gray by one step, so gray is saved losslessly.
        exact = options.lossless or image.bands < 3
        return "webpsave", {"lossless": True, "exact": True} if exact else {"Q": quality, "smart_subsample": True}
    if format is AVIF:
        depth = {"compression": "av1", "bitdepth": 8 if image.format == "uchar" else 12, "effort": 2}
        return "heifsave", depth | (
            {"lossless": True} if options.lossless else {"Q": quality, "subsample_mode": subsampling}
        )
    if format is GIF:
        return "gifsave", {}
    raise ValueError(f"no saver for {format.name}")


@contextlib.contextmanager
def replacing(path: Path, overwrite: bool) -> Iterator[Path]:
    """Like `daguerre.files.part`, for pictures.

    Raises:
        UnwritablePicture: the system refuses to write.
        OutputExists: the file was created meanwhile, and `overwrite` is False.
    """
    try:
        with part(path, overwrite=overwrite) as name:
            yield name
    except OSError as error:
        raise unwritable(path.parent, format_for(path), error.strerror or str(error)) from error


def unwritable(folder: Path, format: Format, reason: str) -> UnwritablePicture:
    """The error for a file that could not be written."""
    if "No space left" in reason:
        return UnwritablePicture(f"no room left in {folder}; make some, or name another folder")
    return UnwritablePicture(f"cannot write a {format.name} file in {folder}: {reason_in(reason) or 'unknown reason'}")
