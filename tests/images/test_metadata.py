import logging
import re
import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
import pyvips
import tifffile
from images.drawn import icc_profile, photo
from PIL import Image, IptcImagePlugin

from daguerre.images import Picture
from daguerre.images.metadata import Metadata, unwrapped, upright, wrapped

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></x:xmpmeta>'
)
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


RDF = b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">%b</rdf:RDF>'
ENCODED = b'<?xml version="1.0" encoding="%b"?><a/>'
BROKEN = {
    "torn": (RDF[:-4], "syntax|closed|element|token"),
    "deep": (b"<a>" * 3000 + b"</a>" * 3000, "more than 100 elements within one another"),
    "unnamed": (b"<dc:a/>", "what the prefix dc means is not said"),
    "shift-jis": (ENCODED % b"shift_jis", "multi-byte encodings are not supported"),
    "utf-7": (ENCODED % b"utf-7", "multi-byte encodings are not supported"),
    "utf-32": ("<?xml version='1.0' encoding='utf-32'?><a/>".encode("utf-32"), "not well-formed|syntax|encoding|token"),
    "foo-9": (ENCODED % b"foo-9", "unknown encoding: foo-9"),
    "rot13": (ENCODED % b"rot13", "'rot13' is not a text encoding"),
    "idna": (ENCODED % b"idna", "codec failed"),
    "entities": (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "it defines entities of its own"),
    "huge": (b"<a>" + b"x" * 2**20 + b"</a>", "1,048,583 bytes are too many"),
    "none": (b"Dear Sir", "syntax error"),
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("suffix", ["webp", "tif"])
def test_xmp_that_is_broken_or_absurd_is_left_out_with_a_line(tmp_path, caplog, kind, suffix):
    packet, reason = BROKEN[kind]
    path = Picture.from_array(photo()).save(tmp_path / f"a.{suffix}", xmp=packet)
    assert Picture.open(path).xmp is None
    (line,) = caplog.messages
    assert line.startswith(f"{path}: the XMP cannot be kept and is left out (")
    assert re.search(reason, line)
    assert "\n" not in line


@pytest.mark.parametrize(
    "packet",
    [
        "<?xml version='1.0' encoding='utf-16'?><a b='ü'/>".encode("utf-16"),
        "<?xml version='1.0' encoding='windows-1252'?><a b='ü'/>".encode("cp1252"),
        b"<a/>" + bytes(30),
    ],
    ids=["utf-16", "windows-1252", "padded"],
)
def test_xmp_in_an_encoding_that_is_known_is_kept(tmp_path, caplog, packet):
    assert Picture.open(Picture.from_array(photo()).save(tmp_path / "a.webp", xmp=packet)).xmp == packet
    assert not caplog.messages


PROFILE = icc_profile()


@pytest.mark.parametrize(
    ("profile", "reason"),
    [
        (b"junk", "it is none"),
        (PROFILE[:100], "it is none"),
        (PROFILE[:36] + b"acsq" + PROFILE[40:], "it is none"),
        (PROFILE[:-20], "it is cut short"),
        (b"\0\0\0\x80" + PROFILE[4:], "it is damaged"),
        (PROFILE[:128] + b"\xff\xff\xff\xff" + PROFILE[132:], "it is damaged"),
        (struct.pack(">I", 2**23 + 200) + PROFILE[4:].ljust(2**23 + 196, b"\0"), "8,388,808 bytes are too many"),
    ],
    ids=["junk", "cut", "other", "end cut", "header", "tags", "huge"],
)
def test_a_profile_that_is_broken_or_absurd_is_left_out_with_a_line(tmp_path, caplog, profile, reason):
    Image.fromarray(photo()).save(tmp_path / "a.webp", icc_profile=profile)
    picture = Picture.open(tmp_path / "a.webp")
    assert picture.profile is None
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("daguerre")]
    assert lines == [f"{tmp_path / 'a.webp'}: the colour profile cannot be kept and is left out ({reason})"]
    for suffix in KEEPING:
        picture.save(tmp_path / f"c.{suffix}")


def test_a_broken_profile_of_a_cmyk_picture_is_left_out(tmp_path, caplog):
    Image.fromarray(photo()).convert("CMYK").save(tmp_path / "a.jpg", icc_profile=b"junk" * 50)
    assert Picture.open(tmp_path / "a.jpg").read().shape == (1, 3, 40, 60)
    assert "colour profile cannot be kept" in caplog.text


def test_what_is_behind_a_profile_is_cut_off(tmp_path):
    """PNG files could not be saved with it."""
    Image.fromarray(photo()).save(tmp_path / "a.jpg", icc_profile=PROFILE + bytes(50))
    picture = Picture.open(tmp_path / "a.jpg")
    assert picture.profile == PROFILE
    assert Picture.open(picture.save(tmp_path / "b.png")).profile == PROFILE


LONG = struct.pack("<2sHIHHHIII", b"II", 42, 8, 1, 0x10E, 2, 70_000, 26, 0) + b"x" * 70_000


@pytest.mark.parametrize(
    ("metadata", "suffix", "line"),
    [
        ({"exif": LONG}, "jpg", "the EXIF cannot be kept and is left out (70,032 bytes are too many for a JPEG file)"),
        ({"exif": LONG}, "png", "the EXIF cannot be kept and is left out (70,032 bytes are too many for a PNG file)"),
        ({"xmp": b"<a>%b</a>" % bytes(70_000)}, "jpg", "the XMP cannot be kept and is left out (70,007 bytes are"),
        ({"iptc": bytes(70_000)}, "jpg", "the IPTC records cannot be kept and is left out (70,026 bytes are"),
    ],
)
def test_what_has_no_room_in_a_file_is_left_out_with_a_line_not_the_picture(tmp_path, caplog, metadata, suffix, line):
    picture = Picture.from_array(photo())
    picture.metadata = Metadata(**metadata)
    path = picture.save(tmp_path / f"a.{suffix}")
    assert np.array_equal(Picture.open(path).array(), photo()) or suffix == "jpg"
    (said,) = caplog.messages
    assert said.startswith(f"{path}: {line}")


def test_exif_that_grows_beyond_its_room_when_it_is_saved_is_left_out(tmp_path, caplog):
    """libexif writes what tags share once for each."""
    count, place = 200, 8 + 2 + 200 * 12 + 4
    entries = b"".join(struct.pack("<HHII", 0x9C00 + i, 7, 60_000, place) for i in range(count))
    entries = struct.pack("<HHII", 0x10F, 2, 4, 0x6465) + entries[12:]
    picture = Picture.from_array(photo())
    block = b"II*\0\x08\0\0\0" + struct.pack("<H", count) + entries + bytes(4) + bytes(60_000)
    picture.metadata = Metadata(exif=block)
    for suffix in KEEPING:
        assert Picture.open(picture.save(tmp_path / f"a.{suffix}")).height == 40


def test_keywords_of_png_files_in_latin_1_are_no_obstacle(tmp_path, caplog):
    data = Picture.from_array(photo()).save(tmp_path / "a.png").read_bytes()
    text = b"tEXtT\xfcr\0offen"
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    (tmp_path / "a.png").write_bytes(data[:33] + chunk + data[33:])
    saved = Picture.open(tmp_path / "a.png").save(tmp_path / "b.png")
    assert np.array_equal(Picture.open(saved).array(), photo())
    assert b"T\xfcr" not in saved.read_bytes()
    assert not caplog.messages


@pytest.mark.parametrize("dots", [2**31, 1e-9])
def test_an_absurd_resolution_is_left_out_with_a_line(tmp_path, caplog, capfd, dots):
    tifffile.imwrite(tmp_path / "a.tif", photo(), resolution=(dots, dots), resolutionunit="CENTIMETER", metadata=None)
    picture = Picture.open(tmp_path / "a.tif")
    assert picture.metadata.resolution is None
    picture.save(tmp_path / "b.tif")
    assert capfd.readouterr().err == ""
