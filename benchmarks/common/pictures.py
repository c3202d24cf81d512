"""Pictures for benchmarks: an example repeated to any size, photographs of a folder, pieces for sheets."""

from pathlib import Path

import pyvips
from torch import Tensor

from daguerre.evaluation.comparison import pictures_in
from daguerre.images import Picture
from daguerre.images.resample import resize_bicubic

__all__ = ["EXAMPLE", "double", "draw_scratches", "read_photographs", "shrink", "write_black", "write_photograph"]

EXAMPLE = Path(__file__).parents[2] / "examples" / "coffee.jpg"


def write_photograph(path: Path, height: int, width: int) -> Path:
    """Write `EXAMPLE`, repeated to (height, width), and return `path`; TIFF has tiles."""
    tile = pyvips.Image.new_from_file(str(EXAMPLE)).copy_memory()
    image = tile.replicate(-(-width // tile.width), -(-height // tile.height)).crop(0, 0, width, height)
    saving = {"tile": True, "bigtiff": True, "compression": "jpeg"} if path.suffix == ".tif" else {}
    image.write_to_file(str(path), **saving)
    return path


def write_black(path: Path, height: int, width: int) -> Path:
    """Write a black picture, and return `path`."""
    pyvips.Image.black(width, height, bands=3).write_to_file(str(path))
    return path


def draw_scratches(path: Path, count: int = 8) -> Path:
    """Draw `count` bright scratches across the photograph in a file, and return `path`."""
    image = pyvips.Image.new_from_file(str(path)).copy_memory()
    for number in range(count):
        left = int((number + 0.5) / count * image.width)
        for step in range(3):  # pixels wide
            ends = (left + step, 0, left + step + image.width // 20, image.height)
            image = image.draw_line([240] * 3, *ends)
    image.write_to_file(str(path))
    return path


def read_photographs(folder: Path, side: int = 384) -> list[Tensor]:
    """The pictures of a folder by name, (1, 3, H, W) in [0, 1], with a shorter side of at most `side` pixels."""
    return [shrink(Picture.open(path).read(), side) for path in pictures_in(folder)]


def shrink(image: Tensor, side: int) -> Tensor:
    """An image (1, 3, H, W) with a shorter side of at most `side` pixels, in [0, 1]."""
    share = min(side / min(image.shape[2:]), 1)
    return resize_bicubic(image, *(round(length * share) for length in image.shape[2:])).clamp(0, 1)


def double(image: Tensor) -> Picture:
    """An image (1, 3, H, W), twice as large, without smoothing."""
    return Picture.from_tensor(image.repeat_interleave(2, 2).repeat_interleave(2, 3).clamp(0, 1))
