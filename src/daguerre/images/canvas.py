"""Canvas: collects a result window by window, in memory while there is room and on disk beyond that."""

from torch import Tensor

from daguerre.errors import WeightsDamaged
from daguerre.images.pages import blank, touch
from daguerre.images.picture import Picture
from daguerre.images.pixels import check_inside, luma, to_levels
from daguerre.tiling.windows import Window

__all__ = ["Canvas"]


class Canvas:
    """A picture to write to; initially black and fully transparent.

    For where it is stored see `pages.blank`.

    Args:
        height, width: size in pixels.
        bits: 8 or 16 per channel.
        grey: keep one channel, so that the result is exactly neutral.
        alpha: with transparency.

    Raises:
        UnwritablePicture: no room for it on disk.
    """

    def __init__(self, height: int, width: int, *, bits: int = 8, grey: bool = False, alpha: bool = False) -> None:
        if min(height, width) < 1 or bits not in (8, 16):
            raise ValueError(f"no canvas of {height} x {width} pixels with {bits} bits")
        self.height, self.width, self.bits, self.grey, self.alpha = height, width, bits, grey, alpha
        self.levels = blank((height, width, (1 if grey else 3) + alpha), bits)

    def write(self, window: Window, image: Tensor) -> None:
        """Write `image` (1, 3, h, w) or (1, 1, h, w) in [0, 1] into a window; values outside are clamped.

        A gray canvas stores its luma.
        """
        self.put(window, luma(image) if self.grey else image.expand(-1, 3, -1, -1), slice(0, 1 if self.grey else 3))

    def write_alpha(self, window: Window, alpha: Tensor) -> None:
        """Write `alpha` (1, 1, h, w) in [0, 1], 1 = opaque, into a window."""
        if not self.alpha:
            raise ValueError("this canvas has no alpha")
        self.put(window, alpha, slice(-1, None))

    def put(self, window: Window, values: Tensor, channels: slice) -> None:
        if values.shape[-2:] != (window.height, window.width) or values.shape[0] != 1:
            raise ValueError(f"{tuple(values.shape)} does not fill a window of {window.height} x {window.width}")
        check_inside(window, self.height, self.width)
        if values.isnan().any():  # it would silently turn black
            raise WeightsDamaged("the weights of a model overflow, so it makes no picture; choose another model")
        self.levels[(*window.slices, channels)] = to_levels(values, self.bits)
        touch(self.levels, window.height * self.levels[0].nbytes)

    def picture(self, like: Picture | None = None) -> Picture:
        """The result, as a picture that shares the canvas' memory.

        Args:
            like: a picture whose color profile and metadata the result takes over.
        """
        return Picture.from_levels(self.levels, like=like)
