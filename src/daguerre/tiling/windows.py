"""Windows: arithmetic for covering a picture of any size with rectangles of bounded size."""

from dataclasses import dataclass

__all__ = ["Window", "plan_windows"]


@dataclass(frozen=True)
class Window:
    """A rectangle of a picture: rows `top` to `bottom`, columns `left` to `right`, in pixels, ends excluded."""

    top: int
    left: int
    height: int
    width: int

    @property
    def bottom(self) -> int:
        return self.top + self.height

    @property
    def right(self) -> int:
        return self.left + self.width

    @property
    def slices(self) -> tuple[slice, slice]:
        """Row and column slices, to index the last two axes of an array."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def grown(self, halo: int, height: int, width: int) -> "Window":
        """This window with `halo` more pixels on every side, clipped to a picture of (height, width)."""
        top, left = max(self.top - halo, 0), max(self.left - halo, 0)
        bottom, right = min(self.bottom + halo, height), min(self.right + halo, width)
        return Window(top, left, bottom - top, right - left)

    def within(self, outer: "Window") -> "Window":
        """The same rectangle in the coordinates of `outer`, a window that contains it."""
        return Window(self.top - outer.top, self.left - outer.left, self.height, self.width)

    def scaled(self, scale: int) -> "Window":
        """The same rectangle in a picture `scale` times as large."""
        return Window(self.top * scale, self.left * scale, self.height * scale, self.width * scale)


def plan_windows(height: int, width: int, side: int) -> list[Window]:
    """Cover a picture exactly with non-overlapping windows, row by row, none larger than `side`.

    Args:
        height, width: picture size in pixels, at least 1.
        side: largest window side in pixels, at least 1.

    Raises:
        ValueError: a size below 1.
    """
    if min(height, width, side) < 1:
        raise ValueError(f"no windows of side {side} in a picture of {height} x {width}")
    return [
        Window(top, left, min(side, height - top), min(side, width - left))
        for top in range(0, height, side)
        for left in range(0, width, side)
    ]
