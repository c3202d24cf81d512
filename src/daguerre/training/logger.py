"""What a training run leaves to look at while it goes: a table, a plot, sample sheets."""

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from daguerre.files import part

__all__ = ["Journal", "write_sheet"]


class Journal:
    """The table `log.csv` of a run: a row now and then with the losses, and the scores where there are any.

    Args:
        path: the file; rows after `step` are cut off, so that a resumed run tells one story.
    """

    def __init__(self, path: Path, step: int) -> None:
        self.path = path
        self.rows: list[dict[str, str]] = []
        if step and path.exists():
            with path.open(newline="", encoding="utf-8") as file:
                self.rows = [row for row in csv.DictReader(file) if int(row["step"]) <= step]

    def add(self, row: Mapping[str, float]) -> None:
        """Write one more row; columns that it lacks stay empty, new ones go to the right."""
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


def write_sheet(sheet: Tensor, path: Path) -> None:
    """Write a sheet (1, 3, H, W) in [0, 1] as PNG."""
    path.parent.mkdir(exist_ok=True)
    pixels = sheet[0].permute(1, 2, 0).mul(255).round().clamp(0, 255).byte().numpy()
    with part(path, overwrite=True) as partial:
        Image.fromarray(np.ascontiguousarray(pixels)).save(partial)
