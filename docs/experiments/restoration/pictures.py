"""Make sheet.jpg and tones.jpg of restoration.md from examples/; the folder to write them to is the argument."""

import argparse
import sys
from pathlib import Path

from torch import Tensor

from daguerre.degradation.aging import age
from daguerre.images import Picture, SaveOptions
from daguerre.images.contact_sheet import make_sheet
from daguerre.images.resample import resize_bicubic
from daguerre.tasks.restoration.restorer import Restorer

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT))

from benchmarks.quality.tones import CASTS, cast  # noqa: E402

AGED = {"astronaut": ("studio", 3), "chelsea": ("studio", 6), "coffee": ("snapshot", 2), "rocket": ("colour-print", 8)}
LARGE, SMALL = 342, 198  # pixels of a cell's side


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    auto, strong = Restorer(), Restorer(fix_fading="strong")
    columns = []
    for name, (kind, seed) in AGED.items():
        aged = age(photograph(name), seed=seed, kind=kind)
        columns.append([aged.image, restored(auto, aged.image), aged.clean])
    save(folder / "sheet.jpg", [cell for row in zip(*columns, strict=True) for cell in row], LARGE, len(columns))
    cells = []
    for how in (CASTS[name] for name in ("magenta", "red", "blue", "pale")):
        for image in (photograph("astronaut"), photograph("coffee")):
            faded = cast(image, *how)
            cells += [faded, restored(auto, faded), restored(strong, faded), image]
    save(folder / "tones.jpg", cells, SMALL, 8)


def photograph(name: str) -> Tensor:
    return Picture.open(ROOT / "examples" / f"{name}.jpg").read()


def restored(restorer: Restorer, image: Tensor) -> Tensor:
    return restorer(Picture.from_tensor(image)).picture.read().expand(-1, 3, -1, -1)


def save(path: Path, images: list[Tensor], side: int, columns: int) -> None:
    """The middle squares of `images`, `side` pixels large, row by row."""
    squares = []
    for image in images:
        height, width = image.shape[2:]
        short = min(height, width)
        top, left = (height - short) // 2, (width - short) // 2
        square = image[..., top : top + short, left : left + short]
        squares.append(Picture.from_tensor(resize_bicubic(square, side, side).clamp(0, 1)))
    make_sheet(squares, columns=columns).save(path, options=SaveOptions(quality=88), overwrite=True)


if __name__ == "__main__":
    main()
