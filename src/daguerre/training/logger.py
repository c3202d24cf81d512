"""Logs of a training run: a table, a plot, grids of sample images."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from daguerre.files import part

__all__ = ["CSVLogger", "image_grid", "write_image"]


class CSVLogger:
    """The table `log.csv` of a run: a row at intervals with the losses, and the scores if any.

    Args:
        path: the file; rows after `step` are removed, so that a resumed run has one consistent table.
    """

    def __init__(self, path: Path, step: int) -> None:
        self.path = path
        self.rows: list[dict[str, str]] = []
        if step and path.exists():
            with path.open(newline="", encoding="utf-8") as file:
                self.rows = [row for row in csv.DictReader(file) if int(row["step"]) <= step]

    def add(self, row: Mapping[str, float]) -> None:
        """Append a row; missing columns stay empty, new ones are added on the right."""
        self.rows.append({name: f"{value:.6g}" for name, value in row.items()})
        columns = dict.fromkeys(name for row in self.rows for name in row)
        with part(self.path, overwrite=True) as partial, partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(self.rows)

    def plot(self, path: Path) -> None:
        """Draw every column over the steps, one below the other."""
        from matplotlib.figure import Figure

        columns = [
            name for name in dict.fromkeys(n for row in self.rows for n in row) if name not in ("step", "seconds")
        ]
        figure = Figure(figsize=(8, 2 * len(columns)), layout="constrained")
        for axes, name in zip(figure.subplots(len(columns), squeeze=False)[:, 0], columns, strict=True):
            points = [(int(row["step"]), float(row[name])) for row in self.rows if row.get(name)]
            axes.plot(*zip(*points, strict=True), marker="." if len(points) < 50 else "")
            axes.set_ylabel(name)
        with part(path, overwrite=True) as partial:
            figure.savefig(partial)


def image_grid(rows: Sequence[Sequence[Tensor]]) -> Tensor:
    """Arrange lists of images (1, 3, h, w) in [0, 1], one per row, in one image (1, 3, H, W) on white.

    All images of a row have the same height.
    """
    lines = [torch.cat([image.clamp(0, 1) for image in row], dim=3) for row in rows]
    width = max(line.shape[3] for line in lines)
    return torch.cat([F.pad(line, (0, width - line.shape[3]), value=1.0) for line in lines], dim=2)


def write_image(image: Tensor, path: Path) -> None:
    """Write an image (1, 3, H, W) in [0, 1] as PNG; the folder is created if necessary."""
    path.parent.mkdir(exist_ok=True)
    pixels = image[0].permute(1, 2, 0).mul(255).round().clamp(0, 255).byte().numpy()
    with part(path, overwrite=True) as partial:
        Image.fromarray(np.ascontiguousarray(pixels)).save(partial)
