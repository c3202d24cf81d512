"""Map a picture by windows: apply a pure function of windows, in bounded memory."""

from collections.abc import Callable

from torch import Tensor

from daguerre.images.canvas import Canvas
from daguerre.images.picture import Picture
from daguerre.images.visible import read_colours
from daguerre.progress import ProgressCallback, silent
from daguerre.tiling import Window, plan_windows, run_windows

__all__ = ["map_windows"]

SIDE = 1024  # pixels; window side for cheap functions

Colours = tuple[Tensor, Tensor | None]
"""Colors (1, 3, h, w) and, with transparency, alpha (1, 1, h, w)."""


def map_windows(
    picture: Picture,
    function: Callable[[Window, Tensor], Tensor],
    *,
    step: str = "",
    side: int = SIDE,
    halo: int = 0,
    source: Callable[[Window], Window] | None = None,
    size: tuple[int, int] | None = None,
    like: Picture | None = None,
    bits: int | None = None,
    grey: bool | None = None,
    alpha: Callable[[Window, Tensor], Tensor] | None = None,
    opaque: bool = False,
    read: Callable[[Picture, Window], Colours] = read_colours,
    progress: ProgressCallback = silent,
) -> Picture:
    """The picture whose every window is `function` of a window of `picture`.

    Args:
        function: maps a window of the result and the colors (1, 3, h, w) of its source to the colors of the window, or
            of the whole source, which are then cropped. It must depend on the picture alone, not on the windows.
        step: description for `progress`.
        side: of a window of the result, in pixels.
        halo: pixels of the source beyond the window, within the picture.
        source: maps a window of the result to the window of `picture` that it depends on, instead of `halo`.
        size: (height, width) of the result; by default the picture's.
        like: whose bits, profile and metadata the result takes, and whose grayness, unless they are the picture's.
        bits: per channel of the result, 8 or 16.
        grey: whether the result has one channel.
        alpha: as `function`, for transparency; by default it is cropped.
        opaque: drop transparency.
        read: reads a window of the picture.
    """
    height, width = size or (picture.height, picture.width)
    like = like or picture
    canvas = Canvas(
        height,
        width,
        bits=bits or like.bits,
        grey=like.grey if grey is None else grey,
        alpha=picture.alpha and not opaque,
    )

    def source_of(window: Window) -> Window:
        return source(window) if source else window.grown(halo, picture.height, picture.width)

    def cropped(window: Window, made: Tensor) -> Tensor:
        if made.shape[-2:] == (window.height, window.width):
            return made
        return made[(..., *window.within(source_of(window)).slices)]

    def compute(window: Window, seen: Colours) -> Colours:
        colours, transparency = seen
        made = cropped(window, function(window, colours)).cpu()
        if transparency is None or opaque:
            return made, None
        return made, cropped(window, alpha(window, transparency) if alpha else transparency)

    def write(window: Window, made: Colours) -> None:
        canvas.write(window, made[0])
        if made[1] is not None:
            canvas.write_alpha(window, made[1])

    run_windows(
        plan_windows(height, width, side),
        read=lambda window: read(picture, source_of(window)),
        compute=compute,
        write=write,
        step=step,
        progress=progress,
    )
    return canvas.picture(like=like)
