import numpy as np
import pytest
from images.drawn import photo

from daguerre.degradation.aging import AgeOptions
from daguerre.errors import PictureError
from daguerre.images import Picture
from daguerre.tasks.aging import age
from daguerre.tasks.result import records_of


@pytest.fixture
def picture():
    return Picture.from_array(photo(48, 64))


def test_age_gives_the_photograph_its_damage_and_what_it_should_be(picture, tmp_path):
    old = age(picture, kind="ruin", seed=3)
    assert (old.picture.height, old.mask.width, old.clean.width) == (48, 64, 64)
    assert 0 < old.damaged == pytest.approx(old.mask.read().mean().item(), abs=0.01)
    (record,) = records_of(old.save(tmp_path / "old.png"))
    assert (record["task"], record["options"]["seed"], old.story["kind"]) == ("age", 3, "ruin")
    assert np.array_equal(old.picture.array(), age(picture, kind="ruin", seed=3).picture.array())
    with pytest.raises(PictureError, match="64 x 4 pixels cannot be aged"):
        age(picture.array()[:4])


def test_what_befalls_a_photograph_leaves_its_transparency_depth_and_greyness():
    levels = photo(40, 50, channels=2, bits=16)
    old = age(levels, kind="studio", seed=1)
    assert (old.picture.bits, old.picture.alpha) == (16, True)
    assert np.array_equal(old.picture.read_alpha().numpy(), Picture.from_array(levels).read_alpha().numpy())
    assert not np.array_equal(old.picture.array()[..., :-1], levels[..., :-1])


def test_single_options_come_on_top_of_options():
    both = age(photo(40, 50), AgeOptions(kind="ruin", seed=3), seed=4)
    assert (both.record.options["kind"], both.record.options["seed"]) == ("ruin", 4)
    assert both.record.options["record"] == both.story


def test_a_file_that_is_too_small_is_named(tmp_path):
    path = Picture.from_array(photo(4, 64)).save(tmp_path / "strip.png")
    with pytest.raises(PictureError, match=r"strip\.png: 64 x 4 pixels cannot be aged"):
        age(path)
