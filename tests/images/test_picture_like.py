import io
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from images.drawn import photo
from PIL import Image

from daguerre.images import Picture, as_picture


@pytest.fixture
def path(tmp_path):
    return Picture.from_array(photo()).save(tmp_path / "a.png")


class Named:
    def __init__(self, path):
        self.path = path

    def __fspath__(self):
        return str(self.path)


def test_a_picture_is_itself():
    picture = Picture.from_array(photo())
    assert as_picture(picture) is picture


FORMS = {
    "text": str,
    "path": Path,
    "something with a path": Named,
    "bytes": Path.read_bytes,
    "bytearray": lambda path: bytearray(path.read_bytes()),
    "memory": lambda path: memoryview(path.read_bytes()),
    "file in memory": lambda path: io.BytesIO(path.read_bytes()),
    "Pillow image": Image.open,
    "array": lambda path: np.asarray(Image.open(path)),
    "tensor": lambda path: torch.from_numpy(np.array(Image.open(path))).permute(2, 0, 1),
    "tensor of floats in a batch": lambda path: Picture.open(path).read(),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_whatever_holds_a_picture_is_one(path, form):
    picture = as_picture(form(path))
    assert np.array_equal(np.rint(picture.read()[0].permute(1, 2, 0).numpy() * 255), photo())


def test_an_open_file_is_a_picture(path):
    with path.open("rb") as file:
        assert np.array_equal(as_picture(file).array(), photo())


def test_a_file_object_need_not_be_at_its_beginning_but_at_the_pictures(path):
    file = io.BytesIO(b"head" + path.read_bytes())
    file.seek(4)
    assert np.array_equal(as_picture(file).array(), photo())


@pytest.mark.parametrize("shape", [(5, 7), (1, 5, 7), (1, 1, 5, 7)])
def test_masks_are_pictures(shape):
    mask = torch.zeros(shape, dtype=torch.bool)
    mask[..., :3] = True
    made = as_picture(mask.numpy() if len(shape) == 2 else mask)
    assert made.array().tolist() == [[255] * 3 + [0] * 4] * 5


def test_bfloat16_is_a_number_as_any():
    assert as_picture(torch.full((3, 2, 2), 0.5, dtype=torch.bfloat16)).array()[0, 0].tolist() == [32768] * 3


@pytest.mark.parametrize(
    ("thing", "error", "message"),
    [
        (None, TypeError, "NoneType None is no picture; give a path, bytes, a file open in mode 'rb', a Pillow image"),
        (7, TypeError, "int 7 is no picture; give a path"),
        (["a.png", "b.png"], TypeError, "a list of pictures: call it once for each"),
        ((name for name in "ab"), TypeError, "a generator of pictures: call it once for each"),
        (io.StringIO("text"), TypeError, "open for reading text; open it in mode 'rb'"),
        (torch.rand(4, 4), ValueError, r"a tensor of shape \(4, 4\) is no picture; it must be \(1 to 4, H, W\)"),
        (torch.rand(2, 3, 4, 4), ValueError, r"a tensor of shape \(2, 3, 4, 4\) is no picture"),
        (torch.rand(5, 4, 4), ValueError, r"a tensor of shape \(5, 4, 4\) is no picture"),
        (torch.rand(3, 4, 4) * 255, ValueError, "a picture's lie between 0 and 1"),
        (torch.ones(3, 4, 4, dtype=torch.int32), ValueError, "an array of int32 is no picture; it must be uint8"),
        (np.ma.masked_less(np.ones((3, 4)), 0), ValueError, "a masked array is no picture"),
        (np.ones((3, 4), object), ValueError, "an array of object is no picture"),
        (np.ones((3, 4), complex), ValueError, "an array of complex128 is no picture"),
    ],
)
def test_the_rest_is_refused_by_name(thing, error, message):
    with pytest.raises(error, match=message):
        as_picture(thing)


def test_a_long_thing_is_named_in_short():
    with pytest.raises(TypeError) as caught:
        as_picture(frozenset(map(str, range(1000))))
    assert len(str(caught.value)) < 250


def test_arrays_of_the_other_byte_order_are_taken():
    levels = photo(bits=16)
    assert np.array_equal(as_picture(levels.astype(levels.dtype.newbyteorder())).array(), levels)


def test_a_pipe_is_read_as_a_file(path):
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as file:
        file.write(path.read_bytes())
    with os.fdopen(reading, "rb") as file:
        assert np.array_equal(as_picture(file).array(), photo())
