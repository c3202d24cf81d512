"""The photograph that benchmarks work on: an example, laid side by side until it has the size wanted."""

from pathlib import Path

import pyvips

__all__ = ["black", "scratch", "write_photograph"]

EXAMPLE = Path(__file__).parents[2] / "examples" / "coffee.jpg"


def write_photograph(path: Path, height: int, width: int) -> Path:
    """Write a photograph of any size, TIFF with tiles, piece by piece, and return `path`."""
    tile = pyvips.Image.new_from_file(str(EXAMPLE)).copy_memory()
    image = tile.replicate(-(-width // tile.width), -(-height // tile.height)).crop(0, 0, width, height)
    saving = {"tile": True, "bigtiff": True, "compression": "jpeg"} if path.suffix == ".tif" else {}
    image.write_to_file(str(path), **saving)
    return path


def black(path: Path, height: int, width: int) -> Path:
    """Write a picture that is black all over, and return `path`."""
    pyvips.Image.black(width, height, bands=3).write_to_file(str(path))
    return path


def scratch(path: Path, count: int = 8) -> Path:
    """Draw `count` bright scratches across a photograph of which there is a file, and return `path`."""
    image = pyvips.Image.new_from_file(str(path)).copy_memory()
    for number in range(count):
        left = int((number + 0.5) / count * image.width)
        for step in range(3):  # pixels wide
            ends = (left + step, 0, left + step + image.width // 20, image.height)
            image = image.draw_line([240] * 3, *ends)
    image.write_to_file(str(path))
    return path
