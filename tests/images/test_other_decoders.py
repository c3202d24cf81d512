import os
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
from daguerre.images.save import write_bmp
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


def test_a_tall_picture_is_written_in_order(tmp_path):
    levels = photo(700, 3)
    assert np.array_equal(Picture.open(Picture.from_array(levels).save(tmp_path / "a.bmp")).array(), levels)


@pytest.mark.parametrize("cut", [2, 20, 60, 500])
def test_a_bitmap_cut_short_is_refused(tmp_path, cut, capfd):
    Image.fromarray(photo()).save(tmp_path / "a.bmp")
    (tmp_path / "a.bmp").write_bytes((tmp_path / "a.bmp").read_bytes()[:cut])
    with pytest.raises(UnreadablePicture, match="damaged or incomplete BMP"):
        Picture.open(tmp_path / "a.bmp")
    assert capfd.readouterr() == ("", "")


def test_a_bitmap_that_shrinks_after_it_was_opened_was_read_before(tmp_path):
    path = Picture.from_array(photo(300, 300)).save(tmp_path / "a.bmp")
    picture = Picture.open(path)
    path.write_bytes(path.read_bytes()[:1000])
    assert np.array_equal(picture.array(), photo(300, 300))


def test_what_is_behind_a_bitmap_is_not_read(tmp_path):
    path = Picture.from_array(photo()).save(tmp_path / "a.bmp")
    os.truncate(path, 2**36)  # a hole: takes no room on disk
    assert np.array_equal(Picture.open(path).array(), photo())


def header(width, height, bits=24, packed=0, resolution=(0, 0)):
    return struct.pack("<2sIIIIiiHHIIiiII", b"BM", 0, 0, 54, 40, width, height, 1, bits, packed, 0, *resolution, 0, 0)


@pytest.mark.parametrize(("width", "height"), [(40_000_000, 1), (1, 200_000_000), (1, -(2**31)), (2**31 - 1, 1)])
def test_absurd_sizes_are_a_line_though_the_file_is_as_large(tmp_path, width, height):
    with (tmp_path / "a.bmp").open("wb") as file:
        file.write(header(width, height))
        file.truncate(54 + 4 * max(width, abs(height)))  # a hole: takes no room on disk
    with pytest.raises(UnreadablePicture, match=r"a\.bmp is a damaged or incomplete BMP"):
        Picture.open(tmp_path / "a.bmp")


@pytest.mark.parametrize(("bits", "packed"), [(3, 0), (24, 9), (8, 1), (16, 3)])
def test_odd_kinds_are_a_line(tmp_path, bits, packed, capfd):
    (tmp_path / "a.bmp").write_bytes(header(4, 4, bits, packed).ljust(300, b"\x07"))
    with pytest.raises(UnreadablePicture, match="BMP that is damaged or of a rare kind; save it as PNG"):
        Picture.open(tmp_path / "a.bmp").read()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("resolution", [(2**31 - 1, 2**31 - 1), (-5, 5), (1, 2**31 - 1)])
def test_an_absurd_resolution_is_left_out_in_silence_of_glib(tmp_path, resolution, capfd):
    (tmp_path / "a.bmp").write_bytes(header(2, 2, resolution=resolution) + bytes(16))
    assert Picture.open(tmp_path / "a.bmp").metadata.resolution is None
    assert capfd.readouterr() == ("", "")


def test_a_bitmap_of_more_than_a_gigabyte_is_refused(tmp_path):
    with pytest.raises(UnwritablePicture, match=r"too many for a BMP file; save it as .png or .tif"):
        write_bmp(pyvips.Image.black(40_000, 40_000, bands=3), tmp_path / "a.bmp", silent)
