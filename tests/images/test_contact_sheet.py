import pytest
import torch

from daguerre.images import Picture
from daguerre.images.contact_sheet import make_sheet


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
