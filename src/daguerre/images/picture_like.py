"""Convert any supported input to a picture."""

import os
import sys
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias, TypeGuard, Union

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from daguerre.images.picture import Picture
from daguerre.images.pixels import array_of

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["PictureLike", "as_picture"]

PictureLike: TypeAlias = Union[Picture, str, os.PathLike[str], bytes, BinaryIO, "Image", NDArray[Any], Tensor]
"""What every task accepts as a picture:

- a `Picture`;
- the name of a file, as a string or path;
- a file's content: bytes, or a binary file object;
- a Pillow image;
- a NumPy array (H, W) or (H, W, 1 to 4) as `Picture.from_array` takes it: uint8, uint16, bool, or float in [0, 1];
- a PyTorch tensor (1 to 4, H, W) or (1, 1 to 4, H, W) of the same types, on any device.
"""

UNNAMED = "the picture"
TAKEN = "a path, bytes, a file open in mode 'rb', a Pillow image, a NumPy array, a tensor or a daguerre.Picture"


def as_picture(source: PictureLike) -> Picture:
    """A picture of any input; see `PictureLike`.

    Raises:
        UnreadablePicture: a file that is missing or not a picture.
        ValueError: an array or tensor of another shape, type or range.
        TypeError: anything else.
    """
    if isinstance(source, Picture):
        return source
    if isinstance(source, str | os.PathLike):
        return Picture.open(source)
    if isinstance(source, bytes | bytearray | memoryview):
        return Picture.from_bytes(bytes(source), name=UNNAMED)
    if isinstance(source, np.ndarray):
        return Picture.from_array(source)
    if isinstance(source, Tensor):
        return Picture.from_array(array_of(source))
    if is_pillow(source):
        return Picture.from_pil(source)
    if hasattr(source, "read"):
        data = source.read()
        if isinstance(data, bytes):
            return Picture.from_bytes(data, name=str(getattr(source, "name", UNNAMED)))
        raise TypeError("the file is open for reading text; open it in mode 'rb'")
    if isinstance(source, list | tuple | set | dict) or hasattr(source, "__next__"):
        raise TypeError(f"a {type(source).__name__} of pictures: call it once for each; it takes {TAKEN}")
    raise TypeError(f"{type(source).__name__} {source!r:.60} is no picture; give {TAKEN}")


def is_pillow(source: Any) -> TypeGuard["Image"]:
    """Whether it is a Pillow image, without importing Pillow."""
    pillow = sys.modules.get("PIL.Image")
    return pillow is not None and isinstance(source, pillow.Image)
