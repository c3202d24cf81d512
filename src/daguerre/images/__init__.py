"""Pictures: decode, windows, color, metadata, encode, on libvips.

Everything below is imported on first use: `images.resample` serves training too, where libvips may be missing.
"""

from typing import TYPE_CHECKING

from daguerre._lazy import on_demand

if TYPE_CHECKING:
    from daguerre.images.canvas import Canvas as Canvas
    from daguerre.images.formats import READABLE as READABLE
    from daguerre.images.formats import WRITABLE as WRITABLE
    from daguerre.images.picture import Picture as Picture
    from daguerre.images.picture_like import PictureLike as PictureLike
    from daguerre.images.picture_like import as_picture as as_picture
    from daguerre.images.save import SaveOptions as SaveOptions
    from daguerre.images.save import check_target as check_target
else:
    __getattr__, __dir__ = on_demand(__name__)
