import io
import struct

import numpy as np
import pytest
import tifffile
from images.drawn import photo
from PIL import Image, TiffImagePlugin

from daguerre.images import Picture
from daguerre.images.exif import append_exif, read_exif

MAKE, ARTIST, ORIGINAL_DATE, EXPOSURE, LATITUDE = 0x10F, 0x13B, 0x9003, 0x829A, 2


def block(order):
    """EXIF with values of every size, as Pillow writes it."""
    exif = Image.Exif()
    exif.endian = order
    exif[MAKE], exif[ARTIST] = "Voigtländer & Sohn".encode(), "Käthe".encode()
    inner = exif.get_ifd(0x8769)
    inner[ORIGINAL_DATE], inner[EXPOSURE] = "1903:05:01 12:00:00", TiffImagePlugin.IFDRational(1, 125)
    inner[0xA002], inner[0xA003] = 9, 9
    exif.get_ifd(0x8825)[LATITUDE] = (52.0, 31.0, 12.0)
    return exif.tobytes().removeprefix(b"Exif\0\0")


def check(exif):
    assert exif[MAKE].encode("latin-1").decode() == "Voigtländer & Sohn"
    inner = exif.get_ifd(0x8769)
    assert inner[ORIGINAL_DATE] == "1903:05:01 12:00:00"
    assert inner[EXPOSURE] == pytest.approx(1 / 125)
    assert exif.get_ifd(0x8825)[LATITUDE] == (52.0, 31.0, 12.0)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("file_order", "<>")
@pytest.mark.parametrize("big", [False, True])
def test_exif_goes_into_a_tiff_file_and_out_again(tmp_path, order, file_order, big):
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, photo(), byteorder=file_order, bigtiff=big, compression="deflate", rowsperstrip=7, metadata=None
    )
    append_exif(path, block(order), b"iptc", 40, 60)
    if not (big and file_order == ">"):  # Pillow takes a big-endian BigTIFF for a classic TIFF
        with Image.open(path) as image:
            exif = image.getexif()
            check(exif)
            assert exif.get_ifd(0x8769)[0xA002] == 60
            assert exif.get_ifd(0x8769)[0xA003] == 40
            assert exif[0x83BB] == b"iptc"
    assert np.array_equal(tifffile.imread(path), photo())
    assert np.array_equal(Picture.open(path).array(), photo())
    again = Image.Exif()
    again.load(b"Exif\0\0" + read_exif(path))
    check(again)


def test_the_list_of_a_second_page_stays_behind_the_first(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.stack([photo(), photo(seed=1)]), photometric="rgb", metadata=None)
    append_exif(path, block("<"), None, 40, 60)
    assert np.array_equal(tifffile.imread(path, key=1), photo(seed=1))


def test_a_tiff_file_without_descriptions_has_no_exif(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", photo(), metadata=None, software=False)
    assert read_exif(tmp_path / "a.tif") is None


LOOP = struct.pack("<2sHIHHHIII", b"II", 42, 8, 1, 0x8769, 4, 1, 8, 0)
DAMAGED = [b"", b"II*\0", b"II*\0\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff", b"MM\0*\0\0\0\x08\0\x01"]


@pytest.mark.parametrize("damaged", [*DAMAGED, LOOP[:-6] + b"\xff\xff\xff\xff\0\0"])
def test_damaged_exif_leaves_the_file_as_it_was(tmp_path, damaged):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, photo())
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"requires a buffer|list of"):
        append_exif(path, damaged, b"iptc", 40, 60)
    assert path.read_bytes() == before


def test_a_list_that_points_to_itself_ends(tmp_path):
    (tmp_path / "a.tif").write_bytes(LOOP)
    assert read_exif(tmp_path / "a.tif") is not None


def test_values_too_large_to_carry_are_left_out(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, photo(), description="x" * 70_000, software="scanner", metadata=None)
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + read_exif(path))
    assert dict(exif) == {0x131: "scanner"}
    assert io.BytesIO(read_exif(path)).getbuffer().nbytes < 100
