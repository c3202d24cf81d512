"""Fill large holes, where a network outputs only gray, with patches of the photograph itself."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from daguerre.networks.compact_translation import halve

__all__ = ["Patched", "fill_with_patches", "large_holes"]

LARGE_RADIUS = 8  # pixels; minimum radius of the largest square within a large hole
PATCH_RADIUS = 3  # pixels; patches of 7 x 7
COARSEST_RADIUS = 4  # pixels; radius of such a square at the coarsest size, where filling begins
ROUNDS = 5  # of search and vote at each size
CHUNK = 8192  # patches compared at once


def opened(mask: Tensor, radius: int) -> Tensor:
    """Morphological opening of a mask (1, 1, H, W) by squares of this radius; the border does not narrow a hole."""
    side = 2 * radius + 1
    gone = F.pad(mask, [radius] * 4, value=1.0)
    core = 1 - F.max_pool2d(1 - gone, side, stride=1)
    return F.max_pool2d(core, side, stride=1, padding=radius) * mask


def large_holes(mask: Tensor) -> Tensor:
    """The parts of a mask (1, 1, H, W) in or near large holes: (1, 1, H, W), 1 or 0."""
    return F.max_pool2d(opened(mask, LARGE_RADIUS), 2 * LARGE_RADIUS + 1, stride=1, padding=LARGE_RADIUS) * mask


@dataclass
class Search:
    """Finds the most similar known patch for every patch that touches a hole (Barnes et al. 2009).

    Args:
        image: (1, 3, H, W).
        targets: centers of the patches, flat indices (n,).
        sources: centers of those that may be copied, (H, W), bool.
        nearest: flat index of the best for each target, (n,).
    """

    image: Tensor
    targets: Tensor
    sources: Tensor
    nearest: Tensor
    generator: torch.Generator

    def __post_init__(self) -> None:
        self.height, self.width = self.image.shape[-2:]
        padded = F.pad(self.image, [PATCH_RADIUS] * 4, mode="replicate")[0].permute(1, 2, 0)
        self.row = self.width + 2 * PATCH_RADIUS
        self.flat = padded.reshape(-1, 3)
        span = torch.arange(2 * PATCH_RADIUS + 1)
        self.steps = (span[:, None] * self.row + span).flatten()  # from a patch's first pixel, in the padded picture
        self.distance = self.compare(self.nearest)

    def patches(self, middles: Tensor) -> Tensor:
        """Pixels of patches: (n, 49, 3)."""
        corner = middles // self.width * self.row + middles % self.width
        return self.flat[corner[:, None] + self.steps]

    def compare(self, candidates: Tensor) -> Tensor:
        """Mean squared difference of each target and its candidate, (n,); infinite if that is not a source."""
        found = torch.cat(
            [
                (self.patches(self.targets[some]) - self.patches(candidates[some])).square().mean((1, 2))
                for some in chunks(len(candidates))
            ]
        )
        return found.masked_fill(~self.sources.flatten()[candidates], torch.inf)

    def take_better(self, candidates: Tensor) -> None:
        distance = self.compare(candidates)
        better = distance < self.distance
        self.nearest = torch.where(better, candidates, self.nearest)
        self.distance = torch.where(better, distance, self.distance)

    def improve(self) -> None:
        """Try the shifted matches of neighbors, and random places at decreasing distances from the best."""
        number = torch.full((self.height * self.width,), -1)
        number[self.targets] = torch.arange(len(self.targets))
        down, across = self.targets // self.width, self.targets % self.width
        for step in (8, 4, 2, 1):
            for dy, dx in ((-step, 0), (step, 0), (0, -step), (0, step)):
                y, x = (down + dy).clamp(0, self.height - 1), (across + dx).clamp(0, self.width - 1)
                neighbor = number[y * self.width + x]
                best = self.nearest[neighbor.clamp(min=0)]
                self.take_better(self.clamped(best // self.width + down - y, best % self.width + across - x))
        reach = max(self.height, self.width)
        while reach > 1:
            moves = (torch.rand(2, len(self.targets), generator=self.generator) * 2 - 1) * reach
            y, x = self.nearest // self.width + moves[0].long(), self.nearest % self.width + moves[1].long()
            self.take_better(self.clamped(y, x))
            reach //= 2

    def clamped(self, y: Tensor, x: Tensor) -> Tensor:
        return y.clamp(0, self.height - 1) * self.width + x.clamp(0, self.width - 1)

    def vote(self, *, sharp: bool) -> Tensor:
        """The picture (1, 3, H, W) blended from the matched patches, weighted by similarity; 0 where there are none."""
        likeness = self.distance.clamp(max=1.0)
        scale = likeness.quantile(0.25 if sharp else 0.75).clamp(min=1e-5)
        weight = torch.exp(-likeness / (2 * scale)) + 1e-6
        total = torch.zeros(len(self.flat), 4)
        corner = self.targets // self.width * self.row + self.targets % self.width
        for some in chunks(len(weight)):
            pixels = self.patches(self.nearest[some])
            shares = weight[some, None, None].expand(-1, pixels.shape[1], 1)
            values = torch.cat([pixels * shares, shares], dim=2)
            total.index_add_(0, (corner[some, None] + self.steps).flatten(), values.flatten(0, 1))
        mean = (total[:, :3] / total[:, 3:].clamp(min=1e-12)).view(-1, self.row, 3).permute(2, 0, 1)[None]
        inner = slice(PATCH_RADIUS, -PATCH_RADIUS)
        return mean[..., inner, inner]


def chunks(count: int) -> list[slice]:
    return [slice(first, first + CHUNK) for first in range(0, count, CHUNK)]


class Patched(NamedTuple):
    """A picture with its holes filled.

    Args:
        image: (1, 3, H, W) in [0, 1].
        moves: offset in rows and columns from each place near a hole to its best match, (2, H, W), whole pixels.
    """

    image: Tensor
    moves: Tensor


def fill_with_patches(image: Tensor, hole: Tensor, unknown: Tensor, seed: int = 0) -> Patched:
    """Fill a hole with patches of its surroundings, coarse to fine.

    After Wexler et al. 2007 (https://doi.org/10.1109/TPAMI.2007.60): at each size, patches that touch the hole are
    matched with known ones, which vote for its contents. Differs from the paper: the coarsest size starts from an
    existing fill by a network.

    Args:
        image: (1, 3, H, W) in [0, 1], with a first guess in the hole.
        hole: (1, 1, H, W), 1 where to fill.
        unknown: (1, 1, H, W), 1 where else nothing may be copied from.
    """
    sizes = [(image, hole, unknown)]
    while opened(sizes[-1][1], COARSEST_RADIUS).any() and min(sizes[-1][0].shape[-2:]) > 8 * PATCH_RADIUS:
        sizes.append(reduced(*sizes[-1]))
    generator = torch.Generator().manual_seed(seed)
    filled, moves = None, torch.zeros(2, *image.shape[-2:])
    for number, (picture, gap, lost) in enumerate(reversed(sizes)):
        height, width = picture.shape[-2:]
        sources = (
            F.max_pool2d(torch.maximum(gap, lost), 2 * PATCH_RADIUS + 1, stride=1, padding=PATCH_RADIUS)[0, 0] == 0
        )
        known = sources.flatten().nonzero()[:, 0]
        if not len(known) or not gap.any():
            continue
        if filled is not None:
            picture = torch.where(gap > 0, F.interpolate(filled, size=(height, width), mode="bilinear"), picture)
        touched = F.max_pool2d(gap, 2 * PATCH_RADIUS + 1, stride=1, padding=PATCH_RADIUS)[0, 0] > 0
        targets = touched.flatten().nonzero()[:, 0]
        start = known[torch.randint(len(known), (len(targets),), generator=generator)]
        if filled is not None:
            start = carried(moves, targets, (height, width), sources, start)
        for turn in range(ROUNDS if number else 2 * ROUNDS):
            search = Search(picture, targets, sources, start, generator)
            search.improve()
            start = search.nearest
            picture = torch.where(gap > 0, search.vote(sharp=turn + 1 == ROUNDS), picture)
        filled, moves = picture, moves_of(search.nearest, targets, (height, width))
    return Patched(image if filled is None else torch.where(hole > 0, filled, image), moves.long())


def reduced(image: Tensor, hole: Tensor, unknown: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """All inputs at half the size."""
    small, lost = halve(image, torch.maximum(hole, unknown))
    guess = F.interpolate(image, size=small.shape[-2:], mode="area")
    gap = F.interpolate(hole, size=small.shape[-2:], mode="nearest") * lost
    return torch.where(gap > 0, guess, small), gap, lost * (1 - gap)


def moves_of(nearest: Tensor, targets: Tensor, size: tuple[int, int]) -> Tensor:
    """Offset from each target to its best patch, as a map (2, H, W), 0 elsewhere."""
    width = size[1]
    moves = torch.zeros(2, size[0] * width)
    moves[:, targets] = torch.stack([nearest // width - targets // width, nearest % width - targets % width]).float()
    return moves.view(2, *size)


def carried(moves: Tensor, targets: Tensor, size: tuple[int, int], sources: Tensor, other: Tensor) -> Tensor:
    """Matches from half the size, scaled to this one; `other` where they are not a source."""
    height, width = size
    larger = 2 * F.interpolate(moves[None], size=size, mode="nearest").view(2, -1)[:, targets].long()
    y, x = (targets // width + larger[0]).clamp(0, height - 1), (targets % width + larger[1]).clamp(0, width - 1)
    found = y * width + x
    return torch.where(sources.flatten()[found], found, other)
