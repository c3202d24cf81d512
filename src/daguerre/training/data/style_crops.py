"""Photographs to paint and styles to paint them in: pieces of pictures at random sizes, turned and recoloured."""

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from daguerre.progress import ProgressCallback
from daguerre.training.data.pictures import PROCESSOR, hold_out, load_pictures, near, turned

__all__ = ["StyleCrops", "read_parts", "recolour", "reduced"]

LEAST = 64  # pixels of a side below which a picture is left out
FLAT = 0.03  # deviation below which a piece is drawn again: normalising what has none is a division by nothing
TRIES = 5
STORED = 384  # pixels of the shorter side at which pictures are kept in memory


class StyleCrops:
    """Random square pieces of pictures at random sizes, mirrored and turned.

    Args:
        parts: pictures (3, H, W) uint8 of each part.
        shares: how often each part is drawn from.
        least: pixels of a piece's side in a picture, at least, if it has so many.
        device: where pieces are made.
    """

    def __init__(
        self,
        parts: Sequence[Sequence[Tensor]],
        shares: Sequence[float],
        *,
        least: int,
        device: torch.device = PROCESSOR,
    ) -> None:
        self.parts = [near(part, device) for part in parts]
        self.shares, self.least, self.device = torch.tensor(shares), least, device

    def draw(self, batch: int, side: int, generator: torch.Generator, *, turns: int = 8) -> Tensor:
        """StyleCrops (batch, 3, side, side) in [0, 1], in the first `turns` of the eight ways to mirror and turn."""
        which = torch.multinomial(self.shares, batch, replacement=True, generator=generator).tolist()
        pieces: dict[int, Tensor] = {}
        flat = list(range(batch))
        for _ in range(TRIES):  # together, so that a GPU is asked but once for all of them
            pieces |= {i: self.piece(which[i], side, torch.rand(5, generator=generator).tolist(), turns) for i in flat}
            spread = torch.stack([pieces[i].std() for i in flat]).tolist()
            flat = [i for i, deviation in zip(flat, spread, strict=True) if deviation <= FLAT]
            if not flat:
                break
        return torch.cat([pieces[i] for i in range(batch)])

    def piece(self, part: int, side: int, chances: list[float], turns: int) -> Tensor:
        pictures = self.parts[part]
        picture = pictures[int(chances[0] * len(pictures))]
        short = min(picture.shape[1:])
        least = min(self.least, short)
        size = round(least * (short / least) ** chances[1])  # small and large pieces alike
        top, left = (int(c * (length - size + 1)) for c, length in zip(chances[2:4], picture.shape[1:], strict=True))
        piece = picture[None, :, top : top + size, left : left + size].to(self.device).float() / 255
        if size != side:
            piece = F.interpolate(piece, size=(side, side), mode="bilinear", antialias=size > side)
        return turned(piece, int(chances[4] * turns))


def read_parts(
    data: Path, parts: Sequence[str], one_in: int, progress: ProgressCallback
) -> tuple[list[list[Tensor]], list[list[Tensor]], list[str]]:
    """Pictures of each part, reduced, to learn from and held out; and those left out, with the reason."""
    learnt, held, missing = [], [], []
    for part in parts:
        pictures, left_out = load_pictures(data, [part], least=LEAST, progress=progress)
        aside = hold_out(pictures, one_in)
        small = {name: reduced(picture, STORED) for name, picture in pictures.items()}
        learnt.append([picture for name, picture in small.items() if name not in aside])
        held.append([small[name] for name in sorted(aside)])
        missing += left_out
    return learnt, held, missing


def reduced(picture: Tensor, side: int) -> Tensor:
    """A picture (3, H, W) uint8 with a shorter side of at most `side` pixels."""
    share = side / min(picture.shape[1:])
    if share >= 1:
        return picture
    size = [round(length * share) for length in picture.shape[1:]]
    small = F.interpolate(picture[None].float(), size=size, mode="bilinear", antialias=True)
    return small[0].round().clamp(0, 255).byte()


def recolour(images: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Give some of the images (B, 3, H, W) in [0, 1] other colours: hue turned, channels swapped, contrast, brightness.

    Args:
        share: part of the images that are changed.
    """
    chances = torch.rand(len(images), 7, generator=generator).tolist()
    mixed = torch.stack([mixture(hue, vivid, swap) for _, hue, vivid, _, _, swap, _ in chances])
    numbers = [
        (whether < share, 0.6 + 0.9 * contrast, 2 ** (1.6 * gamma - 0.8), negative < 0.1)
        for whether, _, _, contrast, gamma, _, negative in chances
    ]
    chosen, contrast, gamma, negative = torch.tensor(numbers).T.to(images)[..., None, None, None]
    x = torch.einsum("bij,bjhw->bihw", mixed.to(images), images.clamp(1e-3, 1) ** gamma)
    mean = x.mean(dim=(2, 3), keepdim=True)
    x = mean + (x - mean) * contrast
    return torch.where(chosen > 0, torch.where(negative > 0, 1 - x, x).clamp(0, 1), images)


def mixture(hue: float, vivid: float, swap: float) -> Tensor:
    """The matrix (3, 3) that gives a picture other colours: its channels in another order, or its hue turned."""
    if swap < 0.5:
        return torch.eye(3)[list(ORDERS[int(swap * 2 * len(ORDERS))])]
    return hue_turn(2 * math.pi * hue, 0.3 + 1.2 * vivid)


ORDERS = ((0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))


def hue_turn(angle: float, saturation: float) -> Tensor:
    """The matrix (3, 3) that turns colours about the axis of greys, and makes them more or less vivid."""
    axis = torch.full((3, 3), 1 / 3)
    cross = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / math.sqrt(3)
    return axis + saturation * (math.cos(angle) * (torch.eye(3) - axis) + math.sin(angle) * cross)
