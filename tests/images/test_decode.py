import io
import struct
import sys

import numpy as np
import pytest
import tifffile
from images.drawn import photo
from images.refusals import png_claiming, refused, tiff
from PIL import Image

from daguerre.errors import MissingExtra, UnreadablePicture
from daguerre.images import Picture

SUFFIXES = ["jpg", "png", "tif", "webp", "avif", "gif", "bmp"]


@pytest.mark.parametrize("content", [b"Dear Sir,\n", b"\0" * 99, b"II", b"Please"])
def test_what_is_no_picture_is_refused_whatever_its_name(tmp_path, content):
    (tmp_path / "letter.jpg").write_bytes(content)
    refused(tmp_path / "letter.jpg", "not a picture that daguerre knows: JPEG, PNG")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("part", [0.1, 0.5, 0.95])
def test_a_truncated_file_is_reported_not_filled_with_grey(tmp_path, suffix, part):
    whole = Picture.from_array(photo(80, 120)).save(tmp_path / f"whole.{suffix}").read_bytes()
    (tmp_path / f"cut.{suffix}").write_bytes(whole[: int(len(whole) * part)])
    refused(tmp_path / f"cut.{suffix}", "damaged or incomplete")


@pytest.mark.parametrize("middle", [b"\xff\xd9", b"\xff\xc4\0\0", b"\x12\x34\xff\xd0" * 50])
def test_a_hole_in_a_jpeg_is_reported_though_it_has_an_end(tmp_path, middle):
    whole = Picture.from_array(photo(200, 300)).save(tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "hole.jpg").write_bytes(whole[: len(whole) // 2] + middle + whole[-500:])
    refused(tmp_path / "hole.jpg", "damaged or incomplete")


def test_junk_behind_a_jpeg_does_no_harm(tmp_path):
    whole = Picture.from_array(photo()).save(tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "more.jpg").write_bytes(whole + b"junk" * 100)
    assert Picture.open(tmp_path / "more.jpg").read().shape == (1, 3, 40, 60)


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_saving_a_truncated_picture_blames_the_picture_and_leaves_nothing(tmp_path, suffix):
    whole = Picture.from_array(photo(200, 300)).save(tmp_path / f"whole.{suffix}").read_bytes()
    (tmp_path / f"cut.{suffix}").write_bytes(whole[: len(whole) // 2])
    picture = Picture.open(tmp_path / f"cut.{suffix}")
    with pytest.raises(UnreadablePicture, match="cut"):
        picture.save(tmp_path / "out.tif")
    with pytest.raises(UnreadablePicture, match="cut"):
        _ = picture.grey
    assert not (tmp_path / "out.tif").exists()


@pytest.mark.parametrize("layout", [{"tile": (128, 128)}, {"rowsperstrip": 32}, {}])
@pytest.mark.parametrize("compression", [None, "deflate"])
def test_a_tiff_whose_list_of_tags_survived_is_damaged_all_the_same(tmp_path, layout, compression):
    tifffile.imwrite(tmp_path / "a.tif", photo(300, 300), compression=compression, metadata=None, **layout)
    data = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(data[: len(data) * 2 // 3])
    refused(tmp_path / "cut.tif", "damaged or incomplete")
    if compression:
        with tifffile.TiffFile(tmp_path / "a.tif") as file:
            start, length = file.pages[0].dataoffsets[-1], file.pages[0].databytecounts[-1]
        (tmp_path / "a.tif").write_bytes(data[:start] + b"\xff" * length + data[start + length :])
        refused(tmp_path / "a.tif", "damaged or incomplete")


@pytest.mark.parametrize("text", [b"Canon\0\0\0\0\0", b"Atget\0Abbott\0", bytes(10)], ids=["padded", "two", "empty"])
@pytest.mark.parametrize("layout", [{"tile": (16, 16)}, {"rowsperstrip": 16}, {"compression": "deflate"}])
def test_names_padded_with_zeros_do_not_pass_for_damage(tmp_path, text, layout):
    tags = [(33432, 2, len(text), text, True)]
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, photo(), metadata=None, extratags=tags, **layout)
    picture = Picture.open(path)
    assert np.array_equal(picture.array(), photo())
    assert np.array_equal(Picture.open(picture.save(tmp_path / "b.tif")).array(), photo())
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    refused(path, "damaged or incomplete")


def test_warnings_of_the_decoders_stay_out_of_sight(tmp_path, capfd):
    tifffile.imwrite(tmp_path / "odd.tif", photo(), extratags=[(65000, 2, 4, "odd", True)])
    Picture.open(tmp_path / "odd.tif").read()
    whole = Picture.from_array(photo(200, 300)).save(tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[:2000])
    refused(tmp_path / "cut.jpg", "damaged or incomplete")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("name", "suffix"), [("a.jpg", "png"), ("a.png", "webp"), ("a", "jpg"), ("a.txt", "tif")])
def test_a_picture_is_read_by_its_contents_whatever_its_name(tmp_path, name, suffix):
    Picture.from_array(photo()).save(tmp_path / f"b.{suffix}").rename(tmp_path / name)
    assert Picture.open(tmp_path / name).read().shape == (1, 3, 40, 60)


@pytest.mark.parametrize("size", [(0, 5), (5, 0)])
def test_a_picture_without_pixels_is_damaged(tmp_path, size):
    (tmp_path / "a.png").write_bytes(png_claiming(*size))
    refused(tmp_path / "a.png", "damaged or incomplete PNG")


def test_a_cameras_raw_file_is_not_taken_for_its_thumbnail(tmp_path):
    tifffile.imwrite(tmp_path / "a.NEF", photo())
    refused(tmp_path / "a.NEF", "raw file; develop it")


ISO = b"\0\0\0\x18ftyp%b\0\0\0\0%b"
KINDS = {
    b"%PDF-1.7\n": r"a PDF document; make pictures of its pages, with: pdftoppm -r 600 -png letter\.jpg page",
    b"<?xml version='1.0'?>\n<!-- drawn -->\n<svg xmlns='http://www.w3.org/2000/svg'/>": "an SVG drawing; export it",
    ISO % (b"crx ", b"crx "): "a camera's raw file; develop it",
    b"FUJIFILMCCD-RAW 0201": "a camera's raw file; develop it",
    b"IIRO\x08\0\0\0": "a camera's raw file; develop it",
    b"IIU\0\x18\0\0\0": "a camera's raw file; develop it",
    ISO % (b"isom", b"mp41"): r"a film; take a picture out of it, with: ffmpeg -i letter\.jpg -frames:v 1",
    ISO % (b"qt  ", b"qt  "): "a film; take a picture",
    ISO % (b"3gp5", b"3gp5"): "a film; take a picture",
    b"\x1aE\xdf\xa3\x01": "a film; take a picture",
    b"8BPS\0\x01": "a Photoshop document; save it as TIFF",
    b"\n<!DOCTYPE html><html>": "a web page, perhaps one that was saved instead",
    b"version https://git-lfs.github.com/spec/v1\n": "a pointer of Git LFS",
    b"PK\x03\x04\x14": "an archive; unpack it first",
    b"P6\n4 4\n255\n": r"of a rare kind; convert it, with: magick letter\.jpg out\.png",
}


@pytest.mark.parametrize("head", KINDS)
def test_what_a_file_is_instead_of_a_picture_is_said_with_the_way_out(tmp_path, head):
    (tmp_path / "letter.jpg").write_bytes(head.ljust(64, b"\n"))
    refused(tmp_path / "letter.jpg", rf"letter\.jpg is {KINDS[head]}")


@pytest.mark.parametrize(
    ("head", "name", "command"),
    [
        (b"\xff\x0a\x7f", "JPEG XL", "djxl"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL", "djxl"),
        (b"\xff\x4f\xff\x51", "JPEG 2000", "opj_decompress"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000", "opj_decompress"),
    ],
)
def test_formats_that_this_libvips_cannot_read_are_named_with_what_converts_them(
    tmp_path, monkeypatch, head, name, command
):
    monkeypatch.setattr("daguerre.images.decode.pyvips.type_find", lambda *_: 0)
    (tmp_path / "a.jpg").write_bytes(head.ljust(64, b"\0"))
    refused(tmp_path / "a.jpg", rf"a {name} file, which this build of libvips cannot read; convert it, with: {command}")


@pytest.mark.parametrize("extra", [[(0xC612, 4, 0x401)], [(0xFE, 4, 1), (0x14A, 4, 8)]], ids=["DNG", "NEF"])
def test_a_cameras_raw_file_is_known_by_its_contents(tmp_path, extra):
    (tmp_path / "a.tif").write_bytes(tiff(extra=extra))
    refused(tmp_path / "a.tif", "raw file; develop it")


def test_heic_names_the_extra_that_reads_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    (tmp_path / "a.jpg").write_bytes(b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf")
    with pytest.raises(MissingExtra, match=r"a\.jpg is a HEIC file; .* pip install 'daguerre\[heic\]'"):
        Picture.open(tmp_path / "a.jpg")


@pytest.mark.parametrize("bits", [8, 10])
def test_heic_is_read_turned_and_described(tmp_path, bits):
    pillow_heif = pytest.importorskip("pillow_heif")
    exif = Image.Exif()
    exif[0x10F], exif[0x112] = "Leica", 6
    levels = photo(64, 96) if bits == 8 else photo(64, 96, bits=16)
    heif = pillow_heif.from_bytes("RGB" if bits == 8 else "RGB;16", (96, 64), levels.tobytes())
    heif.save(tmp_path / "a.heic", quality=95, exif=exif.tobytes())
    picture = Picture.open(tmp_path / "a.heic")
    assert (picture.height, picture.width, picture.bits) == (96, 64, 8 if bits == 8 else 16)
    assert b"Leica" in picture.metadata.exif
    wanted = np.rot90(levels, -1) / np.iinfo(levels.dtype).max
    assert np.abs(picture.read()[0].permute(1, 2, 0).numpy() - wanted).mean() < 0.02
    (tmp_path / "cut.heic").write_bytes((tmp_path / "a.heic").read_bytes()[:-200])
    refused(tmp_path / "cut.heic", "damaged or incomplete HEIC")


def test_of_several_pages_or_frames_the_first_is_read(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.stack([photo(), photo(seed=1)]), photometric="rgb")
    frames = [Image.fromarray(photo(seed=seed)).quantize(64) for seed in (0, 1)]
    for suffix in ("gif", "webp"):
        options = {"save_all": True, "append_images": frames[1:]} | ({"lossless": True} if suffix == "webp" else {})
        frames[0].convert("RGB").quantize(64).save(tmp_path / f"a.{suffix}", **options)
        first = np.asarray(Image.open(io.BytesIO((tmp_path / f"a.{suffix}").read_bytes())).convert("RGB"))
        assert np.array_equal(Picture.open(tmp_path / f"a.{suffix}").array()[..., :3], first)
    assert np.array_equal(Picture.open(tmp_path / "a.tif").array(), photo())


def test_another_page_or_frame_is_read_if_it_is_asked_for(tmp_path, caplog):
    tifffile.imwrite(tmp_path / "a.tif", np.stack([photo(), photo(seed=1)]), photometric="rgb")
    assert np.array_equal(Picture.open(tmp_path / "a.tif", page=2).array(), photo(seed=1))
    assert np.array_equal(Picture.open(tmp_path / "a.tif", page=1).array(), photo())
    assert not caplog.messages
    Picture.open(tmp_path / "a.tif")
    assert caplog.messages == [f"{tmp_path / 'a.tif'} has 2 pages; the first is taken (--page takes another)"]
    refused(tmp_path / "a.tif", "has 2 pages, so there is no page 3", page=3)
    for suffix in ("jpg", "bmp"):
        path = Picture.from_array(photo()).save(tmp_path / f"b.{suffix}")
        assert Picture.open(path, page=1).height == 40
        refused(path, "has a single page, so there is no page 2", page=2)


def test_absurd_resolutions_keep_the_terminal_clean(tmp_path, capfd, caplog):
    fraction = struct.pack("<II", 2**32 - 1, 1)
    data = tiff(extra=[(0x11A, 5, 8), (0x11B, 5, 8), (0x128, 3, 3)], data=fraction * 8)
    (tmp_path / "a.tif").write_bytes(data)
    picture = Picture.open(tmp_path / "a.tif")
    assert picture.metadata.resolution is None
    picture.save(tmp_path / "b.tif")
    assert capfd.readouterr() == ("", "")
