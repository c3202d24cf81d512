"""Messages about pictures that could not be decoded, from the decoders' own messages."""

import re
from pathlib import Path

from daguerre.errors import UnreadablePicture
from daguerre.images.formats import Format

__all__ = ["damaged", "reason_in"]

COMPRESSIONS = {
    "ZSTD": "Zstandard",
    "34712": "JPEG 2000",
    "33003": "JPEG 2000",
    "33005": "JPEG 2000",
    "34892": "lossy JPEG",
    "50002": "JPEG XL",
}
"""Names of compressions that libtiff calls otherwise."""


def damaged(path: Path, error: Exception, format: Format | None = None) -> UnreadablePicture:
    """The error for a file that stopped decoding."""
    text = str(error)
    if "No space left" in text:
        return UnreadablePicture(f"no room to unpack {path} in the temporary folder; set TMPDIR to a folder with more")
    if lost := re.search(r'unable to write to "(.*)[/\\][^/\\]*"', text):
        return UnreadablePicture(
            f"cannot unpack {path} in the temporary folder {lost[1]}; set TMPDIR to one that may be written to"
        )
    kind = f" {format.name}" if format else ""
    reason = reason_in(text)
    if "labq" in reason:
        return UnreadablePicture(f"{path} is in Lab colours of a kind that cannot be read here; save it as RGB or CMYK")
    if packed := re.search(r"([\w -]+) compression support is not configured|[Cc]ompression scheme (\d+)", reason):
        name = packed[1] or packed[2]
        name = COMPRESSIONS.get(name, name if packed[1] else f"scheme {name}")
        return UnreadablePicture(
            f"{path} is compressed with {name}, which this build of libvips cannot read; "
            "save it with LZW or Deflate compression"
        )
    if re.search("unsupported|not supported|not implemented|not a whole number of bytes", reason, re.IGNORECASE):
        return UnreadablePicture(
            f"{path} is a{kind} file of a kind that libvips cannot read ({reason}); save it as PNG"
        )
    what = f"{path} is a damaged or incomplete{kind} file" + (f" ({reason})" if reason else "")
    return UnreadablePicture(f"{what}; copy it again from where it came, or save what is left in another program")


def reason_in(text: str) -> str:
    """The line of libvips' message that says what happened, without the name of its module; "" if none does."""
    lines = (line.split(": ", 1)[-1].strip() for line in text.splitlines() if not line.startswith("unable to"))
    return next((line for line in lines if line), "")
