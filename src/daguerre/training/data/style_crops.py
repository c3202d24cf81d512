"""Photographs to stylize, styles, and outputs of other networks: random crops, flipped, transposed, recolored."""

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from daguerre.errors import DataError
from daguerre.progress import ProgressCallback
from daguerre.training.data.pictures import CPU, hold_out, load_pictures, move_if_room, orient, shrink_short_side

__all__ = ["Painted", "StyleCrops", "load_parts", "recolour", "shrink_uint8"]

SMALLEST_SIDE = 64  # pixels; pictures with a shorter side are left out
LEAST_DEVIATION = 0.03  # below it a crop is drawn again, since normalizing it would divide by almost zero
TRIES = 5  # draws before a flat crop is accepted
STORED_SIDE = 384  # pixels; shorter side at which pictures are kept in memory


class StyleCrops:
    """Random square crops of pictures at random sizes, flipped and transposed.

    Args:
        parts: pictures (3, H, W) uint8 of each part.
        shares: how often each part is drawn from.
        least: minimum side in pixels of a crop in a picture, if the picture is that large.
        device: where crops are made.
    """

    def __init__(
        self,
        parts: Sequence[Sequence[Tensor]],
        shares: Sequence[float],
        *,
        least: int,
        device: torch.device = CPU,
    ) -> None:
        self.parts = [move_if_room(part, device) for part in parts]
        self.shares, self.least, self.device = torch.tensor(shares), least, device

    def draw(self, batch: int, side: int, generator: torch.Generator, *, orientations: int = 8) -> Tensor:
        """Crops (batch, 3, side, side) in [0, 1], in the first `orientations` of the eight of `orient`."""
        which = torch.multinomial(self.shares, batch, replacement=True, generator=generator).tolist()
        pieces: dict[int, Tensor] = {}
        flat = list(range(batch))
        for _ in range(TRIES):  # together, so that there is one GPU synchronization for all of them
            pieces |= {
                i: self.crop(which[i], side, torch.rand(5, generator=generator).tolist(), orientations) for i in flat
            }
            spread = torch.stack([pieces[i].std() for i in flat]).tolist()
            flat = [i for i, deviation in zip(flat, spread, strict=True) if deviation <= LEAST_DEVIATION]
            if not flat:
                break
        return torch.cat([pieces[i] for i in range(batch)])

    def crop(self, part: int, side: int, drawn: list[float], orientations: int) -> Tensor:
        """A crop (1, 3, side, side) determined by five numbers `drawn` from [0, 1)."""
        which, relative_size, y, x, orientation = drawn
        pictures = self.parts[part]
        picture = pictures[int(which * len(pictures))]
        short = min(picture.shape[1:])
        least = min(self.least, short)
        size = round(least * (short / least) ** relative_size)  # log-uniform
        top, left = (int(at * (length - size + 1)) for at, length in zip((y, x), picture.shape[1:], strict=True))
        piece = picture[None, :, top : top + size, left : left + size].to(self.device).float() / 255
        if size != side:
            piece = F.interpolate(piece, size=(side, side), mode="bilinear", antialias=size > side)
        return orient(piece, int(orientation * orientations))


class Painted:
    """Photographs, styles, and each photograph stylized by another network.

    Args:
        data: the data folder.
        part: a folder in it with folders `photographs`, `styles` and `painted`, whose pictures have the same names.
        side: pixels of a side of a style.

    Raises:
        DataError: a photograph has no style, or was painted in another size.
    """

    def __init__(self, data: Path, part: str, side: int, progress: ProgressCallback) -> None:
        folders = [f"{part}/{name}" for name in ("photographs", "styles", "painted")]
        loaded = [load_pictures(data, [folder], least=SMALLEST_SIDE, progress=progress)[0] for folder in folders]
        photographs, styles, painted = (
            {name.removeprefix(folder): picture for name, picture in pictures.items()}
            for folder, pictures in zip(folders, loaded, strict=True)
        )
        for name, photograph in photographs.items():
            if name not in styles or name not in painted or painted[name].shape != photograph.shape:
                raise DataError(
                    f"{part}/photographs{name} needs a picture in {part}/styles, and in {part}/painted as large"
                )
        self.both = [torch.cat([photograph, painted[name]]) for name, photograph in photographs.items()]
        self.styles = [styles[name] for name in photographs]
        self.side = side

    def draw(self, batch: int, side: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Crops of photographs (batch, 3, side, side) in [0, 1], whole styles, and these crops painted."""
        found, styles = [], []
        for which, *at in torch.rand(batch, 3, generator=generator).tolist():
            number = int(which * len(self.both))
            both, style = self.both[number], self.styles[number]
            top, left = (int(x * (length - side + 1)) for x, length in zip(at, both.shape[1:], strict=True))
            found.append(both[None, :, top : top + side, left : left + side].float() / 255)
            size = (self.side, self.side)
            styles.append(F.interpolate(style[None].float() / 255, size=size, mode="bilinear", antialias=True))
        photographs, painted = torch.cat(found).chunk(2, 1)
        return photographs, torch.cat(styles), painted


def load_parts(
    data: Path, parts: Sequence[str], fraction: float, progress: ProgressCallback
) -> tuple[list[list[Tensor]], list[list[Tensor]], list[str]]:
    """Pictures of each part, reduced: for training, held out, and a line for each one left out."""
    training, validation, left_out = [], [], []
    for part in parts:
        pictures, unusable = load_pictures(data, [part], least=SMALLEST_SIDE, progress=progress)
        held_out = hold_out(pictures, fraction)
        small = {name: shrink_uint8(picture, STORED_SIDE) for name, picture in pictures.items()}
        training.append([picture for name, picture in small.items() if name not in held_out])
        validation.append([small[name] for name in sorted(held_out)])
        left_out += unusable
    return training, validation, left_out


def shrink_uint8(picture: Tensor, side: int) -> Tensor:
    """A picture (3, H, W) uint8 with a shorter side of at most `side` pixels."""
    return shrink_short_side(picture[None].float(), side)[0].round().clamp(0, 255).byte()


def recolour(images: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Recolor some images (B, 3, H, W) in [0, 1]: hue, channels, contrast, brightness, negative.

    Args:
        share: fraction of the images that are changed.
    """
    drawn = torch.rand(len(images), 7, generator=generator).tolist()
    matrices = torch.stack([colour_matrix(hue, saturation, swap) for _, hue, saturation, _, _, swap, _ in drawn])
    numbers = [
        (whether < share, 0.6 + 0.9 * contrast, 2 ** (1.6 * gamma - 0.8), negative < 0.1)
        for whether, _, _, contrast, gamma, _, negative in drawn
    ]
    chosen, contrast, gamma, negative = torch.tensor(numbers).T.to(images)[..., None, None, None]
    x = torch.einsum("bij,bjhw->bihw", matrices.to(images), images.clamp(1e-3, 1) ** gamma)
    mean = x.mean(dim=(2, 3), keepdim=True)
    x = mean + (x - mean) * contrast
    return torch.where(chosen > 0, torch.where(negative > 0, 1 - x, x).clamp(0, 1), images)


def colour_matrix(hue: float, saturation: float, swap: float) -> Tensor:
    """A matrix (3, 3) that permutes the channels, or rotates the hue, determined by numbers in [0, 1]."""
    if swap < 0.5:
        return torch.eye(3)[list(ORDERS[int(swap * 2 * len(ORDERS))])]
    return hue_rotation(2 * math.pi * hue, 0.3 + 1.2 * saturation)


ORDERS = ((0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))


def hue_rotation(angle: float, saturation: float) -> Tensor:
    """The matrix (3, 3) that rotates colors about the gray axis by `angle` radians, and scales saturation."""
    axis = torch.full((3, 3), 1 / 3)
    cross = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / math.sqrt(3)
    return axis + saturation * (math.cos(angle) * (torch.eye(3) - axis) + math.sin(angle) * cross)
