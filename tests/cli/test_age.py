import functools

import numpy as np
import pytest
import pyvips
from PIL import ImageCms

from daguerre.cli.main import main


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    pyvips.Image.gaussnoise(64, 48, mean=128, sigma=30).cast("uchar").bandjoin([128, 90]).write_to_file(path)
    return path


def test_the_same_seed_ages_to_the_same_file_and_another_to_another(photo, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert main(["age", str(photo), "--seed", str(seed), "-o", str(tmp_path / f"{name}.png")]) == 0
    first, second, other = ((tmp_path / f"{name}.png").read_bytes() for name in "abc")
    assert first == second != other


def test_the_mask_is_white_where_the_picture_was_damaged(photo, tmp_path):
    mask, clean, old = (tmp_path / f"{name}.png" for name in ("mask", "clean", "old"))
    words = ["age", str(photo), "--kind", "damaged", "--seed", "3", "-o", str(old), "--mask", str(mask)]
    assert main([*words, "--clean", str(clean)]) == 0
    change = np.abs(levels(old).astype(int) - levels(clean)).mean(axis=2)
    damaged = levels(mask).max(axis=2) == 255
    assert set(np.unique(levels(mask))) <= {0, 255}
    assert 0 < damaged.mean() < 0.9
    assert change[damaged].mean() > 10 * change[~damaged].mean(), "soft stains may run out a little beyond the mask"


def levels(path):
    image = pyvips.Image.new_from_file(path)
    return image.numpy().reshape(image.height, image.width, -1)


def test_a_picture_too_small_to_age_is_reported(tmp_path, capsys):
    path = tmp_path / "dot.png"
    pyvips.Image.black(8, 8).write_to_file(path)
    assert main(["age", str(path)]) == 1
    assert "8 x 8 pixels cannot be aged" in capsys.readouterr().err


def test_profile_depth_transparency_and_what_the_file_says_stay(tmp_path):
    path, old = tmp_path / "photo.png", tmp_path / "old.png"
    image = pyvips.Image.gaussnoise(64, 48, mean=30000, sigma=9000).cast("ushort").bandjoin([30000, 20000, 40000])
    image = image.copy(interpretation="rgb16")
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile())
    image.write_to_file(path)
    assert main(["age", str(path), "-o", str(old)]) == 0
    made = pyvips.Image.new_from_file(old)
    assert (made.bands, made.format) == (4, "ushort")
    assert made.get("icc-profile-data") == profile()
    assert (made[3].min(), made[3].max()) == (40000, 40000)


@functools.cache  # it holds the time at which it was made
def profile():
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def test_of_several_pictures_each_ages_in_its_own_way_and_the_same_again(photo, tmp_path):
    (tmp_path / "other.png").write_bytes(photo.read_bytes())
    for out in ("a", "b"):
        assert main(["age", str(photo), str(tmp_path / "other.png"), "-o", str(tmp_path / out)]) == 0
    first, second = (levels(tmp_path / "a" / f"{name}-old.png") for name in ("photo", "other"))
    assert (first != second).any()
    assert (first == levels(tmp_path / "b" / "photo-old.png")).all()


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--mask", "old.png"], "old.png is read, or written for something else, too"),
        (["--mask", "m.png", "--clean", "m.png"], "m.png is read, or written for something else, too"),
        (["--seed", "99999999999999999999"], "seed is 99999999999999999999; it must lie between 0 and"),
    ],
)
def test_what_makes_no_sense_is_refused(words, problem, photo, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["age", str(photo), "-o", "old.png", "--overwrite", *words]) == 1
    assert problem in capsys.readouterr().err
    assert not (tmp_path / "old.png").exists()


def test_one_mask_for_several_pictures_is_refused(photo, tmp_path, capsys):
    (tmp_path / "other.png").write_bytes(photo.read_bytes())
    assert main(["age", str(tmp_path), "--mask", str(tmp_path / "m.tif")]) == 1
    assert "2 pictures" in capsys.readouterr().err
