import io
import struct
import time

import numpy as np
import pytest
import tifffile
from images.drawn import photo
from PIL import Image, TiffImagePlugin

from daguerre.images import Picture
from daguerre.images.exif import append_exif, read_exif

MAKE, ARTIST, ORIGINAL_DATE, EXPOSURE, LATITUDE = 0x10F, 0x13B, 0x9003, 0x829A, 2


def read(path):
    with path.open("rb") as file:
        return read_exif(file)[0]


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
    again.load(b"Exif\0\0" + read(path))
    check(again)


def test_the_list_of_a_second_page_stays_behind_the_first(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.stack([photo(), photo(seed=1)]), photometric="rgb", metadata=None)
    append_exif(path, block("<"), None, 40, 60)
    assert np.array_equal(tifffile.imread(path, key=1), photo(seed=1))


def test_a_tiff_file_without_descriptions_has_no_exif(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", photo(), metadata=None, software=False)
    assert read(tmp_path / "a.tif") is None


LOOP = struct.pack("<2sHIHHHIII", b"II", 42, 8, 1, 0x8769, 4, 1, 8, 0)
DAMAGED = [b"", b"II*\0", b"II*\0\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff", b"MM\0*\0\0\0\x08\0\x01"]


@pytest.mark.parametrize("damaged", DAMAGED)
def test_damaged_exif_leaves_the_file_as_it_was(tmp_path, damaged):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, photo())
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"cut short|list of"):
        append_exif(path, damaged, b"iptc", 40, 60)
    assert path.read_bytes() == before


def test_a_list_that_points_to_itself_ends(tmp_path):
    (tmp_path / "a.tif").write_bytes(LOOP)
    assert read(tmp_path / "a.tif") is not None


def test_values_too_large_to_carry_are_left_out(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, photo(), description="x" * 70_000, software="scanner", metadata=None)
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + read(path))
    assert dict(exif) == {0x131: "scanner"}
    assert io.BytesIO(read(path)).getbuffer().nbytes < 100


def directory(entries, at=8, order="<"):
    """A list of tags for byte `at` of a classic TIFF structure, of entries (tag, type, count, value or place)."""
    packed = b"".join(struct.pack(order + "HHII", *entry) for entry in sorted(entries))
    return struct.pack(order + "H", len(entries)) + packed + bytes(4)


def test_many_tags_that_share_their_bytes_cost_no_more_than_a_few():
    """2 x 900 values of 60,000 bytes, all in the same place: 100 MB out of 100 KB."""
    values = 8 + 2 + 3 * 12 + 4 + 2 * (2 + 900 * 12 + 4)
    many = [(0x9000 + i, 7, 60_000, values) for i in range(900)]
    first = directory([(0x10F, 2, 4, int.from_bytes(b"Fed\0", "little")), (0x8769, 4, 1, 50), (0x8825, 4, 1, 10_856)])
    block = b"II*\0\x08\0\0\0" + first + directory(many) + directory(many) + bytes(60_000)
    began, (exif, lost) = time.process_time(), read_exif(io.BytesIO(block))
    assert lost
    assert b"Fed" in exif
    assert len(exif) < 100
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize("place", [2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1])
def test_places_beyond_all_files_lose_what_is_there_and_no_more(tmp_path, place):
    tags = [(0x10F, 2, 4, b"Fed\0\0\0\0\0"), (0x131, 2, 9, struct.pack("<Q", place))]
    tags += [(tag, 16, 1, struct.pack("<Q", place)) for tag in (0x8769, 0x8825)]
    packed = b"".join(struct.pack("<HHQ8s", *entry) for entry in sorted(tags))
    (tmp_path / "a.tif").write_bytes(b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, len(tags)) + packed + bytes(8))
    with (tmp_path / "a.tif").open("rb") as file:
        exif, lost = read_exif(file)
    assert lost
    assert b"Fed" in exif


def test_a_list_that_is_lost_costs_the_others_nothing(tmp_path, caplog):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, photo(), description="Grandmother", metadata=None, extratags=[(0x8768, 4, 1, 2**31, True)])
    path.write_bytes(path.read_bytes().replace(b"\x68\x87\x04\0", b"\x69\x87\x04\0"))
    picture = Picture.open(path)
    assert b"Grandmother" in picture.metadata.exif
    assert caplog.messages == [f"{path}: a part of the EXIF cannot be kept and is left out (it is damaged)"]
    assert b"Grandmother" in picture.save(tmp_path / "b.jpg").read_bytes()
