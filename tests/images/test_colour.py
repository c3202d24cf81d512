import io

import numpy as np
import pytest
import tifffile
from images.drawn import icc_profile, photo
from PIL import Image, ImageCms

from daguerre.images import Canvas, Picture, SaveOptions
from daguerre.images.colour import srgb_profile
from daguerre.tiling.windows import Window

SRGB = SaveOptions(profile="srgb")


def saved(path, levels, profile, mode=None):
    Image.fromarray(levels, mode).save(path, icc_profile=profile)
    return Picture.open(path)


def colours_on_screen(path):
    """The picture's colours in sRGB, by Pillow's colour management."""
    with Image.open(path) as image:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        return np.asarray(ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB"))


@pytest.mark.parametrize("primaries", ["srgb", "adobe", "p3"])
@pytest.mark.parametrize("gamma", [1.8, 2.2])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_display_profiles_are_given_back_with_every_level_as_it_was(tmp_path, primaries, gamma, suffix):
    profile = icc_profile("RGB", gamma, primaries)
    levels = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)  # far outside sRGB, too
    picture = saved(tmp_path / f"a.{suffix}", levels, profile)
    assert picture.profile == profile
    result = Picture.from_tensor(picture.read(), like=picture)
    again = Picture.open(result.save(tmp_path / f"b.{suffix}"))
    assert again.profile == profile
    assert np.array_equal(again.array(), levels)


@pytest.mark.parametrize("gamma", [1.8, 2.2])
def test_grey_profiles_are_given_back_and_grey_stays_one_channel(tmp_path, gamma):
    profile = icc_profile("GRAY", gamma)
    picture = saved(tmp_path / "a.png", photo()[..., 0], profile)
    assert picture.grey
    again = Picture.open(Picture.from_tensor(picture.read(), like=picture).save(tmp_path / "b.tif"))
    assert again.profile == profile
    assert np.array_equal(again.array(), photo()[..., 0])


@pytest.mark.parametrize("space", ["RGB", "GRAY"])
@pytest.mark.parametrize("bits", [8, 16])
def test_linear_light_is_shown_to_networks_as_srgb_and_given_back(tmp_path, space, bits):
    channels = 3 if space == "RGB" else 1
    profile, levels = icc_profile(space, 1.0), photo(channels=channels, bits=bits)
    tifffile.imwrite(tmp_path / "a.tif", levels.squeeze(), iccprofile=profile, metadata=None)
    picture = Picture.open(tmp_path / "a.tif")
    assert picture.bits == bits
    wanted = levels / (2.0**bits - 1)
    wanted = np.where(wanted <= 0.0031308, 12.92 * wanted, 1.055 * wanted ** (1 / 2.4) - 0.055)
    assert np.abs(picture.read()[0, :channels].numpy() - wanted.transpose(2, 0, 1)).max() < 0.005
    again = Picture.open(Picture.from_tensor(picture.read(), bits=bits, like=picture).save(tmp_path / "b.tif"))
    assert again.profile == profile
    # Sixteen bits of sRGB and the conversion itself cost little; eight bits of sRGB are coarse where it is bright.
    difference = np.abs(tifffile.imread(tmp_path / "b.tif").reshape(levels.shape).astype(int) - levels)
    assert difference.max() <= (2 if bits == 8 else 60)
    untouched = tifffile.imread(picture.save(tmp_path / "c.tif")).reshape(levels.shape)
    assert np.abs(untouched.astype(int) - levels).max() <= (1 if bits == 8 else 60)


@pytest.mark.parametrize("alpha", [False, True])
def test_conversion_leaves_alpha_alone(tmp_path, alpha):
    levels = photo(channels=4)
    picture = saved(tmp_path / "a.png", levels, icc_profile("RGB", 1.0))
    assert np.array_equal(np.rint(picture.read_alpha()[0, 0].numpy() * 255), levels[..., 3])
    for options in (SaveOptions(), SRGB):
        again = Picture.open(picture.save(tmp_path / "b.png", options=options, overwrite=True))
        assert np.array_equal(again.array()[..., 3], levels[..., 3])


@pytest.mark.parametrize("gamma", [1.0, 2.2])
def test_srgb_is_given_when_asked_for(tmp_path, gamma):
    levels = photo(seed=3) // 4 + 96  # inside sRGB
    picture = saved(tmp_path / "a.png", levels, icc_profile("RGB", gamma, "adobe"))
    again = Picture.open(picture.save(tmp_path / "b.png", options=SRGB))
    assert again.profile == srgb_profile()
    assert np.abs(again.array().astype(int) - colours_on_screen(tmp_path / "a.png")).max() <= 2
    assert np.abs(again.array().astype(int) - levels).max() > 5


def test_srgb_grey_has_no_profile_and_one_channel(tmp_path):
    picture = saved(tmp_path / "a.png", photo()[..., 0], icc_profile("GRAY", 1.8))
    again = Picture.open(picture.save(tmp_path / "b.png", options=SRGB))
    assert again.profile is None
    assert again.array().shape == (40, 60)
    assert np.abs(again.array().astype(int) - photo()[..., 0]).max() > 5


@pytest.mark.parametrize("options", [SaveOptions(), SRGB])
def test_without_a_profile_none_is_embedded(tmp_path, options):
    again = Picture.open(Picture.from_array(photo()).save(tmp_path / "a.png", options=options))
    assert again.profile is None
    assert np.array_equal(again.array(), photo())


@pytest.mark.parametrize("suffix", ["gif", "bmp"])
def test_formats_without_profiles_get_srgb_colours(tmp_path, suffix):
    levels = np.full((8, 8, 3), (100, 160, 120), np.uint8)
    picture = saved(tmp_path / "a.png", levels, icc_profile("RGB", 2.2, "adobe"))
    again = Picture.open(picture.save(tmp_path / f"b.{suffix}"))
    assert again.profile is None
    assert np.abs(again.array()[..., :3].astype(int) - colours_on_screen(tmp_path / "a.png")).max() <= 1


def test_a_grey_profile_is_not_given_to_a_format_that_stores_rgb(tmp_path):
    picture = saved(tmp_path / "a.png", photo()[..., 0], icc_profile("GRAY", 1.8))
    again = Picture.open(picture.save(tmp_path / "b.webp"))
    assert again.profile is None
    wanted = Picture.open(picture.save(tmp_path / "c.png", options=SRGB)).array()
    assert np.array_equal(again.array(), np.repeat(wanted[..., None], 3, axis=2))


@pytest.mark.parametrize("profile", [icc_profile("GRAY"), b"not a profile at all", b""])
def test_a_profile_that_does_not_fit_is_ignored(tmp_path, profile):
    tifffile.imwrite(tmp_path / "a.tif", photo(), iccprofile=profile or None)
    picture = Picture.open(tmp_path / "a.tif")
    assert picture.profile is None
    assert np.array_equal(picture.array(), photo())


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("alpha", [0, 1])
def test_cmyk_becomes_srgb(tmp_path, bits, alpha):
    ink = np.zeros((2, 4, 4 + alpha), np.uint8)
    ink[0, 0, 3] = ink[0, 1, 1] = ink[0, 1, 2] = 255  # black; magenta and yellow make red
    ink[..., 4:] = 100
    levels = ink if bits == 8 else ink.astype(np.uint16) * 257
    extra = ["unassalpha"] if alpha else None
    kind = {"photometric": "separated", "planarconfig": "contig", "metadata": None}
    tifffile.imwrite(tmp_path / "a.tif", levels, extrasamples=extra, **kind)
    picture = Picture.open(tmp_path / "a.tif")
    assert (picture.bits, picture.alpha) == (bits, bool(alpha))
    again = Picture.open(picture.save(tmp_path / "b.png"))
    assert again.bits == bits
    assert again.profile == srgb_profile()
    colours = again.read()[0].permute(1, 2, 0)
    assert (colours[0, 0] < 0.2).all()
    assert colours[0, 1, 0] > 0.7 > 0.3 > colours[0, 1, 1:].max()
    assert (colours[1] > 0.99).all()
    assert again.read_alpha().max() == pytest.approx(100 / 255 if alpha else 1)


def test_cmyk_jpeg_as_photoshop_writes_it_is_not_inverted(tmp_path):
    Image.new("CMYK", (16, 16), (0, 0, 0, 0)).save(tmp_path / "a.jpg")
    assert Picture.open(tmp_path / "a.jpg").read().min() > 0.98


def test_a_grey_result_of_an_rgb_picture_keeps_its_three_channels_and_profile(tmp_path):
    profile = icc_profile("RGB", 2.2, "adobe")
    levels = np.repeat(photo()[..., :1], 3, axis=2)
    picture = saved(tmp_path / "a.png", levels, profile)
    assert picture.grey
    canvas = Canvas(40, 60, grey=picture.grey)
    canvas.write(Window(0, 0, 40, 60), picture.read())
    again = Picture.open(canvas.picture(like=picture).save(tmp_path / "b.png"))
    assert again.profile == profile
    assert np.array_equal(again.array(), levels)


def test_a_coloured_result_of_a_grey_picture_drops_the_grey_profile(tmp_path):
    picture = saved(tmp_path / "a.png", photo()[..., 0], icc_profile("GRAY", 1.8))
    again = Picture.open(Picture.from_array(photo(), like=picture).save(tmp_path / "b.png"))
    assert again.profile is None
    assert np.array_equal(again.array(), photo())
