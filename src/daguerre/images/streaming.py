"""Stream pictures by rows through whole-picture networks, with progress."""

from collections.abc import Callable, Iterator
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F

from daguerre.images import Picture
from daguerre.progress import Progress, ProgressCallback
from daguerre.tiling import Rows, Streaming, Window, streamed

__all__ = ["Meter", "padded", "rows_of"]


def rows_of(picture: Picture, channels: int, read: Callable[[Window], Tensor], streaming: Streaming) -> Rows:
    """Rows of a picture, from a function that reads windows."""

    def strip(top: int, bottom: int) -> Tensor:
        return read(Window(top, 0, bottom - top, picture.width)).to(streaming.device)

    return Rows(channels, picture.height, picture.width, strip, streaming=streaming)


def padded(rows: Rows, multiple: int, smallest: int) -> Rows:
    """`rows` padded at the bottom and the right to a multiple, mirrored; repeated if too small."""
    height, width = (max(-(-side // multiple) * multiple, smallest) for side in (rows.height, rows.width))
    down, right = height - rows.height, width - rows.width
    mode = "reflect" if down < rows.height and right < rows.width else "replicate"
    return cast(Rows, F.pad(cast(Tensor, rows), (0, right, 0, down), mode=mode))


class Meter:
    """Reports the progress of a streamed network, in computed values."""

    def __init__(self, progress: ProgressCallback) -> None:
        self.progress = progress
        self.step, self.done, self.total = "", 0, 0

    def measured(self, step: str, smallest: int, function: Callable[..., Tensor], *inputs: Rows) -> Rows:
        """Like `streamed`, reported as `step`; no map may have fewer than `smallest` rows and columns."""
        self.step, self.done, self.total = step, 0, work(smallest, function, *inputs)
        self(0)
        return streamed(function, *inputs)

    def strips(self, made: Rows, picture: Picture) -> Iterator[tuple[Window, Tensor]]:
        """The result, one strip at a time, cropped to the picture."""
        for top, bottom in made.strips():
            strip = made.read(top, bottom)
            window = Window(top, 0, min(bottom, picture.height) - top, picture.width)
            if window.height > 0:
                yield window, strip[:, :, : window.height, : window.width].cpu()
            self(strip.numel())

    def __call__(self, values: int) -> None:
        self.done += values
        self.progress(Progress(step=self.step, done=self.done, total=self.total))


def work(smallest: int, function: Callable[..., Tensor], *inputs: Rows) -> int:
    """Number of values that streaming computes in total.

    Every map has a fixed number of values per pixel, so it can be measured on a small picture.
    """
    counts: list[int] = []
    streaming = Streaming(device=inputs[0].device, after_strip=counts.append)
    fewest = min(rows.height for rows in inputs)
    small = [torch.zeros(1, rows.channels, *[smallest * rows.height // fewest] * 2) for rows in inputs]
    streamed(function, *(Rows.of(tensor.to(streaming.device), streaming) for tensor in small)).settled()
    return sum(counts) * inputs[0].height * inputs[0].width // small[0][0, 0].numel()
