"""Pictures: decode, windows, colour, metadata, encode, on libvips.

Everything below is imported when it is first used: `images.resample` serves training too, where libvips may be missing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from daguerre.images.canvas import Canvas
    from daguerre.images.formats import READABLE, WRITABLE
    from daguerre.images.picture import Picture
    from daguerre.images.save import SaveOptions, check_target

__all__ = ["READABLE", "WRITABLE", "Canvas", "Picture", "SaveOptions", "check_target"]

HOMES = {
    "READABLE": "formats",
    "WRITABLE": "formats",
    "Canvas": "canvas",
    "Picture": "picture",
    "SaveOptions": "save",
    "check_target": "save",
}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module 'daguerre.images' has no attribute {name!r}")
    return getattr(importlib.import_module(f"daguerre.images.{HOMES[name]}"), name)
