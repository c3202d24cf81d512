"""How different two pictures look: the distance between what a network that knows pictures sees in them."""

import importlib
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyvips
import torch
from torch import Tensor
from torch.nn import functional as F

from daguerre.errors import MissingExtra

__all__ = [
    "LAYERS",
    "Distance",
    "Features",
    "lpips_distance",
    "perceptual_distance",
    "rank_correlation",
    "ranking_agreement",
]

Features = Callable[[Tensor, Sequence[str]], Mapping[str, Tensor]]
"""Takes (B, 3, H, W) in [0, 1] and names of layers to feature maps (B, C, h, w) by name; `VGG19` is one."""

Distance = Callable[[Tensor, Tensor], Tensor]
"""Takes two (B, 3, H, W) in [0, 1] to (B,): 0 for equal pictures, larger the more different they look."""

LAYERS = {"relu1_2": 1.0, "relu2_2": 1.0, "relu3_4": 1.0, "relu4_4": 1.0, "relu5_4": 1.0}
"""The last layer before each pooling of VGG-19, weighted alike."""

VGG16_LAYERS = {"relu1_2": 1.0, "relu2_2": 1.0, "relu3_3": 1.0, "relu4_3": 1.0, "relu5_3": 1.0}
"""The same of VGG-16."""

ALEXNET = "alexnet-owt-7be5be79.pth"

# Seven steps of growing strength: the two weakest can hardly be seen, the two strongest are plain to see.
BLURS = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0)  # sigma in pixels
NOISES = (0.01, 0.02, 0.03, 0.045, 0.07, 0.1, 0.15)  # sigma, of a range of 1
JPEGS = (90, 75, 50, 30, 20, 10, 5)  # quality
SHIFTS = (1, 2, 3, 4, 6, 8, 12)  # pixels, down and to the right


def perceptual_distance(features: Features, layers: Mapping[str, float] = LAYERS) -> Distance:
    """Distance between the features that a network finds in two pictures.

    At each position of each layer the vectors of features are scaled to length 1; the distance is the mean over
    positions of their squared difference, summed over channels, averaged over the layers by their weights. In [0, 4];
    at most 2 for features after a ReLU. By hand: features (3, 4) against (6, 8) have distance 0, (1, 0) against (0, 1)
    have distance 2.
    Zhang et al. 2018, https://arxiv.org/abs/1801.03924, eq. 1, with one weight a layer instead of one a channel, for
    want of human judgements to fit those to.

    Args:
        layers: weight of each layer, by its name.
    """

    def distance(a: Tensor, b: Tensor) -> Tensor:
        seen_a, seen_b = (features(image, list(layers)) for image in (a, b))
        total = sum(
            weight * (direction(seen_a[name]) - direction(seen_b[name])).square().sum(dim=1).mean(dim=(1, 2))
            for name, weight in layers.items()
        )
        return torch.as_tensor(total) / sum(layers.values())

    return distance


def lpips_distance() -> Distance:
    """LPIPS with AlexNet, as its authors' package `lpips` computes it; nothing is downloaded.

    Zhang et al. 2018, https://arxiv.org/abs/1801.03924, version 0.1.

    Raises:
        MissingExtra: the package, or the file of AlexNet's weights that it would download, is not there.
    """
    try:
        lpips = importlib.import_module("lpips")
    except ImportError as error:
        raise MissingExtra("LPIPS comes with its authors' package; install it with `pip install lpips`") from error
    file = Path(torch.hub.get_dir()) / "checkpoints" / ALEXNET
    if not file.exists():
        source = f"https://download.pytorch.org/models/{ALEXNET}"
        raise MissingExtra(f"LPIPS needs AlexNet's weights; fetch {source} and put it at {file}")
    network = lpips.LPIPS(net="alex", verbose=False).eval()
    return lambda a, b: network(a, b, normalize=True).flatten()


def direction(features: Tensor) -> Tensor:
    """Scale (B, C, H, W) to length 1 over the channels; where nothing is seen, leave zeros."""
    return features / features.square().sum(dim=1, keepdim=True).sqrt().clamp_min(1e-10)


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
        "blur": [(picture, blur(picture, sigma)) for sigma in BLURS],
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


def blur(picture: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of (1, 3, H, W) by `sigma` pixels, mirrored at the border."""
    radius = math.ceil(3 * sigma)
    kernel = torch.exp(-(torch.arange(-radius, radius + 1.0) ** 2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).expand(3, 1, 1, -1)
    padded = F.pad(picture, [radius] * 4, mode="reflect")
    return F.conv2d(F.conv2d(padded, kernel, groups=3), kernel.transpose(2, 3), groups=3)


def through_jpeg(picture: Tensor, quality: int) -> Tensor:
    """(1, 3, H, W) written as JPEG of `quality` (1 to 100) and read again."""
    levels = picture[0].clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).contiguous().numpy()
    data = pyvips.Image.new_from_array(levels).jpegsave_buffer(Q=quality)
    return torch.from_numpy(pyvips.Image.new_from_buffer(data, "").numpy().copy()).permute(2, 0, 1)[None] / 255
