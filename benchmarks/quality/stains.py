"""How much of what stains removed is recovered, by kind of stain, and what unstained photographs keep.

    python -m benchmarks.quality.stains held-out            clean photographs, preferably outside the training data

Each photograph is aged as a print without color and without stains, then stained once in every way. PSNR in RGB of the
stained pixels, before and after, and of the others, against the same print without the stain.
"""

import argparse
import zlib
from pathlib import Path

import torch
from torch import Tensor

from daguerre import weights
from daguerre.degradation.aging import KINDS
from daguerre.evaluation.comparison import pictures_in
from daguerre.evaluation.metrics import psnr
from daguerre.images import Picture
from daguerre.tasks.restoration.stain_removal import MODEL, remove_stains
from daguerre.training.trainers.stain_removal import MONOCHROME_KINDS, UnstainedPhotograph, add_stains

STAINS = {"foxing": "foxing", "stains": "stain", "drops": "spills", "water": "water", "tape": "tape"}
"""Events of ageing, by the names that the table has."""
MOST_DECIBELS = 60.0  # what is better counts as much


def psnr_where(image: Tensor, clean: Tensor, where: Tensor) -> Tensor:
    """PSNR in RGB of the pixels where (1, 1, H, W) says, in decibels."""
    square = (image - clean).square().mean(1, keepdim=True)[where].mean()
    return (-10 * square.log10()).clamp(max=MOST_DECIBELS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    model = weights.load(MODEL)
    scores: dict[str, list[list[Tensor]]] = {}
    kept: dict[str, list[Tensor]] = {}
    for file in pictures_in(folder):
        new = Picture.open(file).read()
        generator = torch.Generator().manual_seed(zlib.crc32(file.stem.encode()))
        old = UnstainedPhotograph(new, generator, 1.0)
        KINDS[old.choose(MONOCHROME_KINDS)](old)
        clean = old.image
        for name, image in (("new", new), ("old", clean)):
            same = remove_stains(Picture.from_tensor(image, bits=16), model)[0].read()
            kept.setdefault(name, []).append(psnr(same, image, channel="rgb").clamp(max=MOST_DECIBELS).mean())
        for name, event in STAINS.items():
            photograph = add_stains(clean, generator, {event: 1.0}, unit=None)
            image, where = photograph.image, photograph.kinds > 0
            made = remove_stains(Picture.from_tensor(image, bits=16), model)[0].read()
            if where.any() and not where.all():
                scores.setdefault(name, []).append(
                    [psnr_where(x, clean, place) for x, place in ((image, where), (made, where), (made, ~where))]
                )
    print(f"{'':<16}{'stained: so':>12}{'lightened':>12}{'elsewhere':>12}")
    for name, rows in scores.items():
        print(f"{name:<16}" + "".join(f"{torch.stack(column).mean():>12.2f}" for column in zip(*rows, strict=True)))
    for age, values in kept.items():
        low = min(values)
        print(f"{age} and unstained: {torch.stack(values).mean():.1f} dB kept, the worst {low:.1f}")


if __name__ == "__main__":
    main()
