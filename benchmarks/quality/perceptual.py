"""How well distances between pictures rank distortions: those of perceptual networks, of random ones, squared error.

    python -m benchmarks.quality.perceptual FOLDER
    python -m benchmarks.quality.perceptual FOLDER --reference vgg16-bsds --weights vgg19-slim runs/x.safetensors

From each picture of the folder, pieces of 96 pixels are blurred, made noisy, compressed and shifted, with increasing
strength. It prints the share of pairs that a distance ranks correctly (guessing gives 0.5): within a kind, and across
kinds, where barely visible distortions must count less than obvious ones. With a reference, a VGG-16, its rank
correlation with that network's distance, over these and other distortions.
"""

import argparse
import itertools
import math
from collections.abc import Sequence
from pathlib import Path

import pyvips
import torch
from torch import Tensor
from torch.nn import functional as F

from daguerre import weights
from daguerre.evaluation.comparison import pictures_in
from daguerre.evaluation.perceptual import LAYERS, VGG16_LAYERS, Distance, perceptual_distance
from daguerre.images import Picture
from daguerre.images.filters import gaussian
from daguerre.networks.vgg import VGG19
from daguerre.tiling import Window
from daguerre.weights.checkpoint import read_header

SIDE = 96  # pixels of a piece
PIECES = 3  # from each picture
RANDOM_NETWORKS = 3
# Seven steps of growing strength: the two weakest can hardly be seen, the two strongest are plain to see.
BLURS = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0)  # sigma in pixels
NOISES = (0.01, 0.02, 0.03, 0.045, 0.07, 0.1, 0.15)  # sigma, of a range of 1
JPEGS = (90, 75, 50, 30, 20, 10, 5)  # quality
SHIFTS = (1, 2, 3, 4, 6, 8, 12)  # pixels, down and to the right


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
    for seed in range(RANDOM_NETWORKS):
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
    for path in pictures_in(folder):
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


def ranking_agreement(distance: Distance, pictures: Sequence[Tensor], seed: int = 0) -> dict[str, float]:
    """Share of pairs of distorted versions of a picture that a distance puts in the right order, ties counting half.

    Guessing gives 0.5, perfection 1. `blur`, `noise`, `jpeg` and `shift` count the pairs of one kind, one stronger than
    the other; `within` counts these four together. Nearly every distance gets them right, even a network of random
    weights. `across` tells them apart: each of the two weakest versions of one kind, which can hardly be seen, against
    each of the two strongest of another, which are plain to see. Squared error takes a shift by a pixel for worse than
    a strong blur; on 20 crops of 96 px from photographs it got 0.84 of those right, VGG-19's layout with random weights
    0.88.

    Args:
        pictures: each (1, 3, H, W) in [0, 1], more than 24 pixels on each side.
        seed: of the noise.
    """
    ordered: dict[str, list[float]] = {kind: [] for kind in ("blur", "noise", "jpeg", "shift", "within", "across")}
    generator = torch.Generator().manual_seed(seed)
    for picture in pictures:
        values = {
            kind: [float(distance(original, distorted)) for original, distorted in versions]
            for kind, versions in distortions(picture, generator).items()
        }
        for kind, growing in values.items():
            hits = [in_order(weak, strong) for weak, strong in itertools.combinations(growing, 2)]
            ordered[kind] += hits
            ordered["within"] += hits
        for one, other in itertools.permutations(values.values(), 2):
            ordered["across"] += [in_order(*pair) for pair in itertools.product(one[:2], other[-2:])]
    return {kind: sum(hits) / len(hits) for kind, hits in ordered.items()}


def rank_correlation(
    distance: Distance, reference: Distance, pictures: Sequence[Tensor], seed: int = 0
) -> dict[str, float]:
    """Spearman's rank correlation of two distances over distorted versions of a picture; the mean over pictures.

    1 where one ranks all versions as the other does, 0 where their ranks have nothing to do with each other. `usual`
    counts blur, noise, JPEG and shifts; `unusual` other distortions, which networks are hardly trained on; `all` both.

    Args:
        pictures: as for `ranking_agreement`.
        seed: of the noise.
    """
    found: dict[str, list[float]] = {"usual": [], "unusual": [], "all": []}
    generator = torch.Generator().manual_seed(seed)
    for picture in pictures:
        kinds = {"usual": distortions(picture, generator), "unusual": unusual_distortions(picture, generator)}
        ours, theirs = (
            {
                name: [float(judge(*pair)) for versions in kind.values() for pair in versions]
                for name, kind in kinds.items()
            }
            for judge in (distance, reference)
        )
        for name in kinds:
            found[name].append(spearman(ours[name], theirs[name]))
        found["all"].append(spearman(*(list(itertools.chain(*kinds_of.values())) for kinds_of in (ours, theirs))))
    return {name: sum(values) / len(values) for name, values in found.items()}


def spearman(one: Sequence[float], other: Sequence[float]) -> float:
    """Spearman's rank correlation of two lists of numbers. By hand: (1, 2, 3) and (10, 30, 20) have 0.5."""
    ranks = torch.stack([torch.tensor(values).argsort().argsort().double() for values in (one, other)])
    return float(torch.corrcoef(ranks)[0, 1])


def in_order(weak: float, strong: float) -> float:
    return (weak < strong) + (weak == strong) / 2


def distortions(picture: Tensor, generator: torch.Generator) -> dict[str, list[tuple[Tensor, Tensor]]]:
    """The picture beside distorted versions of it, by kind, each list of growing strength."""
    height, width = picture.shape[-2:]
    inside = picture[..., : height - max(SHIFTS), : width - max(SHIFTS)]
    noisy = [picture + sigma * torch.randn(picture.shape, generator=generator) for sigma in NOISES]
    return {
        "blur": [(picture, gaussian(picture, sigma)) for sigma in BLURS],
        "noise": [(picture, version.clamp(0, 1)) for version in noisy],
        "jpeg": [(picture, through_jpeg(picture, quality)) for quality in JPEGS],
        "shift": [(inside, picture[..., s : s + inside.shape[-2], s : s + inside.shape[-1]]) for s in SHIFTS],
    }


def unusual_distortions(picture: Tensor, generator: torch.Generator) -> dict[str, list[tuple[Tensor, Tensor]]]:
    """As `distortions`, of kinds that networks are hardly trained on."""
    height, width = picture.shape[-2:]
    soft = F.avg_pool2d(F.pad(picture, [1] * 4, mode="reflect"), 3, 1)

    def coarser(times: float, mode: str) -> Tensor:
        small = F.interpolate(picture, scale_factor=1 / times, mode="bicubic", antialias=True)
        return F.interpolate(small, (height, width), mode=mode)

    def specks(share: float) -> Tensor:
        where = torch.rand(1, 1, height, width, generator=generator) < share
        return torch.where(where, torch.rand(1, 1, height, width, generator=generator), picture)

    def turned(angle: float) -> Tensor:
        cos, sin = math.cos(angle), math.sin(angle)
        grid = F.affine_grid(torch.tensor([[[cos, -sin, 0], [sin, cos, 0]]]), list(picture.shape), align_corners=False)
        return F.grid_sample(picture, grid, mode="bicubic", padding_mode="reflection", align_corners=False)

    versions = {
        "pixels": [coarser(times, "nearest") for times in (2, 3, 4, 6, 8)],
        "enlarged": [coarser(times, "bicubic") for times in (1.5, 2, 3, 4, 6)],
        "contrast": [0.5 + (picture - 0.5) * times for times in (0.95, 0.85, 0.7, 0.5, 1.5)],
        "levels": [(picture * levels).round() / levels for levels in (24, 12, 7, 4, 2)],
        "sharpened": [picture + times * (picture - soft) for times in (0.3, 0.7, 1.5, 3, 5)],
        "specks": [specks(share) for share in (0.003, 0.01, 0.03, 0.08, 0.2)],
        "turned": [turned(angle) for angle in (0.01, 0.02, 0.04, 0.08, 0.15)],
    }
    return {kind: [(picture, version.clamp(0, 1)) for version in made] for kind, made in versions.items()}


def through_jpeg(picture: Tensor, quality: int) -> Tensor:
    """(1, 3, H, W) written as JPEG of `quality` (1 to 100) and read again."""
    levels = picture[0].clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).contiguous().numpy()
    data = pyvips.Image.new_from_array(levels).jpegsave_buffer(Q=quality)
    return torch.from_numpy(pyvips.Image.new_from_buffer(data, "").numpy().copy()).permute(2, 0, 1)[None] / 255


if __name__ == "__main__":
    main()
