"""The photograph that benchmarks work on: an example, laid side by side until it has the size wanted."""

from pathlib import Path

import pyvips

__all__ = ["write_photograph"]

EXAMPLE = Path(__file__).parents[1] / "examples" / "coffee.jpg"


def write_photograph(path: Path, height: int, width: int) -> Path:
    """Write a photograph of any size, TIFF with tiles, piece by piece, and return `path`."""
    tile = pyvips.Image.new_from_file(str(EXAMPLE)).copy_memory()
    image = tile.replicate(-(-width // tile.width), -(-height // tile.height)).crop(0, 0, width, height)
    saving = {"tile": True, "bigtiff": True, "compression": "jpeg"} if path.suffix == ".tif" else {}
    image.write_to_file(str(path), **saving)
    return path
