import numpy as np
import torch
from PIL import Image

from daguerre.training.logger import CSVLogger, write_image


def test_columns_that_come_late_are_empty_before(tmp_path):
    journal = CSVLogger(tmp_path / "log.csv", 0)
    journal.add({"step": 50, "l1": 0.25})
    journal.add({"step": 100, "l1": 0.125, "psnr_y": 31.5})
    assert (tmp_path / "log.csv").read_text().split() == ["step,l1,psnr_y", "50,0.25,", "100,0.125,31.5"]


def test_a_resumed_table_begins_where_the_checkpoint_was(tmp_path):
    journal = CSVLogger(tmp_path / "log.csv", 0)
    for step in (50, 100, 150):
        journal.add({"step": step, "l1": 1.0})
    CSVLogger(tmp_path / "log.csv", 100).add({"step": 150, "l1": 2.0})
    assert (tmp_path / "log.csv").read_text().split() == ["step,l1", "50,1", "100,1", "150,2"]


def test_a_new_run_does_not_take_over_an_old_table(tmp_path):
    CSVLogger(tmp_path / "log.csv", 0).add({"step": 50, "l1": 1.0})
    assert CSVLogger(tmp_path / "log.csv", 0).rows == []


def test_a_sheet_is_written_pixel_by_pixel(tmp_path):
    sheet = torch.zeros(1, 3, 2, 3)
    sheet[0, 1, 0, 2] = 0.5
    sheet[0, 2, 1, 0] = 7.0
    write_image(sheet, tmp_path / "samples" / "a.png")
    pixels = np.array(Image.open(tmp_path / "samples" / "a.png"))
    assert (pixels[0, 2].tolist(), pixels[1, 0].tolist(), pixels.sum()) == ([0, 128, 0], [0, 0, 255], 128 + 255)
