"""How well distances between pictures put distortions in order: our perceptual network's, random ones', squared error.

    python -m benchmarks.quality.perceptual FOLDER

From each picture of the folder, pieces of 96 pixels are blurred, made noisy, compressed and shifted, each growing
stronger. Printed is the share of pairs that a distance puts in the right order (guessing gives 0.5): of one kind, and
across kinds, where what can hardly be seen must count less than what is plain to see.
"""

import argparse
from pathlib import Path

import torch

from daguerre import weights
from daguerre.evaluation.perceptual import perceptual_distance, ranking_agreement
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
    folder = parser.parse_args().folder
    generator = torch.Generator().manual_seed(0)
    pieces = []
    for path in sorted(path for path in folder.iterdir() if path.suffix.lower() in READABLE):
        picture = Picture.open(path)
        for y, x in torch.rand(PIECES, 2, generator=generator).tolist():
            top, left = int(y * (picture.height - SIDE)), int(x * (picture.width - SIDE))
            pieces.append(picture.read(Window(top, left, SIDE, SIDE)))
    arguments = read_header(weights.find("vgg19-slim")).arguments
    distances = {"vgg19-slim": perceptual_distance(weights.load("vgg19-slim").network)}
    for seed in range(RANDOM):
        torch.manual_seed(seed)
        distances[f"random {seed}"] = perceptual_distance(VGG19(**arguments).eval())
    distances["squared error"] = lambda one, other: (one - other).square().mean()
    print(f"{len(pieces)} pieces of {SIDE} pixels")
    for name, distance in distances.items():
        with torch.inference_mode():
            shares = ranking_agreement(distance, pieces)
        print(f"{name:<14}" + "".join(f"{kind} {share:.3f}  " for kind, share in shares.items()), flush=True)


if __name__ == "__main__":
    main()
