"""Picture: a photograph on disk or in memory, read window by window."""

import functools
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray
from torch import Tensor

from daguerre.images.colour import Colour, three_channels, to_working
from daguerre.images.decode import decode
from daguerre.images.metadata import Metadata, read_metadata
from daguerre.images.pages import touch
from daguerre.images.pillow import pillow_from, tiff_from
from daguerre.images.pixels import Levels, array_of, batched, check_inside, luma, to_levels, to_tensor
from daguerre.images.reasons import damaged
from daguerre.images.save import SaveOptions, check_target, save_image, to_depth
from daguerre.images.source import Source
from daguerre.images.vips import begin_use, pyvips
from daguerre.progress import ProgressCallback, silent
from daguerre.tiling.windows import Window, plan_windows

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Picture"]

StrPath = str | os.PathLike[str]


class Picture:
    """A photograph of any size, upright, with its metadata; created by `open` or one of the `from_` methods.

    Pixels are decoded when read. Several threads may read at once. `colour` describes the color space. A picture can be
    pickled: one that was opened is opened again, any other takes its pixels along.

    Args:
        image: pixels with 1 or 3 channels and perhaps alpha, 8 or 16 bits, in the working space.
        bits: bits per channel of the file, also when saving: 8 or 16.
        path: the file, or a name.
        source: what `image` was opened from.
    """

    def __init__(
        self,
        image: pyvips.Image,
        *,
        bits: int,
        colour: Colour,
        metadata: Metadata,
        path: Path | None = None,
        source: Source | None = None,
    ) -> None:
        begin_use()
        self.image, self.bits, self.colour, self.metadata = image, bits, colour, metadata
        self.path, self.source = path, source
        self.held: Levels | None = None  # its pixels, if they are in memory or in a temporary file of ours

    @classmethod
    def open(cls, path: StrPath, *, max_pixels: int | None = None, page: int | None = None) -> "Picture":
        """Open a file of any supported format, recognized by its content, not its name.

        Damage that shows only in the pixels is reported when they are read. Damaged or oversized metadata are left out,
        with a line in the log.

        Args:
            max_pixels: refuse larger pictures; by default those of more than 4 gigapixels, those that need more than
                1.25 GiB of memory to decode, and those of more than 250 megapixels whose file is implausibly small.
            page: page or frame, from 1; by default the first, with a line in the log if there are more.

        Raises:
            UnreadablePicture: missing, empty, not a picture, damaged, too large, or without this page.
            MissingExtra: a HEIC file, and the extra `heic` is not installed.
            OptionError: `max_pixels` or `page` is less than 1.
        """
        return cls.opened(Source(path=Path(path), max_pixels=max_pixels, page=page))

    @classmethod
    def from_bytes(
        cls, data: bytes, *, name: str = "-", max_pixels: int | None = None, page: int | None = None
    ) -> "Picture":
        """Open the contents of a picture file; otherwise as `open`.

        Args:
            name: for messages.
        """
        return cls.opened(Source(path=Path(name), data=bytes(data), max_pixels=max_pixels, page=page))

    @classmethod
    def opened(cls, source: Source) -> "Picture":
        """Decode a source."""
        decoded, format = decode(source)
        with source.open() as file:
            metadata = read_metadata(decoded, file, source.path, format)
        try:
            image, colour = to_working(decoded, source.path)
        except pyvips.Error as error:
            raise damaged(source.path, error, format) from error
        bits = 8 if decoded.format == "uchar" else 16
        path = source.path if source.data is None else None
        return cls(image, bits=bits, colour=colour, metadata=metadata, path=path, source=source)

    def __getstate__(self) -> dict[str, Any]:
        state = {"bits": self.bits, "colour": self.colour, "metadata": self.metadata, "path": self.path}
        if self.source is not None:
            return state | {"source": self.source.absolute()}
        return state | {"levels": self.pixels(self.image)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        source = state.get("source")
        like = Picture.opened(source) if source else Picture.from_levels(state["levels"])
        kept = {name: state[name] for name in ("bits", "colour", "metadata", "path")}
        self.__init__(like.image, source=source, **kept)  # type: ignore[misc]

    @classmethod
    def from_levels(cls, levels: Levels, *, like: "Picture | None" = None) -> "Picture":
        """A picture of pixel values (H, W, channels), gray or RGB, perhaps followed by alpha; they are not copied.

        Args:
            like: picture to copy profile and metadata from, the profile only if it fits. A gray result of an RGB
                picture is saved with three equal channels.
        """
        height, width, bands = levels.shape
        bits = levels.dtype.itemsize * 8
        image = pyvips.Image.new_from_memory(levels, width, height, bands, "uchar" if bits == 8 else "ushort")
        colour = Colour(1 if bands < 3 else 3)
        if like is not None and like.colour.channels >= colour.channels:
            colour = like.colour
        metadata = like.metadata if like else Metadata()
        made = cls(to_depth(image, bits), bits=bits, colour=colour, metadata=metadata)
        made.held = levels
        return made

    @classmethod
    def from_array(cls, array: NDArray[np.generic], *, like: "Picture | None" = None) -> "Picture":
        """A picture of an array (H, W) or (H, W, 1 to 4): gray, gray and alpha, RGB, RGB and alpha.

        Args:
            array: uint8; uint16; bool, for a mask; or floating-point numbers in [0, 1], which become 16 bits.

        Raises:
            ValueError: another shape, type or range, or a masked array.
        """
        shape, kind = array.shape, array.dtype
        array = array[..., None] if array.ndim == 2 else array
        if array.ndim != 3 or not 1 <= array.shape[2] <= 4 or 0 in array.shape:
            raise ValueError(f"an array of shape {shape} is no picture; it must be (H, W) or (H, W, 1 to 4)")
        if isinstance(array, np.ma.MaskedArray):
            raise ValueError("a masked array is no picture; say with .filled(0) or .data what is behind the mask")
        if np.issubdtype(kind, np.floating):
            if not (array.min() >= 0 and array.max() <= 1):
                raise ValueError(f"numbers from {array.min():g} to {array.max():g}; a picture's lie between 0 and 1")
            array = np.rint(array.astype(np.float64) * 65535).astype(np.uint16)
        elif kind == np.bool_:
            array = array.astype(np.uint8) * 255
        elif kind.newbyteorder("=") not in (np.uint8, np.uint16):
            raise ValueError(f"an array of {kind} is no picture; it must be uint8, uint16, float or bool")
        return cls.from_levels(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("=")), like=like)

    @classmethod
    def from_tensor(
        cls, image: Tensor, *, alpha: Tensor | None = None, bits: int = 8, like: "Picture | None" = None
    ) -> "Picture":
        """A picture of an image (1, C, H, W) or (C, H, W) in [0, 1], clamped, on any device.

        Args:
            image: gray, gray and alpha, RGB, or RGB and alpha. Integers are interpreted as in `from_array`.
            alpha: (1, 1, H, W), where `image` has none.
            bits: 8 or 16 per channel, rounded.
            like: picture to copy profile and metadata from; if it is gray, so is the result.

        Raises:
            ValueError: another shape or type.
        """
        image = batched(image)
        if not image.is_floating_point():
            return cls.from_array(array_of(image), like=like)
        if alpha is None and image.shape[1] in (2, 4):
            image, alpha = image[:, :-1], image[:, -1:]
        image = luma(image) if like is not None and like.grey else image
        parts = [to_levels(part, bits) for part in (image, alpha) if part is not None]
        return cls.from_levels(np.concatenate(parts, axis=2), like=like)

    @classmethod
    def from_pil(cls, image: "Image") -> "Picture":
        """A picture of a Pillow image, upright, with its profile, EXIF, XMP and resolution.

        Raises:
            UnreadablePicture: the mode is not one of photographs: 32-bit integers or floating-point numbers.
        """
        return cls.opened(Source(path=Path("the Pillow image"), data=tiff_from(image), whole=False))

    @property
    def height(self) -> int:
        return int(self.image.height)

    @property
    def width(self) -> int:
        return int(self.image.width)

    @property
    def alpha(self) -> bool:
        """Whether it has transparency."""
        return self.image.bands in (2, 4)

    @property
    def profile(self) -> bytes | None:
        """ICC profile that it is saved with, unless as sRGB."""
        return self.colour.profile

    @property
    def xmp(self) -> bytes | None:
        """XMP packet."""
        return self.metadata.xmp

    @functools.cached_property
    def grey(self) -> bool:
        """Whether no pixel is colored: one channel, or three that are equal everywhere.

        Reads an RGB picture up to the first colored pixel, which usually comes soon.
        """
        if self.image.bands < 3:
            return True
        for window in plan_windows(self.height, self.width, 1024):
            levels = self.fetch(window)
            if not ((levels[..., 0] == levels[..., 1]) & (levels[..., 1] == levels[..., 2])).all():
                return False
        return True

    def read(self, window: Window | None = None) -> Tensor:
        """Colors of a window, or of the whole picture: (1, 3, h, w), float32, sRGB or treated as sRGB, in [0, 1].

        Gray has three equal channels. A value v is v / 255 for 8 bits, v / 65535 for 16 bits.

        Raises:
            UnreadablePicture: the file is damaged here.
            ValueError: the window is outside the picture.
        """
        levels = self.fetch(window)
        if levels.shape[2] < 3:
            return to_tensor(levels[..., :1]).repeat(1, 3, 1, 1)
        return to_tensor(levels[..., :3])

    def read_alpha(self, window: Window | None = None) -> Tensor:
        """Transparency of a window, or of the whole picture: (1, 1, h, w), float32, 0 = transparent, 1 = opaque."""
        if self.alpha:
            return to_tensor(self.fetch(window)[..., -1:])
        return torch.ones(1, 1, *((window.height, window.width) if window else (self.height, self.width)))

    def array(self) -> NDArray[np.uint8] | NDArray[np.uint16]:
        """The whole picture as saved, in its own bit depth: (H, W) or, with more channels, (H, W, channels)."""
        image = three_channels(self.image) if self.image.bands < self.colour.channels else self.image
        levels = self.pixels(to_depth(image, self.bits))
        return levels[..., 0] if levels.shape[2] == 1 else levels

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """Like `array`, for `np.asarray`.

        Raises:
            ValueError: `copy` is False, but a picture's pixels are always copied.
        """
        if copy is False:
            raise ValueError("the pixels of a picture are always copied; leave copy=False out")
        return np.asarray(self.array(), dtype)

    def to_tensor(self) -> Tensor:
        """The whole picture with all its channels: (1, C, H, W), float32, in [0, 1]; `read` always gives three."""
        levels = self.array()
        return to_tensor(levels[..., None] if levels.ndim == 2 else levels)

    def to_pil(self) -> "Image":
        """A Pillow image with its profile, EXIF and XMP; 16 bits become 8 except in gray, since Pillow has no more.

        Raises:
            MissingExtra: Pillow is not installed.
        """
        array = self.array()
        array = self.saved_with(bits=8).array() if self.bits == 16 and array.ndim == 3 else array
        profile = None if self.colour.converted else self.profile  # the numbers are then sRGB
        return pillow_from(array, profile, self.metadata)

    def save(
        self,
        path: StrPath,
        *,
        overwrite: bool = False,
        options: SaveOptions | None = None,
        xmp: bytes | None = None,
        progress: ProgressCallback = silent,
    ) -> Path:
        """Write it to a file, in the format of the extension, atomically.

        Transparent areas become white in JPEG and BMP; 16 bits become 8 if the format has no more (12 in AVIF). EXIF,
        XMP and resolution are kept if the format holds them (GIF and BMP do not), IPTC in JPEG and TIFF.

        Args:
            overwrite: replace an existing file.
            xmp: an XMP packet instead of the picture's own.

        Raises:
            UnwritablePicture: unknown extension, no such folder, a full disk, or too many pixels for the format.
            OutputExists: the file exists, and `overwrite` is False.
            UnreadablePicture: the file of this picture is damaged.
        """
        path = Path(path)
        check_target(path, overwrite=overwrite, source=None if overwrite else self.path)
        self.fetch(Window(0, 0, 1, 1))  # decodes its file first, so that damage there is not reported as the writer's
        metadata = self.metadata if xmp is None else replace(self.metadata, xmp=xmp)
        save_image(
            self.image,
            path,
            bits=self.bits,
            colour=self.colour,
            metadata=metadata,
            overwrite=overwrite,
            options=options or SaveOptions(),
            progress=progress,
        )
        return path

    def to_bytes(self, format: str, *, options: SaveOptions | None = None) -> bytes:
        """The bytes that `save` would write.

        Args:
            format: an extension, such as `png`.
        """
        with tempfile.TemporaryDirectory(prefix="daguerre-") as folder:
            return self.save(Path(folder) / f"picture.{format.removeprefix('.')}", options=options).read_bytes()

    def saved_with(self, *, bits: int | None = None, xmp: bytes | None = None) -> "Picture":
        """The same pixels with another number of bits per channel for saving, 8 or 16, or another XMP packet."""
        metadata = self.metadata if xmp is None else replace(self.metadata, xmp=xmp)
        return Picture(
            self.image,
            bits=bits or self.bits,
            colour=self.colour,
            metadata=metadata,
            path=self.path,
            source=self.source,
        )

    def fetch(self, window: Window | None) -> Levels:
        """Pixel values (h, w, channels) of a window, or of all."""
        if window is None:
            return self.pixels(self.image)
        check_inside(window, self.height, self.width)
        if self.held is not None:
            touch(self.held, window.height * self.held[0].nbytes)
        return self.pixels(self.image.crop(window.left, window.top, window.width, window.height))

    def pixels(self, image: pyvips.Image) -> Levels:
        begin_use()
        try:
            return image.numpy().reshape(image.height, image.width, image.bands)  # type: ignore[no-any-return]
        except pyvips.Error as error:
            name = self.source.path if self.source else self.path or Path("the picture")
            raise damaged(name, error) from error
