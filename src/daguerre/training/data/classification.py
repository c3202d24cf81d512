"""Labeled pictures, for the classifier whose features the perceptual losses use."""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import torch
from torch import Tensor
from torch.nn import functional as F

from daguerre.progress import ProgressCallback
from daguerre.training.data.pictures import CELL, load_pictures, orient

__all__ = ["LabelledCrops", "class_words", "load_labelled"]

SMALLEST_CROP = 0.6  # of a picture's shorter side


def load_labelled(
    data: Path, parts: Iterable[str], *, progress: ProgressCallback
) -> tuple[dict[str, tuple[str, Tensor]], list[str]]:
    """Decode pictures whose folder is their label, as `load_pictures` does.

    Returns:
        Label and picture (3, H, W) uint8 by name; and one line for every file left out, with the reason.

    Raises:
        DataError: a part is missing, or there is no picture.
    """
    pictures, left_out = load_pictures(data, parts, least=CELL, progress=progress)
    return {name: (PurePosixPath(name).parent.name, picture) for name, picture in pictures.items()}, left_out


def class_words(data: Path, parts: Iterable[str]) -> dict[str, str]:
    """Names of labels, from tables `*-classes.tsv` in the folders of the parts: label, tab, words up to a comma."""
    words = {}
    for part in parts:
        for table in sorted((data / part).glob("*-classes.tsv")):
            for line in table.read_text(encoding="utf-8").splitlines():
                label, _, meaning = line.partition("\t")
                words[label] = meaning.partition(",")[0].strip() or label
    return words


class LabelledCrops:
    """Random square crops of labeled pictures, of random sizes, resized to a common one.

    Args:
        pictures: label and picture (3, H, W) uint8.
        classes: the labels in the order of their indices.
    """

    def __init__(self, pictures: Iterable[tuple[str, Tensor]], classes: list[str]) -> None:
        number = {label: i for i, label in enumerate(classes)}
        self.examples = [(number[label], picture) for label, picture in pictures]

    def draw(self, batch: int, side: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Crops whose side is SMALLEST_CROP to 1 of the picture's, flipped at random.

        Returns:
            Images (batch, 3, side, side) float32 in [0, 255], and the indices (batch,) of their classes.
        """
        pieces, labels = [], []
        for which, size, y, x, flip in torch.rand(batch, 5, generator=generator, dtype=torch.float64).tolist():
            label, picture = self.examples[int(which * len(self.examples))]
            _, height, width = picture.shape
            taken = round(min(height, width) * (SMALLEST_CROP + (1 - SMALLEST_CROP) * size))
            top, left = int(y * (height - taken + 1)), int(x * (width - taken + 1))
            pieces.append(
                resize_square(orient(picture[:, top : top + taken, left : left + taken], int(flip * 2)), side)
            )
            labels.append(label)
        return torch.stack(pieces), torch.tensor(labels)

    def all(self, side: int) -> tuple[Tensor, Tensor]:
        """The central square of every picture, in the form of `draw`."""
        pieces = []
        for _, picture in self.examples:
            _, height, width = picture.shape
            taken = min(height, width)
            top, left = (height - taken) // 2, (width - taken) // 2
            pieces.append(resize_square(picture[:, top : top + taken, left : left + taken], side))
        return torch.stack(pieces), torch.tensor([label for label, _ in self.examples])


def resize_square(piece: Tensor, side: int) -> Tensor:
    """A square (3, s, s) uint8 resized to (3, side, side) float32 in [0, 255]."""
    if piece.shape[-1] == side:
        return piece.float()
    return F.interpolate(piece[None].float(), (side, side), mode="bilinear", antialias=True)[0]
