"""Training pictures: found in folders and tar files, decoded once, kept in memory as 8-bit, cut at random."""

import bisect
import io
import logging
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from PIL import Image, ImageCms, ImageOps
from torch import Tensor

from daguerre.errors import DataError
from daguerre.images.resample import resize_bicubic
from daguerre.progress import Progress, ProgressCallback

__all__ = [
    "PROCESSOR",
    "Crops",
    "hold_out",
    "load_pictures",
    "middle",
    "near",
    "resized",
    "shrink",
]

log = logging.getLogger(__name__)

PROCESSOR = torch.device("cpu")
CELL = 64  # side of one picture on a sheet, in pixels
ROOM = 0.25  # of a GPU's free memory may hold pictures
PACKED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst", ".zip")
SUFFIXES = {".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}


def load_pictures(
    data: Path, parts: Iterable[str], *, least: int, progress: ProgressCallback
) -> tuple[dict[str, Tensor], list[str]]:
    """Decode every picture in some parts of a data folder.

    A file called `sheet-*` whose sides are multiples of 64 pixels is a grid of pictures of that size.

    Args:
        data: the data folder.
        parts: folders or uncompressed tar files below it; folders are searched to the bottom, tar files in them too.
        least: pictures with a side below this many pixels are left out.

    Returns:
        Pictures (3, H, W) uint8 by name, in an order that depends on the names alone; and one line for every picture
        that was left out, with the reason.

    Raises:
        DataError: a part is missing, or there is no picture to train with.
    """
    pictures: dict[str, Tensor] = {}
    left_out: list[str] = []
    for name, read in walk(data, parts):
        try:
            picture = decode(read())
        # Pillow's decoders raise any of these on damaged files.
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, ImageCms.PyCMSError) as error:
            left_out.append(f"{name}: {error}")
            continue
        found = dict(on_sheet(name, picture)) if is_sheet(name, picture) else {name: picture}
        height, width = next(iter(found.values())).shape[1:]
        if min(height, width) < least:
            left_out.append(f"{name}: {height} x {width} pixels, {least} are needed")
            continue
        pictures |= found
        progress(Progress(step="reading pictures", done=len(pictures), total=len(pictures)))
    for line in left_out:
        log.warning("left out %s", line)
    if not pictures:
        reason = f"; the first of {len(left_out)} left out is {left_out[0]}" if left_out else ""
        raise DataError(f"no picture to train with in {', '.join(parts)} below {str(data)!r}{reason}")
    return pictures, left_out


def is_sheet(name: str, picture: Tensor) -> bool:
    return PurePosixPath(name).name.startswith("sheet-") and not any(side % CELL for side in picture.shape[1:])


def on_sheet(name: str, sheet: Tensor) -> Iterator[tuple[str, Tensor]]:
    """The pictures of a grid (3, H, W), row by row, by name."""
    cells = sheet.unfold(1, CELL, CELL).unfold(2, CELL, CELL)  # (3, rows, columns, CELL, CELL)
    for number, cell in enumerate(cells.permute(1, 2, 0, 3, 4).flatten(0, 1)):
        yield f"{name}#{number}", cell.contiguous()


Read = Callable[[], bytes]
"""Gives a file's content; raises OSError where it cannot."""


def walk(data: Path, parts: Iterable[str]) -> Iterator[tuple[str, Read]]:
    """Every picture file's name and what reads it, in the order of the names; a tar's name is a part of its members'.

    Of an archive that is compressed or ends too early it is the reader that says so.
    """
    for part in parts:
        top = data / part
        if not top.exists():
            raise DataError(f"no {part!r} in the data folder {str(data)!r}; give the right folder with --data")
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            name = path.relative_to(data).as_posix()
            if path.suffix.lower() == ".tar":
                yield from walk_tar(path, name)
            elif path.name.lower().endswith(PACKED):
                yield name, refusing("an archive that is compressed; unpack it, or pack it as .tar")
            elif path.suffix.lower() in SUFFIXES and path.is_file():
                yield name, path.read_bytes


def walk_tar(path: Path, name: str) -> Iterator[tuple[str, Read]]:
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                file = archive.extractfile(member)
                if file is not None and PurePosixPath(member.name).suffix.lower() in SUFFIXES:
                    yield f"{name}/{member.name}", file.read
            end = archive.offset
        with path.open("rb") as file:
            file.seek(end)
            if file.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:  # no such block ends it
                yield name, refusing("an archive that is damaged; what comes after its last picture here is missing")
    except (tarfile.TarError, OSError) as error:
        raise DataError(f"cannot read {str(path)!r} as an uncompressed tar file: {error}") from error


def refusing(reason: str) -> Read:
    def read() -> bytes:
        raise OSError(reason)

    return read


def decode(content: bytes) -> Tensor:
    """Decode a picture file to (3, H, W) uint8 sRGB, upright; of 16 bits the upper eight count, and no transparency."""
    with Image.open(io.BytesIO(content)) as picture:
        upright = ImageOps.exif_transpose(picture)
        profile = picture.info.get("icc_profile")
    if upright.mode.startswith("I"):  # Pillow would cut off all that is above 255
        upright = Image.fromarray((np.asarray(upright).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))
    elif profile and upright.mode in ("RGB", "CMYK"):
        source, target = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
        upright = ImageCms.profileToProfile(upright, source, target, outputMode="RGB") or upright
    return torch.from_numpy(np.array(upright.convert("RGB"))).permute(2, 0, 1).contiguous()


def hold_out(names: Iterable[str], one_in: int) -> set[str]:
    """Choose the names kept for validation: about one in `one_in`, at least one, the same whatever else is there.

    A name is chosen by the checksum of its last part, so a picture stays on its side when folders are packed or moved.

    Raises:
        DataError: nothing would be left to train on.
    """

    def rank(name: str) -> tuple[int, str]:
        return zlib.crc32(PurePosixPath(name).name.encode()), name

    names = list(names)
    chosen = {name for name in names if rank(name)[0] % one_in == 0} or {min(names, key=rank)}
    if len(chosen) == len(names):
        raise DataError(f"all pictures ({len(names)}) would be held out; add some, or raise validation.one_in")
    return chosen


def shrink(picture: Tensor, scale: int) -> Tensor:
    """The exact low-resolution twin of a picture (3, H, W) uint8 whose sides are multiples of `scale`."""
    _, height, width = picture.shape
    return resized(picture, height // scale, width // scale)


def resized(picture: Tensor, height: int, width: int) -> Tensor:
    """A picture (3, H, W) uint8 with other sides, by MATLAB's bicubic."""
    return resize_bicubic(picture[None].float(), height, width)[0].round_().clamp_(0, 255).byte()


def near(pictures: Sequence[Tensor], device: torch.device) -> list[Tensor]:
    """The pictures on `device`, so that batches are made there; as they are if a GPU has no ample room for them."""
    needed = sum(picture.nbytes for picture in pictures)
    if device.type == "cuda" and needed > ROOM * torch.cuda.mem_get_info(device)[0]:
        return list(pictures)
    return [picture.to(device) for picture in pictures]


def middle(picture: Tensor, side: int, multiple: int) -> tuple[slice, slice]:
    """Rows and columns of the middle `side` pixels, or fewer, of a picture; ends are multiples of `multiple`."""

    def span(length: int) -> slice:
        size = min(side, length) // multiple * multiple
        start = (length - size) // 2 // multiple * multiple
        return slice(start, start + size)

    return span(picture.shape[-2]), span(picture.shape[-1])


def trimmed(picture: Tensor, multiple: int) -> Tensor:
    """`picture` without the last rows and columns that make its sides no multiple of `multiple`."""
    height, width = (side // multiple * multiple for side in picture.shape[-2:])
    return picture[..., :height, :width]


class Crops:
    """Random crops of pictures, mirrored and turned, each with its low-resolution twin.

    The twins are made once and from whole pictures, so that no crop's border shows in them. A picture is drawn as often
    as it is large, so small ones are not learnt by heart.

    Args:
        pictures: (3, H, W) uint8.
        scale: side of a picture over that of its twin; 1 where no twin is wanted: pictures are their own.
        device: where crops are cut.
        wish: makes of a twin and its picture what is to be cut instead of the picture, as large as it.
    """

    def __init__(
        self,
        pictures: Iterable[Tensor],
        *,
        scale: int,
        progress: ProgressCallback,
        device: torch.device = PROCESSOR,
        wish: Callable[[Tensor, Tensor], Tensor] | None = None,
    ) -> None:
        self.scale = scale
        high = [trimmed(picture, scale) for picture in pictures]
        low = []
        for picture in high:
            low.append(picture if scale == 1 else shrink(picture, scale))
            progress(Progress(step="shrinking pictures", done=len(low), total=len(high)))
        if wish is not None:
            for i, twin in enumerate(low):
                high[i] = wish(twin, high[i])
                progress(Progress(step="asking the teachers", done=i + 1, total=len(high)))
        self.high, self.low = near(high, device), near(low, device)
        pixels = torch.tensor([picture.shape[1] * picture.shape[2] for picture in low], dtype=torch.float64)
        self.until = (pixels.cumsum(0) / pixels.sum()).tolist()

    def draw(self, batch: int, side: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Cut crops at random.

        Args:
            batch: how many.
            side: of the crops, in pixels; a multiple of `scale`, at most the shortest side of a picture.

        Returns:
            Low (batch, 3, side / scale, side / scale), uint8, and high (batch, 3, side, side), uint8 or as wished.
        """
        low: list[Tensor] = []
        high: list[Tensor] = []
        for which, y, x, turn in torch.rand(batch, 4, generator=generator, dtype=torch.float64).tolist():
            i = bisect.bisect(self.until, which)
            _, height, width = self.low[i].shape
            small = side // self.scale
            top, left = int(y * (height - small + 1)), int(x * (width - small + 1))
            for pieces, picture, k in ((low, self.low[i], 1), (high, self.high[i], self.scale)):
                piece = picture[:, top * k : (top + small) * k, left * k : (left + small) * k]
                pieces.append(turned(piece, int(turn * 8)))
        return torch.stack(low), torch.stack(high)


def turned(piece: Tensor, way: int) -> Tensor:
    """One of the eight ways, 0 to 7, to mirror and turn a square."""
    if way & 1:
        piece = piece.flip(-1)
    if way & 2:
        piece = piece.flip(-2)
    return piece.transpose(-1, -2) if way & 4 else piece
