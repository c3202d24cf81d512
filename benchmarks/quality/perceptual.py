"""How well distances between pictures put distortions in order: perceptual networks', random ones', squared error.

    python -m benchmarks.quality.perceptual FOLDER
    python -m benchmarks.quality.perceptual FOLDER --reference vgg16-bsds --weights vgg19-slim runs/x.safetensors

From each picture of the folder, pieces of 96 pixels are blurred, made noisy, compressed and shifted, each growing
stronger. Printed is the share of pairs that a distance puts in the right order (guessing gives 0.5): of one kind, and
across kinds, where what can hardly be seen must count less than what is plain to see. With a reference, a VGG-16, its
rank correlation with that network's distance, over these and other distortions.
"""

import argparse
from pathlib import Path

import torch
from torch import Tensor

from daguerre import weights
from daguerre.evaluation.perceptual import (
    LAYERS,
    VGG16_LAYERS,
    Distance,
    perceptual_distance,
    rank_correlation,
    ranking_agreement,
)
from daguerre.images import READABLE, Picture
from daguerre.networks.vgg import VGG19
from daguerre.tiling import Window
from daguerre.weights.checkpoint import read_header

SIDE = 96
PIECES = 3  # from each picture
RANDOM = 3  # networks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--weights", nargs="+", default=["vgg19-slim"])
    parser.add_argument("--reference", help="weights of a VGG-16")
    given = parser.parse_args()
    pieces = pieces_of(given.folder)
    reference = perceptual_distance(weights.load(given.reference).network, VGG16_LAYERS) if given.reference else None
    distances = {name: perceptual_distance(weights.load(name).network, LAYERS) for name in given.weights}
    arguments = read_header(weights.find(given.weights[0])).arguments
    for seed in range(RANDOM):
        torch.manual_seed(seed)
        distances[f"random {seed}"] = perceptual_distance(VGG19(**arguments).eval())
    distances["squared error"] = lambda one, other: (one - other).square().mean()
    print(f"{len(pieces)} pieces of {SIDE} pixels")
    for name, distance in distances.items():
        with torch.inference_mode():
            print(line(name, distance, reference, pieces), flush=True)


def pieces_of(folder: Path) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    pieces = []
    for path in sorted(path for path in folder.iterdir() if path.suffix.lower() in READABLE):
        picture = Picture.open(path)
        for y, x in torch.rand(PIECES, 2, generator=generator).tolist():
            top, left = int(y * (picture.height - SIDE)), int(x * (picture.width - SIDE))
            pieces.append(picture.read(Window(top, left, SIDE, SIDE)))
    return pieces


def line(name: str, distance: Distance, reference: Distance | None, pieces: list[Tensor]) -> str:
    scores = ranking_agreement(distance, pieces)
    if reference is not None:
        found = rank_correlation(distance, reference, pieces)
        scores |= {f"as the reference, {kind}": value for kind, value in found.items()}
    return f"{name:<14}" + "".join(f"{kind} {score:.3f}  " for kind, score in scores.items())


if __name__ == "__main__":
    main()
