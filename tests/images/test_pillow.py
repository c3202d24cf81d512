import io
import sys

import numpy as np
import pytest
import pyvips
from images.drawn import photo
from PIL import Image, ImageOps

from daguerre.errors import MissingExtra, UnreadablePicture
from daguerre.images import Picture
from daguerre.images.colour import Colour


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "RGBX", "YCbCr", "HSV", "La", "RGBa"])
def test_an_image_of_any_mode_shows_the_same(mode):
    through = {"La": "LA", "RGBa": "RGBA", "P": "P"}.get(mode, "RGB")
    image = Image.fromarray(photo(channels=3 if mode == "P" else 4)).convert(through).convert(mode)
    picture = Picture.from_pil(image)
    wanted = np.asarray(image.convert(through).convert("RGBA"))
    assert np.array_equal(np.rint(picture.read()[0].permute(1, 2, 0).numpy() * 255), wanted[..., :3])
    assert np.array_equal(np.rint(picture.read_alpha()[0, 0].numpy() * 255), wanted[..., 3])


def test_16_bits_stay_16_bits():
    levels = photo(channels=1, bits=16)[..., 0]
    picture = Picture.from_pil(Image.fromarray(levels))
    assert np.array_equal(picture.array(), levels)
    assert np.array_equal(np.asarray(picture.to_pil()), levels)


def test_cmyk_is_looked_at_in_its_colours():
    image = Image.fromarray(photo()).convert("CMYK")
    assert Picture.from_pil(image).read().shape == (1, 3, 40, 60)


@pytest.mark.parametrize("mode", ["I", "F"])
def test_numbers_that_are_no_photograph_are_refused(mode):
    with pytest.raises(UnreadablePicture, match="save it with 8 or 16 bits"):
        Picture.from_pil(Image.new(mode, (4, 3)))


def test_transparency_by_a_key_or_palette_is_transparency(tmp_path):
    Image.fromarray(photo()).quantize(8).save(tmp_path / "a.gif", transparency=3)
    with Image.open(tmp_path / "a.gif") as image:
        alpha = np.asarray(image.convert("RGBA"))[..., 3]
        assert np.array_equal(Picture.from_pil(image).array()[..., 3], alpha)
    assert 0 in alpha


def test_what_a_jpeg_file_says_goes_along_and_it_stands_upright(tmp_path):
    exif = Image.Exif()
    exif[0x112], exif[0x10F] = 6, "Maker"
    profile = pyvips.Image.profile_load("p3")
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"
    path = tmp_path / "a.jpg"
    Image.fromarray(photo()).save(path, exif=exif, icc_profile=profile, xmp=xmp, dpi=(300, 300), quality=100)
    with Image.open(path) as image:
        picture, wanted = Picture.from_pil(image), np.asarray(ImageOps.exif_transpose(image))
    assert np.array_equal(picture.array(), wanted)
    assert (picture.profile, picture.xmp) == (profile, xmp)
    assert b"Maker" in picture.metadata.exif
    assert picture.metadata.resolution == pytest.approx((300 / 25.4, 300 / 25.4), rel=1e-3)


def test_an_image_from_a_jpeg_compressed_tiff_is_not_compressed_once_more(tmp_path):
    Image.fromarray(photo()).save(tmp_path / "a.tif", compression="jpeg", quality=40)
    with Image.open(tmp_path / "a.tif") as image:
        assert np.array_equal(Picture.from_pil(image).array(), np.asarray(image))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_to_pillow_and_back(channels):
    picture = Picture.from_array(photo(channels=channels).squeeze())
    image = picture.to_pil()
    assert image.mode == ["L", "LA", "RGB", "RGBA"][channels - 1]
    assert np.array_equal(Picture.from_pil(image).array(), picture.array())


@pytest.mark.parametrize("channels", [3, 1])
def test_to_pillow_in_colour_rounds_16_bits_to_8(channels):
    levels = photo(bits=16)[..., :channels].repeat(3 // channels, axis=2)
    assert np.array_equal(np.asarray(Picture.from_array(levels).to_pil()), np.rint(levels / 257))


def test_a_pillow_image_keeps_profile_and_records(tmp_path):
    exif = Image.Exif()
    exif[0x10F] = "Maker"
    profile = pyvips.Image.profile_load("p3")
    Image.fromarray(photo()).save(tmp_path / "a.jpg", exif=exif, icc_profile=profile, xmp=b"<x/>")
    image = Picture.open(tmp_path / "a.jpg").to_pil()
    assert image.getexif()[0x10F] == "Maker"
    assert (image.info["icc_profile"], image.info["xmp"]) == (profile, b"<x/>")
    image.save(file := io.BytesIO(), "PNG")
    assert Image.open(file).info["icc_profile"] == profile


def test_numbers_that_were_converted_to_srgb_get_no_other_profile():
    picture = Picture.from_array(photo())
    picture.colour = Colour(3, b"linear light", converted=True)
    assert "icc_profile" not in picture.to_pil().info


def test_without_pillow_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(MissingExtra, match="Pillow is not installed; install it with: pip install pillow"):
        Picture.from_array(photo()).to_pil()
