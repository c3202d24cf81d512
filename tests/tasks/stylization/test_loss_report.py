import csv
import sys

import pytest
import pyvips
import torch

from daguerre.errors import MissingExtra, OutputExists, UnwritablePicture
from daguerre.images import Picture
from daguerre.tasks.stylization.loss_report import make_sheet, plot_losses, write_losses
from daguerre.tasks.stylization.optimization import Row

HISTORY = [
    Row(step=step, height=40 * (1 + step // 3), width=32, content=0.1 * step, style=1 / step, variation=0.01, total=2.0)
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


def test_a_sheet_shows_the_pictures_in_order():
    shades = [0.1 * number for number in range(1, 8)]
    pictures = [Picture.from_tensor(torch.full((1, 3, 20, 30), shade)) for shade in shades]
    row = make_sheet(pictures[:4]).read()
    assert row.shape == (1, 3, 36, 4 * 38 + 8)
    assert row[0, 0, 18, 23::38].tolist() == pytest.approx(shades[:4], abs=0.01)
    assert row[0, 0, 18, 4].item() == 1
    square = make_sheet(pictures).read()
    assert square.shape == (1, 3, 3 * 28 + 8, 3 * 38 + 8)
    assert square[0, 0, 18 + 28 * 2, 23].item() == pytest.approx(shades[6], abs=0.01)


def test_large_pictures_are_shrunk_for_a_sheet_and_transparent_ones_are_on_white():
    large = Picture.from_tensor(torch.zeros(1, 3, 70, 1280), alpha=torch.zeros(1, 1, 70, 1280))
    sheet = make_sheet([large]).read()
    assert sheet.shape == (1, 3, 51, 656)
    assert sheet.min() == 1
