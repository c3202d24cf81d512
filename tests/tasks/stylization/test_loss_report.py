import csv
import sys

import pytest
import pyvips

from daguerre.errors import MissingExtra, OutputExists, UnwritablePicture
from daguerre.tasks.stylization.loss_report import plot_losses, write_losses
from daguerre.tasks.stylization.optimization import HistoryEntry

HISTORY = [
    HistoryEntry(
        step=step, height=40 * (1 + step // 3), width=32, content=0.1 * step, style=1 / step, variation=0.01, total=2.0
    )
    for step in range(1, 6)
]


def test_the_table_has_a_row_for_every_step(tmp_path):
    path = write_losses(HISTORY, tmp_path / "losses.csv")
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert [int(row["step"]) for row in rows] == [1, 2, 3, 4, 5]
    assert [float(row["style"]) for row in rows] == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4, 1 / 5])
    assert rows[4]["height"] == "80"


def test_the_plot_is_a_picture(tmp_path):
    path = plot_losses(HISTORY, tmp_path / "losses.png")
    image = pyvips.Image.new_from_file(str(path))
    assert (image.width, image.height) == (800, 700)
    assert image.deviate() > 5


def test_without_matplotlib_a_plot_is_refused_with_the_way_to_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtra, match=r"pip install 'daguerre\[train\]'"):
        plot_losses(HISTORY, tmp_path / "losses.png")


@pytest.mark.parametrize("write", [write_losses, plot_losses])
def test_nothing_is_replaced_unasked(write, tmp_path):
    path = tmp_path / "losses.png"
    write(HISTORY, path)
    with pytest.raises(OutputExists, match="exists already"):
        write(HISTORY, path)
    write(HISTORY, path, overwrite=True)
    with pytest.raises(UnwritablePicture, match="there is no folder"):
        write(HISTORY, tmp_path / "nowhere" / "losses.png")


def test_a_format_that_cannot_be_drawn_is_reported(tmp_path):
    with pytest.raises(UnwritablePicture, match=r"cannot draw the losses as .*\.mp3"):
        plot_losses(HISTORY, tmp_path / "losses.mp3")
