import numpy as np
import pytest
import torch
from PIL import Image

from daguerre.errors import DataError
from daguerre.progress import silent
from daguerre.training.data.classification import LabelledCrops, load_labelled


@pytest.fixture
def labelled(tmp_path):
    """A sheet of 2 x 3 flat cat pictures, numbered by their grey, and one larger picture of a dog."""
    (tmp_path / "cat").mkdir()
    (tmp_path / "dog").mkdir()
    sheet = np.repeat(np.repeat(np.arange(6, dtype=np.uint8).reshape(2, 3) * 10, 64, 0), 64, 1)
    Image.fromarray(sheet).save(tmp_path / "cat" / "sheet-6.png")
    Image.fromarray(np.full((100, 80, 3), 200, dtype=np.uint8)).save(tmp_path / "dog" / "rex.png")
    return load_labelled(tmp_path, ["."], progress=silent)[0]


def test_sheets_are_cut_row_by_row_and_folders_are_labels(labelled):
    assert [(name, label, tuple(p.shape), p[0, 5, 5].item()) for name, (label, p) in labelled.items()] == [
        *[(f"cat/sheet-6.png#{i}", "cat", (3, 64, 64), 10 * i) for i in range(6)],
        ("dog/rex.png", "dog", (3, 100, 80), 200),
    ]


def test_pieces_have_one_size_and_their_pictures_class(labelled):
    crops = LabelledCrops(labelled.values(), ["cat", "dog"])
    images, labels = crops.draw(64, 32, torch.Generator().manual_seed(0))
    assert (images.shape, labels.shape) == ((64, 3, 32, 32), (64,))
    assert ((images.mean(dim=(1, 2, 3)) > 100) == (labels == 1)).all()
    assert set(labels.tolist()) == {0, 1}


def test_middles_are_taken_of_all_pictures_in_order(labelled):
    images, labels = LabelledCrops(labelled.values(), ["cat", "dog"]).all(64)
    assert labels.tolist() == [0] * 6 + [1]
    assert images.shape == (7, 3, 64, 64)
    assert images[:, 0, 0, 0].tolist() == pytest.approx([0, 10, 20, 30, 40, 50, 200], abs=1e-3)


def test_no_picture_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no picture to train with"):
        load_labelled(tmp_path, ["."], progress=silent)
