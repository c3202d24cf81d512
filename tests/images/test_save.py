import _thread
import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from images.drawn import photo
from PIL import Image

from daguerre.errors import Cancelled, OptionError, OutputExists, UnwritablePicture
from daguerre.images import Picture, SaveOptions, check_target, save
from daguerre.images.save import to_depth

SUFFIXES = ["jpg", "png", "tif", "webp", "avif", "gif", "bmp"]
PICTURE = Picture.from_array(photo())


def grain(height, width):
    return Picture.from_array(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("bits", [8, 16])
def test_every_format_takes_every_kind_of_picture(tmp_path, suffix, channels, bits):
    levels = photo(64, 64, channels, bits)
    if channels in (2, 4):
        levels[..., -1] = 2**bits - 1
    picture = Picture.from_array(levels)
    again = Picture.open(picture.save(tmp_path / f"a.{suffix}", options=SaveOptions(quality=95)))
    assert (again.height, again.width) == (64, 64)
    difference = (again.read() - picture.read()).abs()
    assert difference.mean() < 0.03
    if suffix in ("png", "tif"):
        assert difference.max() == 0
        assert again.bits == bits


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_grey_stays_exactly_neutral_in_every_format(tmp_path, suffix):
    picture = Picture.from_array(photo()[..., 0])
    again = Picture.open(picture.save(tmp_path / f"a.{suffix}"))
    assert again.grey
    assert (again.image.bands == 1) == (suffix not in ("webp", "avif", "gif"))


@pytest.mark.parametrize("suffix", ["webp", "avif"])
def test_lossless_keeps_every_pixel(tmp_path, suffix):
    again = Picture.open(
        Picture.from_array(photo(channels=4)).save(tmp_path / f"a.{suffix}", options=SaveOptions(lossless=True))
    )
    if suffix == "webp":
        assert np.array_equal(again.array(), photo(channels=4))
    else:
        assert np.abs(again.array().astype(int) - photo(channels=4)).max() <= 1


def test_avif_keeps_12_of_16_bits(tmp_path):
    levels = photo(bits=16)
    again = Picture.open(Picture.from_array(levels).save(tmp_path / "a.avif", options=SaveOptions(lossless=True)))
    assert again.bits == 16
    assert np.abs(again.array().astype(int) - levels).max() < 65536 / 2**12 * 3


def test_16_bits_are_rounded_to_8_not_cut(tmp_path):
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    wanted = np.rint(levels / 257).astype(np.uint8)
    assert np.array_equal(to_depth(Picture.from_array(levels).image, 8).numpy(), wanted)
    assert np.array_equal(Picture.open(Picture.from_array(levels).save(tmp_path / "a.bmp")).array(), wanted)


@pytest.mark.parametrize("suffix", ["jpg", "bmp"])
@pytest.mark.parametrize("bits", [8, 16])
def test_transparent_places_become_white_where_a_format_has_no_alpha(tmp_path, suffix, bits):
    levels = np.zeros((16, 16, 4), np.uint8 if bits == 8 else np.uint16)
    levels[:8, :, 3] = 2**bits - 1
    again = Picture.open(Picture.from_array(levels).save(tmp_path / f"a.{suffix}"))
    assert not again.alpha
    assert again.array()[0].max() <= 1
    assert again.array()[-1].min() >= 254


def test_quality_subsampling_and_compression_are_heeded(tmp_path):
    picture = Picture.from_array(photo(200, 200))

    def size(suffix, **options):
        return picture.save(tmp_path / f"a.{suffix}", overwrite=True, options=SaveOptions(**options)).stat().st_size

    for suffix in ("jpg", "webp", "avif"):
        assert size(suffix, quality=30) < size(suffix) < size(suffix, quality=100)
    for suffix in ("png", "tif"):
        assert size(suffix, compression=9) < size(suffix, compression=0)
    assert size("jpg", subsampling="4:2:0") < size("jpg")
    with Image.open(picture.save(tmp_path / "b.jpg")) as image:
        assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3
    with Image.open(picture.save(tmp_path / "c.jpg", options=SaveOptions(subsampling="4:2:0"))) as image:
        assert image.layer[0][1:3] == (2, 2)


@pytest.mark.parametrize(
    "options", [{"quality": 0}, {"quality": 101}, {"compression": 10}, {"lossless": True, "quality": 90}]
)
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(OptionError, match=r"quality|compression"):
        SaveOptions(**options)


@pytest.mark.parametrize(
    ("suffix", "side", "limit"),
    [("jpg", 65_501, "65,500"), ("webp", 16_384, "16,383"), ("avif", 16_385, "16,384"), ("gif", 65_536, "65,535")],
)
def test_sides_that_a_format_cannot_hold_are_refused_with_its_limit_and_a_way_out(tmp_path, suffix, side, limit):
    for shape in ((1, side), (side, 1)):
        with pytest.raises(UnwritablePicture, match=rf"at most {limit} pixels a side.*use \.tif"):
            Picture.from_array(np.zeros(shape, np.uint8)).save(tmp_path / f"a.{suffix}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", ["jpg", "webp", "png", "tif"])
def test_the_longest_side_a_format_takes_is_saved(tmp_path, suffix):
    side = {"jpg": 65_500, "webp": 16_383}.get(suffix, 70_000)
    assert Picture.open(Picture.from_array(np.zeros((1, side), np.uint8)).save(tmp_path / f"a.{suffix}")).width == side


def test_bigtiff_is_written_when_the_pixels_need_it(tmp_path, monkeypatch):
    assert PICTURE.save(tmp_path / "small.tif").read_bytes().startswith(b"II*\0")
    monkeypatch.setattr(save, "CLASSIC_TIFF", 5000)
    assert PICTURE.save(tmp_path / "large.tif").read_bytes().startswith(b"II+\0")
    assert np.array_equal(Picture.open(tmp_path / "large.tif").array(), photo())


def test_an_existing_file_is_kept_unless_overwriting_was_asked_for(tmp_path):
    path = PICTURE.save(tmp_path / "a.png")
    before = path.read_bytes()
    with pytest.raises(OutputExists, match=r"a\.png exists already"):
        grain(5, 5).save(path)
    assert path.read_bytes() == before
    grain(5, 5).save(path, overwrite=True)
    assert Picture.open(path).height == 5


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_a_command_reads_it_never_overwrites(tmp_path, overwrite):
    path = PICTURE.save(tmp_path / "a.png")
    with pytest.raises(OutputExists, match="is the original itself"):
        check_target(path, source=path, overwrite=overwrite)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "bmp"])
def test_a_picture_may_replace_the_file_that_it_is_read_from(tmp_path, suffix):
    path = Picture.from_array(photo(300, 300)).save(tmp_path / f"a.{suffix}")
    picture = Picture.open(path)
    wanted = picture.array()
    Picture.open(path).save(path, overwrite=True)
    difference = np.abs(Picture.open(path).array().astype(int) - wanted)
    assert difference.max() <= (20 if suffix == "jpg" else 0)


def test_targets_are_checked_before_the_work(tmp_path):
    assert check_target(tmp_path / "a.JPG").name == "JPEG"
    assert check_target(tmp_path / "new folder" / "a.tif").name == "TIFF"
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(UnwritablePicture, match="is a folder"):
        check_target(tmp_path / "folder.png")


def test_a_folder_without_permission_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(UnwritablePicture, match=f"the folder {tmp_path} may not be written to"):
        check_target(tmp_path / "a.png")


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(UnwritablePicture, match=r"there is no folder .*nowhere to save a\.png in"):
        PICTURE.save(tmp_path / "nowhere" / "a.png")


@pytest.mark.parametrize("name", ["a", "a.heic", "a.xyz"])
def test_unknown_formats_are_refused_with_those_that_are_known(tmp_path, name):
    with pytest.raises(UnwritablePicture, match=r"\.jpg"):
        PICTURE.save(tmp_path / name)


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files")
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp", "bmp"])
def test_a_disk_that_is_full_leaves_no_half_file(tmp_path, suffix):
    import resource

    picture = grain(200, 200)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(UnwritablePicture, match=r"cannot write a \w+ file in"):
            picture.save(tmp_path / f"a.{suffix}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp"])
@pytest.mark.parametrize("error", [Cancelled, KeyboardInterrupt])
def test_stopping_leaves_no_half_file_and_an_old_one_as_it_was(tmp_path, suffix, error):
    def stop(progress):
        raise error

    picture = grain(600, 600)
    (tmp_path / f"old.{suffix}").write_bytes(b"old")
    for name in ("new", "old"):
        with pytest.raises(error):
            picture.save(tmp_path / f"{name}.{suffix}", overwrite=True, progress=stop)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_control_c_stops_a_save_that_is_under_way(tmp_path):
    asked = threading.Event()

    def press(progress):
        if not asked.is_set():
            asked.set()
            _thread.interrupt_main()

    with pytest.raises(KeyboardInterrupt):
        grain(3000, 3000).save(tmp_path / "a.tif", options=SaveOptions(compression=9), progress=press)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", ["png", "bmp"])
def test_progress_ends_with_everything_done(tmp_path, suffix):
    seen = []
    grain(600, 600).save(tmp_path / f"a.{suffix}", progress=seen.append)
    assert seen[-1].done == seen[-1].total
    assert all(event.step == "saving" and 0 <= event.done <= event.total for event in seen)


def test_the_result_has_the_permissions_of_any_new_file(tmp_path):
    (tmp_path / "plain").touch()
    assert PICTURE.save(tmp_path / "a.png").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_somebody_elses_file_that_appears_meanwhile_is_kept(tmp_path):
    def appear(progress):
        (tmp_path / "a.png").write_bytes(b"theirs")

    with pytest.raises(OutputExists):
        PICTURE.save(tmp_path / "a.png", progress=appear)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"theirs"]


def test_names_that_the_system_refuses_are_refused_before_the_work(tmp_path):
    with pytest.raises(UnwritablePicture, match=r"cannot write .* \(File name too long\); name another file"):
        check_target(tmp_path / ("x" * 300 + ".png"))
    (tmp_path / "loop.png").symlink_to("loop.png")
    with pytest.raises(OutputExists, match=r"loop\.png exists already"):
        check_target(tmp_path / "loop.png")
    with pytest.raises(UnwritablePicture, match=r"cannot write .* \(Too many levels of symbolic links\)"):
        check_target(tmp_path / "loop.png" / "a.png")


def test_a_link_that_leads_nowhere_is_not_replaced_unasked(tmp_path):
    (tmp_path / "a.png").symlink_to("nobody.png")
    with pytest.raises(OutputExists):
        PICTURE.save(tmp_path / "a.png")
    PICTURE.save(tmp_path / "a.png", overwrite=True)
    assert not (tmp_path / "a.png").is_symlink()


@pytest.mark.parametrize("name", ["./a.png", "link/a.png", "hard.png", "soft.png"])
def test_the_original_is_known_by_whatever_name(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    path = PICTURE.save(tmp_path / "a.png")
    (tmp_path / "link").symlink_to(".")
    (tmp_path / "soft.png").symlink_to("a.png")
    os.link("a.png", "hard.png")
    with pytest.raises(OutputExists, match="is the original itself"):
        check_target(Path(name), source=path, overwrite=True)
