import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import pyvips
import tifffile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from images.drawn import photo
from PIL import Image, ImageOps

from daguerre.errors import UnreadablePicture, UnwritablePicture
from daguerre.images import Picture, SaveOptions
from daguerre.tiling.windows import Window, plan_windows

WHOLE = Window(0, 0, 40, 60)


@pytest.mark.parametrize("suffix", ["png", "tif", "webp", "bmp"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "1"])
def test_pixels_are_those_that_pillow_wrote(tmp_path, suffix, mode):
    if (suffix, mode) in {("bmp", "LA"), ("bmp", "RGBA"), ("webp", "1"), ("webp", "P")}:
        pytest.skip(f"Pillow writes no such {suffix}")
    original = Image.fromarray(photo() if mode == "P" else photo(channels=4)).convert(mode)
    original.save(tmp_path / f"a.{suffix}", **({"lossless": True, "exact": True} if suffix == "webp" else {}))
    picture = Picture.open(tmp_path / f"a.{suffix}")
    wanted = np.asarray(original.convert("RGBA"))
    levels = np.rint(picture.read()[0].permute(1, 2, 0).numpy() * 255)
    assert np.array_equal(levels, wanted[..., :3])
    assert picture.alpha == (mode in ("LA", "RGBA"))
    assert np.array_equal(np.rint(picture.read_alpha()[0, 0].numpy() * 255), wanted[..., 3])
    assert picture.grey == (mode in ("L", "LA", "1"))


@pytest.mark.parametrize("suffix", ["jpg", "webp", "avif", "gif"])
def test_lossy_formats_are_read_about_right(tmp_path, suffix):
    Image.fromarray(photo()).save(tmp_path / f"a.{suffix}")
    assert np.abs(Picture.open(tmp_path / f"a.{suffix}").array()[..., :3] - photo().astype(float)).mean() < 10


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_an_untouched_picture_is_saved_without_a_level_lost(tmp_path, bits, channels, suffix):
    levels = photo(channels=channels, bits=bits)
    first = Picture.open(Picture.from_array(levels).save(tmp_path / f"a.{suffix}"))
    assert (first.bits, first.grey, first.alpha) == (bits, channels < 3, channels in (2, 4))
    alpha = first.read_alpha() if first.alpha else None
    again = Picture.from_tensor(first.read(), alpha=alpha, bits=bits, like=first)
    last = Picture.open(again.save(tmp_path / f"b.{suffix}"))
    assert np.array_equal(last.array().reshape(levels.shape), levels)


def test_other_programs_agree_on_16_bits(tmp_path):
    levels = photo(bits=16)
    assert np.array_equal(tifffile.imread(Picture.from_array(levels).save(tmp_path / "a.tif")), levels)
    tifffile.imwrite(tmp_path / "b.tif", levels, bigtiff=True, photometric="rgb", planarconfig="contig")
    assert np.array_equal(Picture.open(tmp_path / "b.tif").array(), levels)


@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_black_is_black_however_a_tiff_counts(tmp_path, photometric):
    levels = photo(channels=1)[..., 0]
    tifffile.imwrite(
        tmp_path / "a.tif", levels if photometric == "minisblack" else 255 - levels, photometric=photometric
    )
    assert np.array_equal(Picture.open(tmp_path / "a.tif").array(), levels)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """One picture in files that are decoded in different ways, two of them lying on their side."""
    folder = tmp_path_factory.mktemp("windows")
    levels = photo(150, 210)
    tifffile.imwrite(folder / "tiled.tif", levels, tile=(64, 64), compression="deflate", photometric="rgb")
    Image.fromarray(levels).save(folder / "plain.png")
    side = Image.fromarray(np.rot90(levels))
    exif = Image.Exif()
    exif[0x112] = 6
    side.save(folder / "turned.png", exif=exif)
    tags = [(274, 3, 1, 6, True)]
    tifffile.imwrite(folder / "turned.tif", np.rot90(levels), tile=(64, 64), extratags=tags, photometric="rgb")
    Image.fromarray(levels).save(folder / "plain.bmp")
    return {path.name: Picture.open(path) for path in folder.iterdir()}, levels


@settings(max_examples=25, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("name", ["tiled.tif", "plain.png", "turned.png", "turned.tif", "plain.bmp"])
def test_any_window_is_that_part_of_the_whole(files, name, data):
    pictures, levels = files
    top, left = data.draw(st.integers(0, 149)), data.draw(st.integers(0, 209))
    height, width = data.draw(st.integers(1, 150 - top)), data.draw(st.integers(1, 210 - left))
    window = Window(top, left, height, width)
    image = pictures[name].read(window)
    assert image.shape == (1, 3, height, width)
    assert image.dtype == torch.float32
    assert np.array_equal(np.rint(image[0].permute(1, 2, 0).numpy() * 255), levels[window.slices])


def test_threads_may_read_at_once(files):
    pictures, levels = files
    windows = plan_windows(150, 210, 32) * 4
    for picture in pictures.values():
        fresh = Picture.open(picture.path)  # so that they also race for decoding it
        with ThreadPoolExecutor(8) as pool:
            for window, image in zip(windows, pool.map(fresh.read, windows), strict=True):
                assert np.array_equal(np.rint(image[0].permute(1, 2, 0).numpy() * 255), levels[window.slices])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
def test_pictures_are_upright_in_memory_and_in_the_result(tmp_path, orientation, suffix):
    exif = Image.Exif()
    exif[0x112] = orientation
    options = {"lossless": True} if suffix == "webp" else {"quality": 100} if suffix == "jpg" else {}
    Image.fromarray(photo()).save(tmp_path / f"a.{suffix}", exif=exif, **options)
    with Image.open(tmp_path / f"a.{suffix}") as image:
        wanted = np.asarray(ImageOps.exif_transpose(image))
    picture = Picture.open(tmp_path / f"a.{suffix}")
    assert np.abs(picture.array().astype(int) - wanted).max() <= (3 if suffix == "jpg" else 0)
    with Image.open(picture.save(tmp_path / f"b.{suffix}")) as image:
        assert image.size == (picture.width, picture.height)
        assert np.abs(np.asarray(ImageOps.exif_transpose(image)).astype(int) - wanted).mean() < 6


def test_windows_outside_are_refused(files):
    with pytest.raises(ValueError, match="not inside a picture of 150 x 210"):
        files[0]["plain.png"].read(Window(100, 0, 51, 1))


def test_colours_under_full_transparency_are_not_changed(tmp_path):
    levels = photo(channels=4)
    levels[..., 3] = 0
    again = Picture.open(Picture.from_array(levels).save(tmp_path / "a.png"))
    assert np.array_equal(again.array(), levels)


def test_premultiplied_alpha_is_undone(tmp_path):
    levels = np.full((8, 8, 4), (50, 25, 10, 128), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", levels, photometric="rgb", extrasamples=["assocalpha"])
    assert Picture.open(tmp_path / "a.tif").array()[0, 0].tolist() == pytest.approx([100, 50, 20, 128], abs=1)


def test_without_alpha_everything_is_opaque():
    assert torch.equal(Picture.from_array(photo()).read_alpha(Window(0, 0, 2, 3)), torch.ones(1, 1, 2, 3))


def test_three_equal_channels_are_grey_and_one_coloured_pixel_is_enough_not_to_be():
    levels = np.repeat(photo(1100, 30)[..., :1], 3, axis=2)
    assert Picture.from_array(levels).grey
    levels[1090, 29, 2] ^= 1
    assert not Picture.from_array(levels).grey


@pytest.mark.parametrize("shape", [(40, 60), (40, 60, 1), (40, 60, 2), (40, 60, 3), (40, 60, 4), (1, 1)])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_arrays_become_pictures_and_arrays_again(shape, kind):
    array = np.random.default_rng(0).integers(0, np.iinfo(kind).max, shape, kind, endpoint=True)
    picture = Picture.from_array(array)
    assert picture.array().dtype == kind
    assert np.array_equal(picture.array(), array.squeeze(2) if shape[2:] == (1,) else array)


def test_arrays_in_any_memory_order_are_taken():
    assert np.array_equal(Picture.from_array(photo()[::-1, :, ::-1]).array(), photo()[::-1, :, ::-1])


def test_floating_point_arrays_become_16_bits():
    picture = Picture.from_array(np.array([[0.0, 0.5, 1.0]]))
    assert (picture.bits, picture.array().tolist()) == (16, [[0, 32768, 65535]])


@pytest.mark.parametrize(
    ("array", "match"),
    [
        (np.zeros((3, 4, 5)), r"shape \(3, 4, 5\)"),
        (np.zeros(3), r"shape \(3,\)"),
        (np.zeros((0, 4)), r"shape \(0, 4\)"),
        (np.zeros((3, 4), int), "int64 is no picture"),
        (np.full((3, 4), 1.5), "from 1.5 to 1.5"),
        (np.full((3, 4), np.nan), "from nan to nan"),
    ],
)
def test_arrays_that_are_no_pictures_are_refused(array, match):
    with pytest.raises(ValueError, match=match):
        Picture.from_array(array)


def test_a_tensor_made_like_a_grey_picture_is_grey():
    grey = Picture.from_array(photo()[..., 0])
    assert Picture.from_tensor(torch.rand(1, 3, 5, 5), like=grey).array().shape == (5, 5)
    assert Picture.from_tensor(torch.rand(1, 3, 5, 5)).array().shape == (5, 5, 3)


def test_a_file_that_was_replaced_is_read_anew(tmp_path):
    pyvips.cache_set_max(100)  # as libvips begins
    for seed in (0, 1):
        Image.fromarray(photo(seed=seed)).save(tmp_path / "a.png")
        assert np.array_equal(Picture.open(tmp_path / "a.png").array(), photo(seed=seed))


@pytest.mark.parametrize("bits", [8, 16])
def test_the_same_pixels_can_be_saved_with_other_bits_and_another_packet(tmp_path, bits):
    levels = photo(bits=16)
    picture = Picture.from_array(levels).saved_with(bits=bits, xmp=b"<x/>")
    assert np.array_equal(picture.array(), levels if bits == 16 else np.rint(levels / 257))
    assert torch.equal(picture.read(), Picture.from_array(levels).read())
    assert picture.xmp == b"<x/>"
    assert picture.saved_with().bits == bits


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("bits", [8, 16])
def test_tensors_hold_every_level_of_every_channel(bits, channels):
    levels = photo(channels=channels, bits=bits)
    image = Picture.from_array(levels).to_tensor()
    assert (image.shape, image.dtype) == ((1, channels, 40, 60), torch.float32)
    for tensor in (image, image[0]):
        assert np.array_equal(Picture.from_tensor(tensor, bits=bits).array().reshape(levels.shape), levels)


def test_tensors_of_whole_numbers_are_levels_not_white():
    levels = photo()
    assert np.array_equal(Picture.from_tensor(torch.from_numpy(levels).permute(2, 0, 1)).array(), levels)


def test_tensors_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"a tensor of shape \(40, 60, 3\) is no picture"):
        Picture.from_tensor(torch.rand(40, 60, 3))


@pytest.mark.parametrize("dtype", [None, np.float32])
def test_numpy_takes_a_picture_for_an_array(dtype):
    array = np.asarray(Picture.from_array(photo()), dtype)
    assert array.dtype == (dtype or np.uint8)
    assert np.array_equal(array, photo())
    with pytest.raises(ValueError, match="always copied"):
        np.array(Picture.from_array(photo()), copy=False)


@pytest.mark.parametrize("format", ["png", ".tif", "PNG", "bmp", "tiff"])
def test_files_in_memory_are_as_those_on_disk(tmp_path, format):
    picture = Picture.from_array(photo())
    data = picture.to_bytes(format)
    assert data == picture.save(tmp_path / f"a.{format.removeprefix('.')}").read_bytes()
    assert np.array_equal(Picture.from_bytes(data).array(), photo())


def test_a_file_in_memory_is_saved_as_the_options_say():
    few, many = (Picture.from_array(photo()).to_bytes("jpeg", options=SaveOptions(quality=q)) for q in (20, 95))
    assert len(few) < len(many)
    with pytest.raises(UnwritablePicture, match="docx"):
        Picture.from_array(photo()).to_bytes("docx")


MEMORY = """
import sys
from daguerre.images import Picture, SaveOptions
from daguerre.tiling.windows import Window, plan_windows
def anonymous():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("RssAnon")) / 1024
before, most = anonymous(), 0
picture = Picture.open(sys.argv[1])
for window in plan_windows(picture.height, picture.width, 1024):
    picture.read(window)
    most = max(most, anonymous() - before)
print(most)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("name", "height", "width", "mebibytes"), [("a.jpg", 4000, 6000, 150), ("a.png", 10_000, 10_000, 80)]
)
def test_large_pictures_are_read_in_little_memory(tmp_path, name, height, width, mebibytes):
    tile = photo(500, 500)
    levels = np.tile(tile, (height // 500, width // 500, 1))
    Picture.from_array(levels).save(tmp_path / name)
    done = subprocess.run([sys.executable, "-c", MEMORY, tmp_path / name], capture_output=True, text=True, check=True)
    assert float(done.stdout) < mebibytes


def test_pictures_travel_between_processes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tifffile.imwrite("a.tif", np.stack([photo(), photo(seed=1)]), photometric="rgb")
    opened = pickle.loads(pickle.dumps(Picture.open("a.tif", page=2).saved_with(bits=16, xmp=b"<a/>")))
    assert np.array_equal(opened.array(), np.uint16(photo(seed=1)) * 257)
    assert (opened.bits, opened.xmp, opened.path) == (16, b"<a/>", Path("a.tif"))
    drawn = pickle.loads(pickle.dumps(Picture.from_array(photo(channels=4, bits=16), like=opened)))
    assert np.array_equal(drawn.array(), photo(channels=4, bits=16))
    assert drawn.xmp == b"<a/>"
    data = Path("a.tif").read_bytes()
    in_memory = pickle.loads(pickle.dumps(Picture.from_bytes(data, page=2)))
    assert np.array_equal(in_memory.array(), photo(seed=1))


def test_a_picture_of_a_file_travels_as_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Picture.from_array(photo(200, 200)).save("a.png")
    data = pickle.dumps(Picture.open("a.png", max_pixels=50_000))
    assert len(data) < 2000
    monkeypatch.chdir("/")
    assert pickle.loads(data).height == 200
    (tmp_path / "a.png").unlink()
    with pytest.raises(UnreadablePicture, match=r"there is no file .*a\.png"):
        pickle.loads(data)


FORMATS = ["jpg", "png", "tif", "webp", "avif", "gif", "bmp"]


@pytest.mark.parametrize("suffix", FORMATS)
def test_what_comes_from_memory_is_as_if_it_came_from_a_file(tmp_path, suffix):
    exif = Image.Exif()
    exif[0x10F] = "Leica"
    Image.fromarray(photo()).save(tmp_path / "a.jpg", exif=exif, dpi=(300, 300))
    path = Picture.open(tmp_path / "a.jpg").save(tmp_path / f"b.{suffix}")
    data = Picture.open(tmp_path / "a.jpg").to_bytes(suffix)
    assert data == path.read_bytes()
    there, here = Picture.open(path), Picture.from_bytes(data)
    assert np.array_equal(there.array(), here.array())
    assert there.metadata == here.metadata
    assert here.path is None


@pytest.mark.parametrize("suffix", FORMATS)
def test_damage_in_memory_is_called_by_the_name_that_it_was_given(suffix):
    data = Picture.from_array(photo(80, 120)).to_bytes("." + suffix)
    with pytest.raises(UnreadablePicture, match=r"standard input is a .*damaged"):
        Picture.from_bytes(data[: len(data) // 2], name="standard input").read()
    with pytest.raises(UnreadablePicture, match="- is empty"):
        Picture.from_bytes(b"")
    with pytest.raises(UnwritablePicture, match=r"does not write \.xyz files"):
        Picture.from_array(photo()).to_bytes("xyz")
