"""What painting leaves to look at: the losses of every step, as a table and a plot, and a sheet of its stages."""

import csv
import itertools
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from daguerre.errors import MissingExtra, UnwritablePicture
from daguerre.files import check_free, whole
from daguerre.images import Picture
from daguerre.images.resize import read_resized
from daguerre.tasks.stylization.optimization import Row

__all__ = ["check_plot", "make_sheet", "plot_losses", "write_losses"]

CELL = 640  # pixels of the longer side of a picture on a sheet
GAP = 8  # pixels between pictures


def write_losses(history: Sequence[Row], path: Path, *, overwrite: bool = False) -> Path:
    """Write the losses of every step as a CSV table."""
    check_free(path, overwrite=overwrite)
    with whole(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(Row.__dataclass_fields__))
        writer.writeheader()
        writer.writerows(asdict(row) for row in history)
    return path


def check_plot(path: Path, *, overwrite: bool = False) -> Any:
    """As `check_free`, for a plot; gives matplotlib's `Figure`.

    Raises:
        MissingExtra: matplotlib is not there.
    """
    check_free(path, overwrite=overwrite)
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra(
            "plots need matplotlib; install it with `pip install 'daguerre[train]'`, or write the table alone"
        ) from error
    return Figure


def plot_losses(history: Sequence[Row], path: Path, *, overwrite: bool = False) -> Path:
    """Draw the losses over the steps, one below the other, in the format of the name's extension."""
    figure = check_plot(path, overwrite=overwrite)(figsize=(8, 7), layout="constrained")
    steps = [row.step for row in history]
    grown = [row.step for before, row in itertools.pairwise(history) if before.height != row.height]
    for axes, name in zip(figure.subplots(3, sharex=True), ("content", "style", "variation"), strict=True):
        axes.plot(steps, [getattr(row, name) for row in history])
        axes.set_ylabel(f"{name} loss")
        axes.set_yscale("log")
        for step in grown:
            axes.axvline(step, color="0.8", linewidth=1)
    axes.set_xlabel("step; grey lines: the picture grows")
    try:
        with whole(path) as partial:
            figure.savefig(partial)
    except ValueError as error:  # a format that it does not know
        raise UnwritablePicture(f"cannot draw the losses as {path}: {error}") from error
    return path


def make_sheet(pictures: Sequence[Picture], columns: int = 0) -> Picture:
    """Pictures side by side on white, row by row, from left to right, at most 640 pixels each.

    Args:
        columns: how many to a row; unless given up to five, of more as many as there are rows.
    """
    cells = [fitted(picture) for picture in pictures]
    columns = columns or (len(cells) if len(cells) <= 5 else math.ceil(math.sqrt(len(cells))))
    height, width = (max(cell.shape[axis] for cell in cells) + GAP for axis in (2, 3))
    sheet = torch.ones(1, 3, height * math.ceil(len(cells) / columns) + GAP, width * columns + GAP)
    for number, cell in enumerate(cells):
        top, left = number // columns * height + GAP, number % columns * width + GAP
        sheet[..., top : top + cell.shape[2], left : left + cell.shape[3]] = cell
    return Picture.from_tensor(sheet)


def fitted(picture: Picture) -> Tensor:
    share = min(CELL / max(picture.height, picture.width), 1.0)
    colours, alpha = read_resized(picture, max(round(picture.height * share), 1), max(round(picture.width * share), 1))
    return colours if alpha is None else torch.lerp(torch.ones_like(colours), colours, alpha)
