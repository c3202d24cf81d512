"""Training pictures: found in folders and tar files, decoded once, kept in memory as 8-bit, cropped at random."""

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
from torch.nn import functional as F

from daguerre.errors import DataError
from daguerre.images.resample import resize_bicubic
from daguerre.progress import Progress, ProgressCallback

__all__ = [
    "CPU",
    "PairedCrops",
    "center_slices",
    "hold_out",
    "load_pictures",
    "move_if_room",
    "orient",
    "resize_uint8",
    "shrink_short_side",
]

log = logging.getLogger(__name__)

CPU = torch.device("cpu")
CELL = 64  # pixels; side of one picture on a sheet
GPU_SHARE = 0.25  # fraction of a GPU's free memory that may hold pictures
COMPRESSED_ARCHIVES = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst", ".zip")
SUFFIXES = {".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}


def load_pictures(
    data: Path, parts: Iterable[str], *, least: int, progress: ProgressCallback
) -> tuple[dict[str, Tensor], list[str]]:
    """Decode every picture in some parts of a data folder.

    A file called `sheet-*` whose sides are multiples of 64 pixels is a grid of pictures of that size.

    Args:
        data: the data folder.
        parts: folders or uncompressed tar files below it; folders are searched recursively, including tar files in
            them.
        least: minimum side of a picture in pixels.

    Returns:
        Pictures (3, H, W) uint8 by name, in an order that depends on the names alone; and one line for every picture
        left out, with the reason.

    Raises:
        DataError: a part is missing, or there is no picture to train with.
    """
    pictures: dict[str, Tensor] = {}
    left_out: list[str] = []
    for name, read in picture_files(data, parts):
        try:
            picture = decode_uint8(read())
        # Pillow's decoders raise any of these on damaged files.
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, ImageCms.PyCMSError) as error:
            left_out.append(f"{name}: {error}")
            continue
        found = dict(split_sheet(name, picture)) if is_sheet(name, picture) else {name: picture}
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


def split_sheet(name: str, sheet: Tensor) -> Iterator[tuple[str, Tensor]]:
    """The pictures of a grid (3, H, W), row by row, by name."""
    cells = sheet.unfold(1, CELL, CELL).unfold(2, CELL, CELL)  # (3, rows, columns, CELL, CELL)
    for number, cell in enumerate(cells.permute(1, 2, 0, 3, 4).flatten(0, 1)):
        yield f"{name}#{number}", cell.contiguous()


Read = Callable[[], bytes]
"""Gives a file's content; raises OSError where it cannot."""


def picture_files(data: Path, parts: Iterable[str]) -> Iterator[tuple[str, Read]]:
    """Every picture file's name and reader, in order of name; the names of a tar's members begin with the tar's.

    For a compressed or truncated archive, reading raises the error.
    """
    for part in parts:
        top = data / part
        if not top.exists():
            raise DataError(f"no {part!r} in the data folder {str(data)!r}; give the right folder with --data")
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            name = path.relative_to(data).as_posix()
            if path.suffix.lower() == ".tar":
                yield from tar_members(path, name)
            elif path.name.lower().endswith(COMPRESSED_ARCHIVES):
                yield name, unreadable("an archive that is compressed; unpack it, or pack it as .tar")
            elif path.suffix.lower() in SUFFIXES and path.is_file():
                yield name, path.read_bytes


def tar_members(path: Path, name: str) -> Iterator[tuple[str, Read]]:
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                file = archive.extractfile(member)
                if file is not None and PurePosixPath(member.name).suffix.lower() in SUFFIXES:
                    yield f"{name}/{member.name}", file.read
            end = archive.offset
        with path.open("rb") as file:
            file.seek(end)
            if file.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:  # it has no end-of-archive block
                yield name, unreadable("an archive that is damaged; what comes after its last picture here is missing")
    except (tarfile.TarError, OSError) as error:
        raise DataError(f"cannot read {str(path)!r} as an uncompressed tar file: {error}") from error


def unreadable(reason: str) -> Read:
    """A reader that raises OSError."""

    def read() -> bytes:
        raise OSError(reason)

    return read


def decode_uint8(content: bytes) -> Tensor:
    """Decode a picture file to (3, H, W) uint8 sRGB, upright; 16 bits lose the lower eight, transparency is dropped."""
    with Image.open(io.BytesIO(content)) as picture:
        upright = ImageOps.exif_transpose(picture)
        profile = picture.info.get("icc_profile")
    if upright.mode.startswith("I"):  # Pillow would cut off all that is above 255
        upright = Image.fromarray((np.asarray(upright).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))
    elif profile and upright.mode in ("RGB", "CMYK"):
        source, target = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
        upright = ImageCms.profileToProfile(upright, source, target, outputMode="RGB") or upright
    return torch.from_numpy(np.array(upright.convert("RGB"))).permute(2, 0, 1).contiguous()


def hold_out(names: Iterable[str], fraction: float) -> set[str]:
    """Choose the names of the validation set, at least one, independently of each other.

    A name is chosen by the checksum of its last part, so a picture stays in its set when folders are packed or moved.

    Args:
        fraction: approximate fraction of them, in (0, 1]; one in an integer, so 0.05 is one in 20.

    Raises:
        DataError: nothing would be left for training.
    """

    def rank(name: str) -> tuple[int, str]:
        return zlib.crc32(PurePosixPath(name).name.encode()), name

    names, one_in = list(names), round(1 / fraction)
    chosen = {name for name in names if rank(name)[0] % one_in == 0} or {min(names, key=rank)}
    if len(chosen) == len(names):
        raise DataError(f"all pictures ({len(names)}) would be held out; add some, or lower validation.fraction")
    return chosen


def resize_uint8(picture: Tensor, height: int, width: int) -> Tensor:
    """A picture (3, H, W) uint8 resized by MATLAB's bicubic to (3, height, width) uint8."""
    return resize_bicubic(picture[None].float(), height, width)[0].round_().clamp_(0, 255).byte()


def shrink_short_side(image: Tensor, side: int) -> Tensor:
    """Images (B, 3, H, W) with a shorter side of at most `side` pixels, bilinear with antialiasing."""
    share = side / min(image.shape[-2:])
    if share >= 1:
        return image
    size = [round(length * share) for length in image.shape[-2:]]
    return F.interpolate(image, size=size, mode="bilinear", antialias=True)


def move_if_room(pictures: Sequence[Tensor], device: torch.device) -> list[Tensor]:
    """Move the pictures to `device`, so that batches are made there, unless a GPU lacks the memory."""
    needed = sum(picture.nbytes for picture in pictures)
    if device.type == "cuda" and needed > GPU_SHARE * torch.cuda.mem_get_info(device)[0]:
        return list(pictures)
    return [picture.to(device) for picture in pictures]


def center_slices(picture: Tensor, side: int, multiple: int) -> tuple[slice, slice]:
    """Rows and columns of the central `side` pixels, or fewer, of (..., H, W); ends are multiples of `multiple`."""

    def span(length: int) -> slice:
        size = min(side, length) // multiple * multiple
        start = (length - size) // 2 // multiple * multiple
        return slice(start, start + size)

    return span(picture.shape[-2]), span(picture.shape[-1])


def crop_to_multiple(picture: Tensor, multiple: int) -> Tensor:
    """A picture (..., H, W) cropped at the bottom and right to multiples of `multiple`."""
    height, width = (side // multiple * multiple for side in picture.shape[-2:])
    return picture[..., :height, :width]


class PairedCrops:
    """Random crops of pictures, flipped and transposed, each with its low-resolution twin.

    Pictures are drawn in proportion to their area, so that small ones are not overfitted.

    Args:
        low: twins (3, h, w) uint8.
        high: pictures (3, scale h, scale w).
        scale: side of a picture over that of its twin.
        device: where crops are taken.
    """

    def __init__(
        self, low: Sequence[Tensor], high: Sequence[Tensor], *, scale: int, device: torch.device = CPU
    ) -> None:
        self.scale = scale
        self.high, self.low = move_if_room(high, device), move_if_room(low, device)
        pixels = torch.tensor([picture.shape[1] * picture.shape[2] for picture in low], dtype=torch.float64)
        self.cumulative_area = (pixels.cumsum(0) / pixels.sum()).tolist()

    @classmethod
    def shrinking(
        cls,
        pictures: Iterable[Tensor],
        *,
        scale: int,
        progress: ProgressCallback,
        device: torch.device = CPU,
        target: Callable[[Tensor, Tensor], Tensor] | None = None,
    ) -> "PairedCrops":
        """Crops of pictures (3, H, W) uint8 and of their reduced versions; with scale 1 they are their own twins.

        The twins are made from whole pictures, so that they have no artifacts at the borders of crops.

        Args:
            target: makes from a twin and its picture a target of the picture's size, cropped in its place.
        """
        high = [crop_to_multiple(picture, scale) for picture in pictures]
        low = []
        for picture in high:
            low.append(resize_uint8(picture, *(side // scale for side in picture.shape[1:])) if scale > 1 else picture)
            progress(Progress(step="shrinking pictures", done=len(low), total=len(high)))
        if target is not None:
            for i, twin in enumerate(low):
                high[i] = target(twin, high[i])
                progress(Progress(step="asking the teachers", done=i + 1, total=len(high)))
        return cls(low, high, scale=scale, device=device)

    def draw(self, batch: int, side: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw random crops.

        Args:
            batch: number of crops.
            side: of the high-resolution crops in pixels; a multiple of `scale`, at most the shortest side of a picture.

        Returns:
            Low (batch, 3, side / scale, side / scale) uint8, high (batch, 3, side, side) as the pictures are.
        """
        low: list[Tensor] = []
        high: list[Tensor] = []
        for which, y, x, way in torch.rand(batch, 4, generator=generator, dtype=torch.float64).tolist():
            i = bisect.bisect(self.cumulative_area, which)
            _, height, width = self.low[i].shape
            small = side // self.scale
            top, left = int(y * (height - small + 1)), int(x * (width - small + 1))
            for pieces, picture, k in ((low, self.low[i], 1), (high, self.high[i], self.scale)):
                piece = picture[:, top * k : (top + small) * k, left * k : (left + small) * k]
                pieces.append(orient(piece, int(way * 8)))
        return torch.stack(low), torch.stack(high)


def orient(piece: Tensor, orientation: int) -> Tensor:
    """A square (..., N, N) in one of eight orientations: bit 0 flips left to right, 1 upside down, 2 transposes."""
    if orientation & 1:
        piece = piece.flip(-1)
    if orientation & 2:
        piece = piece.flip(-2)
    return piece.transpose(-1, -2) if orientation & 4 else piece
