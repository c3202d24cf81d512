"""Run a function of windows over a picture of any size: read ahead, compute, write behind.

The function must be pure: the pixels it computes depend on the picture alone, not on the window. Then the
result does not depend on the window side, a window that does not fit in the device's memory can be halved, and no
blending is needed.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

from daguerre.errors import DeviceError
from daguerre.progress import Progress, ProgressCallback, silent
from daguerre.tiling.memory import release_free
from daguerre.tiling.windows import Window, plan_windows

__all__ = ["run_windows"]

Source = TypeVar("Source")
Made = TypeVar("Made")

RELEASE_INTERVAL = 1.0  # seconds after which unused memory is given back again
SMALLEST_SIDE = 32  # pixels; a device that cannot hold this cannot hold the network either


def run_windows(
    windows: Sequence[Window],
    *,
    read: Callable[[Window], Source],
    compute: Callable[[Window, Source], Made],
    write: Callable[[Window, Made], None],
    step: str,
    progress: ProgressCallback = silent,
) -> None:
    """Run `read`, `compute` and `write` on every window, in order.

    One thread reads the next window and another writes the last one meanwhile. If the device runs out of memory, the
    window is read and computed again in four parts, and so are all later ones.

    Args:
        windows: windows that cover the picture.
        read: returns the input of `compute` for a window; runs in its own thread.
        compute: returns a window's result; a pure function of the picture.
        write: receives a window's result; runs in its own thread, one window at a time, in order.
        step: description for `progress`.

    Raises:
        DeviceError: even the smallest window does not fit in the device's memory.
    """
    total = sum(window.height * window.width for window in windows)
    done = 0
    limit = max((max(window.height, window.width) for window in windows), default=1)
    progress(Progress(step=step, done=0, total=total))
    release_free()
    released = time.monotonic()
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        written: Future[None] | None = None
        for window, source in read_ahead(windows, read, reader):
            pieces = [(window, source)] if max(window.height, window.width) <= limit else quartered(window, limit, read)
            for piece, piece_source in pieces:
                for part, made in computed(piece, piece_source, read, compute):
                    limit = min(limit, max(part.height, part.width)) if part != piece else limit
                    if written is not None:
                        written.result()
                    written = writer.submit(write, part, made)
            done += window.height * window.width
            if time.monotonic() > released + RELEASE_INTERVAL:
                release_free()
                released = time.monotonic()
            progress(Progress(step=step, done=done, total=total))
        if written is not None:
            written.result()
    release_free()


def read_ahead(
    windows: Sequence[Window], read: Callable[[Window], Source], reader: ThreadPoolExecutor
) -> Iterator[tuple[Window, Source]]:
    """Each window with its input, reading one window ahead."""
    following = reader.submit(read, windows[0]) if windows else None
    for position, window in enumerate(windows):
        assert following is not None
        source = following.result()
        if position + 1 < len(windows):
            following = reader.submit(read, windows[position + 1])
        yield window, source


def computed(
    window: Window, source: Source, read: Callable[[Window], Source], compute: Callable[[Window, Source], Made]
) -> Iterator[tuple[Window, Made]]:
    """The result of a window, in parts if the device runs out of memory."""
    made = None
    with contextlib.suppress(torch.OutOfMemoryError):
        made = compute(window, source)
    if made is not None:
        yield window, made
        return
    side = max(window.height, window.width)
    if side <= SMALLEST_SIDE:
        raise DeviceError(
            f"the device has no memory left, even for {window.height} x {window.width} pixels; "
            "close other programs that use it, or use --device cpu"
        )
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    for part, part_source in quartered(window, (side + 1) // 2, read):
        yield from computed(part, part_source, read, compute)


def quartered(window: Window, side: int, read: Callable[[Window], Source]) -> Iterator[tuple[Window, Source]]:
    """Parts of a window no larger than `side`, each read again."""
    for part in plan_windows(window.height, window.width, side):
        moved = Window(window.top + part.top, window.left + part.left, part.height, part.width)
        yield moved, read(moved)
