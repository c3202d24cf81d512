"""Measured blur and enlargement of photographs, and their restoration.

    python -m benchmarks.quality.blur held-out      clean and sharp photographs, preferably outside the training data

Photographs with a shorter side of at most 384 pixels, only blurred, also compressed, and also with grain; PSNR in RGB
before, restored with `--blur off` and with the defaults, and after an unsharp mask with the best amount for each row.
`--sheet blur.png` draws pieces of the first ones: blurred by 2 pixels, and downscaled by 3 and enlarged; restored;
original.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.common.pictures import double, read_photographs
from daguerre.degradation.aging import texture
from daguerre.evaluation.metrics import psnr
from daguerre.images import Picture
from daguerre.images.contact_sheet import make_sheet
from daguerre.tasks.restoration.restorer import Restorer

AMOUNTS = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0)
CROP = 220  # pixels of the sheet's pieces

Degrade = Callable[[Tensor, torch.Generator], Tensor]


def add_grain(image: Tensor, generator: torch.Generator) -> Tensor:
    return texture.compress(texture.grain(image, strength=0.04, size=0.8, generator=generator), quality=80)


BESIDES: dict[str, Degrade] = {
    "alone": lambda image, _: image,
    "JPEG (quality 80)": lambda image, _: texture.compress(image, quality=80),
    "grain (0.04), JPEG": add_grain,
}
WAYS: dict[str, Callable[[Tensor], Tensor]] = {
    "sharp": lambda image: image,
    "blurred by 0.8": lambda image: texture.blur(image, sigma=0.8),
    "blurred by 1.2": lambda image: texture.blur(image, sigma=1.2),
    "blurred by 2": lambda image: texture.blur(image, sigma=2.0),
    "shrunk by 1.5": lambda image: texture.low_resolution(image, factor=1.5),
    "shrunk by 2": lambda image: texture.low_resolution(image, factor=2.0),
    "shrunk by 3": lambda image: texture.low_resolution(image, factor=3.0),
}
SHOWN, PIECES = ("blurred by 2, alone", "shrunk by 3, alone"), 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sheet", type=Path)
    arguments = parser.parse_args()
    restorer, leaving = (Restorer(fix_fading="off", faces="off", blur=blur) for blur in ("auto", "off"))
    photographs = read_photographs(arguments.folder)
    columns: list[list[Picture]] = []
    print(f"{'':<36} blur  finest  before  blur off  restored  unsharp mask")
    for besides, degrade in BESIDES.items():
        for way, blur in WAYS.items():
            name, rows = f"{way}, {besides}", []
            for number, clean in enumerate(photographs):
                degraded = degrade(blur(clean), torch.Generator().manual_seed(number))
                photograph = Picture.from_tensor(degraded)
                restored = restorer(photograph)
                images = [degraded, leaving(photograph).picture.read(), restored.picture.read()]
                images += [degraded + amount * (degraded - texture.blur(degraded, sigma=1.2)) for amount in AMOUNTS]
                scores = [psnr(image.clamp(0, 1), clean, channel="rgb").clamp(max=60).item() for image in images]
                rows.append([restored.blur, restored.finest, *scores])
                if name in SHOWN and number < PIECES:
                    columns.append([double(center(image)) for image in (degraded, images[2], clean)])
            width, finest, before, off, after, *masked = torch.tensor(rows).mean(0).tolist()
            print(
                f"{name:<36} {width:4.2f}  {finest:6.2f}  {before:6.2f}  {off:8.2f}  {after:8.2f}  {max(masked):12.2f}",
                flush=True,
            )
    if arguments.sheet:
        make_sheet([picture for row in zip(*columns, strict=True) for picture in row], columns=len(columns)).save(
            arguments.sheet, overwrite=True
        )


def center(image: Tensor) -> Tensor:
    """A piece from the upper center, `CROP` pixels square."""
    top, left = (image.shape[2] - CROP) // 3, (image.shape[3] - CROP) // 2
    return image[..., top : top + CROP, left : left + CROP]


if __name__ == "__main__":
    main()
