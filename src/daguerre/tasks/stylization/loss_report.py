"""The losses of an optimization, as a table and a plot."""

import csv
import itertools
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from daguerre.errors import MissingExtra, UnwritablePicture
from daguerre.files import check_free, whole
from daguerre.tasks.stylization.optimization import HistoryEntry

__all__ = ["check_plot", "plot_losses", "write_losses"]


def write_losses(history: Sequence[HistoryEntry], path: Path, *, overwrite: bool = False) -> Path:
    """Write the losses of every step as a CSV table."""
    check_free(path, overwrite=overwrite)
    with whole(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(HistoryEntry.__dataclass_fields__))
        writer.writeheader()
        writer.writerows(asdict(row) for row in history)
    return path


def check_plot(path: Path, *, overwrite: bool = False) -> Any:
    """Like `check_free`, for a plot; returns matplotlib's `Figure`.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    check_free(path, overwrite=overwrite)
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra(
            "plots need matplotlib; install it with `pip install 'daguerre[train]'`, or write the table alone"
        ) from error
    return Figure


def plot_losses(history: Sequence[HistoryEntry], path: Path, *, overwrite: bool = False) -> Path:
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
    except ValueError as error:  # an unsupported format
        raise UnwritablePicture(f"cannot draw the losses as {path}: {error}") from error
    return path
