"""Feature maps whose rows are computed when read, and stored if recomputing them is expensive.

A map is stored in strips of full-width rows, not windows: left and right edges are true edges, and a strip is one
contiguous part of the temporary file. Its statistics are gathered while it is computed.
"""

import functools
import tempfile
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Self, Union

import torch
from torch import Tensor

from daguerre.errors import DeviceError
from daguerre.tiling.moments import Moments

__all__ = ["LazyMap", "Storage", "Streaming"]

Read = Callable[[int, int], Tensor]
Reach = Callable[[int, int], tuple[int, int]]
Operand = Union["LazyMap", Tensor, float]


def nothing(values: int) -> None:
    """Do nothing after a strip."""


def unmoved(top: int, bottom: int) -> tuple[int, int]:
    return top, bottom


@dataclass(frozen=True, kw_only=True)
class Streaming:
    """How much memory a streamed network may use, and where it computes.

    Args:
        elements: values of a feature map computed at once, in whole rows, at least one; 4 bytes each.
        memory: bytes up to which a feature map is kept in memory; a larger one goes to a temporary file.
        device: where the network's weights are.
        after_strip: called after each computed strip with the number of its values; it stops the run by raising.
    """

    elements: int = 2**22
    memory: int = 2**26
    device: torch.device = torch.device("cpu")  # noqa: RUF009 - immutable
    after_strip: Callable[[int], None] = nothing


class LazyMap:
    """A feature map (1, channels, height, width) of which any rows can be read.

    Args:
        channels, height, width: its size.
        read: gives rows `top` to `bottom` as (1, channels, bottom - top, width) on the device.
        streaming: how derived maps are computed; None to plan only: dependencies are known, nothing can be read.
        needs: rows of the picture that rows `top` to `bottom` depend on; may exceed its edges.
        costly: whether reading computes more than one value from one value.
    """

    def __init__(
        self,
        channels: int,
        height: int,
        width: int,
        read: Read,
        *,
        streaming: Streaming | None,
        needs: Reach = unmoved,
        costly: bool = False,
    ) -> None:
        self.channels, self.height, self.width = channels, height, width
        self.read = read
        self.needs: Reach = functools.cache(needs)  # called again along every skip connection
        self.streaming, self.costly = streaming, costly
        self.moments: Moments | None = None  # of a stored map

    @classmethod
    def of(cls, image: Tensor, streaming: Streaming) -> Self:
        """The rows of a tensor (1, C, H, W)."""
        _, channels, height, width = image.shape
        return cls(channels, height, width, lambda top, bottom: image[:, :, top:bottom], streaming=streaming)

    @property
    def shape(self) -> torch.Size:
        return torch.Size((1, self.channels, self.height, self.width))

    @property
    def device(self) -> torch.device:
        return self.streaming.device if self.streaming is not None else torch.device("cpu")

    def size(self, axis: int) -> int:
        return self.shape[axis]

    def dim(self) -> int:
        return 4

    def map(
        self, function: Callable[..., Tensor], *others: "LazyMap", channels: int | None = None, costly: bool = False
    ) -> Self:
        """`function` applied pointwise to this map and the same rows of `others`."""
        maps: list[LazyMap] = [self, *others]

        def read(top: int, bottom: int) -> Tensor:
            return function(self.read(top, bottom), *(other.read(top, bottom) for other in others))

        def needs(top: int, bottom: int) -> tuple[int, int]:
            reaches = [rows.needs(top, bottom) for rows in maps]
            return min(reach[0] for reach in reaches), max(reach[1] for reach in reaches)

        return type(self)(
            channels or max(rows.channels for rows in maps),
            self.height,
            self.width,
            read,
            streaming=self.streaming,
            needs=needs,
            costly=costly or any(rows.costly for rows in maps) or bool(others),
        )

    def derived(
        self, channels: int, height: int, width: int, reach: Reach, compute: Callable[[Tensor, int, int, int], Tensor]
    ) -> Self:
        """The map whose rows `top` to `bottom` are `compute(rows reach(top, bottom), first of them, top, bottom)`."""
        source = self.settled()

        def read(top: int, bottom: int) -> Tensor:
            first, last = reach(top, bottom)
            first = max(first, 0)
            return compute(source.read(first, min(last, source.height)), first, top, bottom)

        def needs(top: int, bottom: int) -> tuple[int, int]:
            return source.needs(*reach(top, bottom))

        return type(self)(channels, height, width, read, streaming=self.streaming, needs=needs, costly=True)

    def strips(self, multiple: int = 1) -> Iterator[tuple[int, int]]:
        """First row and end of each strip of this map, in multiples of `multiple` rows."""
        assert self.streaming is not None
        step = max(self.streaming.elements // (self.channels * self.width * multiple), 1) * multiple
        for top in range(0, self.height, step):
            yield top, min(top + step, self.height)

    def settled(self) -> Self:
        """This map, stored first if reading it is expensive."""
        if self.costly and self.streaming is not None:
            self.store()
        return self

    def store(self) -> None:
        """Compute this map, store it, gather its statistics, and release its inputs."""
        assert self.streaming is not None
        storage = None
        moments = Moments()
        for top, bottom in self.strips():
            strip = self.read(top, bottom)
            moments.add(strip)
            storage = storage or Storage(self.channels, self.height, self.width, strip.dtype, self.streaming)
            storage.write(top, strip)
            self.streaming.after_strip(strip.numel())
        assert storage is not None
        self.read, self.needs = storage.read, unmoved
        self.costly, self.moments = False, moments

    def _combined(self, function: Callable[[Any, Any], Tensor], other: Operand) -> Self:
        if isinstance(other, LazyMap):
            return self.map(function, other)
        return self.map(lambda x: function(x, other))

    def __add__(self, other: Operand) -> Self:
        return self._combined(torch.add, other)

    def __sub__(self, other: Operand) -> Self:
        return self._combined(torch.sub, other)

    def __mul__(self, other: Operand) -> Self:
        return self._combined(torch.mul, other)

    def __truediv__(self, other: Operand) -> Self:
        return self._combined(torch.div, other)

    def __rsub__(self, other: float) -> Self:
        return self.map(lambda x: other - x)

    __radd__, __rmul__ = __add__, __mul__


class Storage:
    """Values (height, width, channels) as they were computed, in memory while small, in a temporary file beyond.

    The file has no name and vanishes when it is no longer used. It is in the folder given by the environment variable
    TMPDIR.

    Raises:
        DeviceError: no room there.
    """

    def __init__(self, channels: int, height: int, width: int, dtype: torch.dtype, streaming: Streaming) -> None:
        self.row = (width, channels)
        self.bytes = dtype.itemsize * width * channels  # in one row
        self.dtype, self.device = dtype, streaming.device
        self.values = torch.empty(height, *self.row, dtype=dtype) if height * self.bytes <= streaming.memory else None
        self.file = None
        if self.values is None:
            self.file = tempfile.TemporaryFile(prefix="daguerre-")  # noqa: SIM115 - closed when no longer used
            weakref.finalize(self, self.file.close)

    def write(self, top: int, strip: Tensor) -> None:
        rows = strip.detach()[0].permute(1, 2, 0)  # (n, W, C)
        if self.values is not None:
            self.values[top : top + len(rows)] = rows
        elif self.file is not None:
            try:
                self.file.seek(top * self.bytes)
                self.file.write(rows.cpu().contiguous().flatten().view(torch.uint8).numpy().data)
            except OSError as error:
                raise DeviceError(
                    f"no room for intermediate results in {tempfile.gettempdir()} ({error.strerror}); "
                    "set TMPDIR to a folder with more"
                ) from error

    def read(self, top: int, bottom: int) -> Tensor:
        if self.values is not None:
            rows = self.values[top:bottom]
        elif self.file is not None:
            rows = torch.empty(bottom - top, *self.row, dtype=self.dtype)
            self.file.seek(top * self.bytes)
            self.file.readinto(rows.view(torch.uint8).numpy().data)
        return rows.to(self.device).permute(2, 0, 1)[None]  # channels last in memory, which convolutions prefer
