"""Windows bitmaps, which libvips does not know: read without a copy through its raw loader, written in strips.

The common kinds are read (1, 4 and 8 bits with a palette, 24 and 32 bits, upside down or not); 24 bits or 8 bits of
grey are written. https://learn.microsoft.com/windows/win32/gdi/bitmap-storage
"""

import struct
from pathlib import Path

import numpy as np
import pyvips

from daguerre.errors import UnreadablePicture, UnwritablePicture
from daguerre.progress import Progress, ProgressCallback

__all__ = ["read_bmp", "write_bmp"]

STRIP = 256
"""Rows written at a time."""

BGRA = (0x00FF0000, 0x0000FF00, 0x000000FF)
"""Masks of red, green and blue in the one order of 32-bit fields that is in use."""


def read_bmp(path: Path, size: int, head: bytes) -> pyvips.Image:
    """Open a bitmap of `size` bytes that begins with `head` (at least its first 138 bytes, and the palette).

    Raises:
        UnreadablePicture: cut short, contradictory, or of a rare kind.
    """
    try:
        begin, header = struct.unpack_from("<II", head, 10)
        if header == 12:  # OS/2
            width, height, _, bits = struct.unpack_from("<HHHH", head, 18)
            compression, across, down, used = 0, 0, 0, 0
        else:
            width, height, _, bits, compression, _, across, down, used = struct.unpack_from("<iiHHIIiiI", head, 18)
        masks = struct.unpack_from("<III", head, 54) if compression == 3 else None
        alpha = masks is not None and header >= 56 and struct.unpack_from("<I", head, 66)[0] == 0xFF000000
    except struct.error:
        raise UnreadablePicture(f"{path} is a damaged or incomplete BMP file; copy it again") from None
    if (bits, compression) not in {(1, 0), (4, 0), (8, 0), (24, 0), (32, 0), (32, 3)} or masks not in (None, BGRA):
        raise UnreadablePicture(
            f"{path} is a BMP of a rare kind ({bits} bits, compression {compression}); save it as PNG"
        )
    stride = (width * bits + 31) // 32 * 4
    if width < 1 or height == 0 or begin < 26 or begin + stride * abs(height) > size:
        raise UnreadablePicture(f"{path} is a damaged or incomplete BMP file; copy it again")

    rows = pyvips.Operation.call("rawload", bytes(path), stride, abs(height), 1, offset=begin)
    if bits <= 8:
        entry = 3 if header == 12 else 4
        colours = np.zeros((256, 3), np.uint8)
        table = np.frombuffer(head[14 + header : begin][: entry * (used or 2**bits)], np.uint8)
        table = table[: len(table) // entry * entry].reshape(-1, entry)[:256, 2::-1]
        colours[: len(table)] = table
        image = unpack(rows, colours, bits)
    else:
        image = rows.crop(0, 0, width * bits // 8, abs(height)).bandfold(factor=bits // 8)
        image = image[2].bandjoin([image[1], image[0], *([image[3]] if alpha else [])])
    image = image.crop(0, 0, width, abs(height))
    if height > 0:
        image = image.flipver()
    resolution = {"xres": across / 1000, "yres": down / 1000} if across > 0 and down > 0 else {}
    return image.copy(interpretation="b-w" if image.bands == 1 else "srgb", **resolution)


def unpack(rows: pyvips.Image, colours: np.ndarray, bits: int) -> pyvips.Image:
    """Look up `rows` of packed palette indices: each byte becomes the 8 / `bits` pixels that it holds."""
    if (colours == colours[:, :1]).all():
        colours = colours[:, :1]
    pixels = 8 // bits
    shifts = np.arange(8 - bits, -1, -bits)
    index = np.arange(256)[:, None] >> shifts & (2**bits - 1)  # (256, pixels)
    lut = np.ascontiguousarray(colours[index].reshape(1, 256, -1))
    table = pyvips.Image.new_from_memory(lut, 256, 1, lut.shape[2], "uchar")
    return rows.maplut(table).bandunfold(factor=pixels)


def write_bmp(image: pyvips.Image, path: Path, progress: ProgressCallback) -> None:
    """Write an 8-bit picture of 1 or 3 bands, bottom row first, as the format wants it.

    Raises:
        UnwritablePicture: more than the 4 GiB that a bitmap can count.
    """
    width, height, bands = image.width, image.height, image.bands
    stride = (width * bands + 3) // 4 * 4
    palette = b"".join(bytes((v, v, v, 0)) for v in range(256)) if bands == 1 else b""
    begin = 54 + len(palette)
    total = begin + stride * height
    if total >= 2**32:
        raise UnwritablePicture(f"{height} x {width} pixels are more than a BMP file can hold; save it as .png or .tif")
    per_metre = round(image.xres * 1000), round(image.yres * 1000)
    with path.open("wb") as file:
        file.write(struct.pack("<2sIII", b"BM", total, 0, begin))
        file.write(struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8 * bands, 0, total - begin, *per_metre, 0, 0))
        file.write(palette)
        for bottom in range(height, 0, -STRIP):
            top = max(bottom - STRIP, 0)
            strip = image.crop(0, top, width, bottom - top).numpy().reshape(bottom - top, width, bands)
            rows = np.zeros((bottom - top, stride), np.uint8)
            rows[:, : width * bands] = strip[::-1, :, ::-1].reshape(bottom - top, -1)
            file.write(rows.tobytes())
            progress(Progress(step="saving", done=height - top, total=height))
