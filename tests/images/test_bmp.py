import struct

import numpy as np
import pytest
import pyvips
from hypothesis import given, settings
from hypothesis import strategies as st
from images.drawn import photo
from PIL import Image

from daguerre.errors import UnreadablePicture, UnwritablePicture
from daguerre.images import Picture
from daguerre.images.bmp import write_bmp
from daguerre.progress import silent


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
@pytest.mark.parametrize("width", [1, 7, 8, 33])
def test_bitmaps_are_read_as_pillow_wrote_them(tmp_path, mode, width):
    original = Image.fromarray(photo(5, width)).convert(mode)
    original.save(tmp_path / "a.bmp", dpi=(300, 300))
    picture = Picture.open(tmp_path / "a.bmp")
    wanted = original.convert("RGB") if mode == "P" else original.convert("L") if mode == "1" else original
    assert np.array_equal(picture.array(), np.asarray(wanted))
    assert picture.metadata.resolution == pytest.approx((11.811, 11.811))


def test_four_bits_are_read(tmp_path):
    # 3 x 2 pixels, two a byte, rows filled up to 4 bytes, bottom row first
    palette = bytes(v for i in range(16) for v in (i, 2 * i, 3 * i, 0))
    head = struct.pack("<2sIIIIiiHHIIiiII", b"BM", 54 + 64 + 8, 0, 118, 40, 3, 2, 1, 4, 0, 0, 0, 0, 16, 0)
    (tmp_path / "a.bmp").write_bytes(head + palette + b"\x12\x30\0\0\x45\x60\0\0")
    red = Picture.open(tmp_path / "a.bmp").array()[..., 0]
    assert red.tolist() == [[12, 15, 18], [3, 6, 9]]


def test_rows_from_top_to_bottom_and_alpha_are_read(tmp_path):
    rgba = photo(4, 5, 4)
    head = struct.pack("<2sIIIIiiHHIIiiII", b"BM", 0, 0, 14 + 108, 108, 5, -4, 1, 32, 3, 0, 0, 0, 0, 0)
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    (tmp_path / "a.bmp").write_bytes((head + masks).ljust(122, b"\0") + rgba[..., [2, 1, 0, 3]].tobytes())
    assert np.array_equal(Picture.open(tmp_path / "a.bmp").array(), rgba)


@settings(max_examples=20, deadline=None)
@given(height=st.integers(1, 9), width=st.integers(1, 9), channels=st.sampled_from([1, 3]))
def test_pillow_reads_what_is_written(tmp_path_factory, height, width, channels):
    levels = photo(height, width, channels)
    path = Picture.from_array(levels).save(tmp_path_factory.mktemp("bmp") / "a.bmp")
    with Image.open(path) as image:
        assert image.mode == ("L" if channels == 1 else "RGB")
        assert np.array_equal(np.asarray(image).reshape(levels.shape), levels)


def test_many_strips_are_written_in_order(tmp_path):
    levels = photo(700, 3)
    assert np.array_equal(Picture.open(Picture.from_array(levels).save(tmp_path / "a.bmp")).array(), levels)


@pytest.mark.parametrize("cut", [2, 20, 60, 500])
def test_a_bitmap_cut_short_is_refused(tmp_path, cut):
    Image.fromarray(photo()).save(tmp_path / "a.bmp")
    (tmp_path / "a.bmp").write_bytes((tmp_path / "a.bmp").read_bytes()[:cut])
    with pytest.raises(UnreadablePicture, match="damaged or incomplete BMP"):
        Picture.open(tmp_path / "a.bmp")


def test_rare_kinds_are_refused_by_name(tmp_path):
    Image.fromarray(photo(4, 4)).save(tmp_path / "a.bmp")
    data = bytearray((tmp_path / "a.bmp").read_bytes())
    data[28:30] = struct.pack("<H", 16)
    (tmp_path / "a.bmp").write_bytes(data)
    with pytest.raises(UnreadablePicture, match=r"rare kind .16 bits, compression 0.; save it as PNG"):
        Picture.open(tmp_path / "a.bmp")


def test_more_than_a_bitmap_can_count_is_refused(tmp_path):
    with pytest.raises(UnwritablePicture, match=r"save it as .png or .tif"):
        write_bmp(pyvips.Image.black(40_000, 40_000, bands=3), tmp_path / "a.bmp", silent)
