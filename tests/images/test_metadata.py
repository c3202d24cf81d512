import logging
import struct
from dataclasses import replace

import pytest
import pyvips
from images.drawn import photo
from PIL import Image, IptcImagePlugin

from daguerre.images import Picture
from daguerre.images.metadata import Metadata, unwrapped, upright, wrapped

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
IPTC = b"\x1c\x02\x78\x00\x07Caption\x1c\x02\x50\x00\x05Atget"  # caption, byline
KEEPING = ["jpg", "png", "tif", "webp", "avif"]


@pytest.fixture
def described(tmp_path):
    """A picture lying on its side, with everything that a camera and an archive say about it."""
    exif = Image.Exif()
    exif[0x10F], exif[0x112], exif[0x8298] = "Leica", 6, "Musée Carnavalet".encode()
    exif.get_ifd(0x8769)[0xA002], exif.get_ifd(0x8769)[0xA003] = 60, 40
    exif.get_ifd(0x8769)[0x9003] = "1925:03:01 08:00:00"
    path = tmp_path / "original.jpg"
    Image.fromarray(photo()).save(path, exif=exif, xmp=XMP, dpi=(300, 200))
    data = path.read_bytes()
    block = wrapped(IPTC)
    path.write_bytes(data[:2] + b"\xff\xed" + (len(block) + 2).to_bytes(2, "big") + block + data[2:])
    return Picture.open(path)


@pytest.mark.parametrize("suffix", KEEPING)
def test_metadata_survives_from_file_to_file(tmp_path, described, suffix):
    saved = described.save(tmp_path / f"a.{suffix}")
    with Image.open(saved) as image:
        exif = image.getexif()
        assert image.size == (40, 60)
        assert exif[0x10F] == "Leica"
        assert exif[0x8298].encode("latin-1").decode() == "Musée Carnavalet"
        assert exif.get(0x112, 1) == 1
        inner = exif.get_ifd(0x8769)
        assert inner[0x9003] == "1925:03:01 08:00:00"
        assert (inner[0xA002], inner[0xA003]) == (40, 60)
    again = Picture.open(saved)
    assert again.xmp == XMP.replace(b'"6"', b'"1"')
    # turned, so what was across is down
    assert again.metadata.resolution == pytest.approx((200 / 25.4, 300 / 25.4), rel=1e-3)
    assert again.metadata.iptc == (IPTC if suffix in ("jpg", "tif") else None)


@pytest.mark.parametrize("first", KEEPING)
def test_metadata_survives_a_second_time(tmp_path, described, first):
    once = Picture.open(described.save(tmp_path / f"a.{first}"))
    twice = Picture.open(once.save(tmp_path / "b.tif"))
    assert twice.xmp == once.xmp
    assert b"Leica" in twice.metadata.exif
    assert b"1925:03:01" in twice.metadata.exif
    assert twice.metadata.resolution == pytest.approx(once.metadata.resolution, rel=1e-3)


def test_iptc_is_where_other_programs_look(tmp_path, described):
    with Image.open(described.save(tmp_path / "a.jpg")) as image:
        assert IptcImagePlugin.getiptcinfo(image) == {(2, 120): b"Caption", (2, 80): b"Atget"}


def test_thumbnails_of_the_old_picture_do_not_survive(tmp_path):
    thumbnail = Picture.from_array(photo(8, 8)).save(tmp_path / "thumbnail.jpg").read_bytes()
    first = struct.pack("<2sHIHHHI4sI", b"II", 42, 8, 1, 0x10F, 2, 4, b"Fed\0", 26)  # the camera's make
    second = struct.pack("<HHHIIHHIIHHIII", 3, 0x103, 3, 1, 6, 0x201, 4, 1, 68, 0x202, 4, 1, len(thumbnail), 0)
    exif = first + second + thumbnail
    picture = Picture.from_array(photo())
    picture.metadata = Metadata(exif=exif)
    expanded = pyvips.Image.black(1, 1)
    expanded.set_type(pyvips.GValue.blob_type, "exif-data", b"Exif\0\0" + exif)
    assert expanded.get("jpeg-thumbnail-data") == thumbnail
    saved = picture.save(tmp_path / "a.jpg").read_bytes()
    assert b"Fed" in saved
    assert thumbnail not in saved


def test_a_new_xmp_packet_takes_the_old_ones_place(tmp_path, described):
    for suffix in KEEPING:
        saved = described.save(tmp_path / f"a.{suffix}", xmp=b"<new/>")
        assert Picture.open(saved).xmp == b"<new/>"
    assert described.xmp == XMP


@pytest.mark.parametrize("suffix", ["gif", "bmp"])
def test_formats_without_room_save_the_picture_all_the_same(tmp_path, described, suffix):
    again = Picture.open(described.save(tmp_path / f"a.{suffix}"))
    assert again.xmp is None
    assert again.metadata.exif is None


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_an_unknown_resolution_is_saved_as_the_customary_72_dots_per_inch(tmp_path, suffix):
    with Image.open(Picture.from_array(photo()).save(tmp_path / f"a.{suffix}")) as image:
        assert image.info["dpi"] == pytest.approx((72, 72), rel=1e-3)


@pytest.mark.parametrize("suffix", KEEPING)
@pytest.mark.parametrize("junk", [b"junk", b"II*\0\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff", b"x" * 70_000])
def test_damaged_exif_costs_no_picture(tmp_path, caplog, suffix, junk):
    picture = Picture.from_array(photo())
    picture.metadata = replace(picture.metadata, exif=junk, iptc=b"odd")
    with caplog.at_level(logging.CRITICAL):
        assert Picture.open(picture.save(tmp_path / f"a.{suffix}")).read().shape == (1, 3, 40, 60)


@pytest.mark.parametrize("iptc", [IPTC, IPTC + b"!", b""])
def test_iptc_is_wrapped_for_jpeg_and_unwrapped_again(iptc):
    assert unwrapped(wrapped(iptc)) == iptc


def test_iptc_is_found_behind_other_resources():
    thumbnail = b"8BIM\x04\x0c\x03abc\0\0\0\x03xyz\0"
    assert unwrapped(thumbnail + wrapped(IPTC).removeprefix(b"Photoshop 3.0\0")) == IPTC


@pytest.mark.parametrize("block", [b"8BIM", b"8BIM\x04\x04\xff\0\0\0\0\x05", b"8BIM\x04\x0c\0\0\xff\xff\xff\xff", b""])
def test_damaged_resources_hold_no_iptc(block):
    assert unwrapped(block) == b""


def test_xmp_in_either_form_is_set_upright():
    assert upright(b"<tiff:Orientation>8</tiff:Orientation>") == b"<tiff:Orientation>1</tiff:Orientation>"
    assert upright(b"tiff:Orientation='3' exif:Flash='3'") == b"tiff:Orientation='1' exif:Flash='3'"
