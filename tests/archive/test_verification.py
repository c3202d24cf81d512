import json
import re
import shutil

import numpy as np
import pytest
from images.drawn import photo

from daguerre.archive import verification
from daguerre.archive.verification import verify
from daguerre.archive.work import Work
from daguerre.errors import PictureError, UnreadablePicture
from daguerre.images import Picture
from daguerre.tasks.aging import AgeOptions
from daguerre.tasks.faces.refiner import FaceOptions
from daguerre.tasks.saving import ResultOptions
from daguerre.tasks.upscaling.upscaler import UpscaleOptions, Upscaler

EXACT = {"device": "cpu", "precision": "float32"}
UPSCALE = UpscaleOptions(scale=2, **EXACT)


@pytest.fixture
def original(desk):
    return Picture.from_array(photo(40, 48)).save(desk / "old.png")


def made(original, *steps, name="new.png", **how):
    target = original.with_name(name)
    Work(steps=steps or (UPSCALE,), **how).run(original, target)
    return target


@pytest.mark.parametrize("how", [{}, {"saving": ResultOptions(bits=16, compression=9, sidecar=True)}])
def test_what_is_made_again_is_the_same_file(original, how):
    found = verify(made(original, **how), original)
    assert (found.verdict, found.reasons, found.holds) == ("same file", (), True)


def test_chains_formats_and_tasks_that_stand_alone_are_made_again(original):
    chain = made(original, FaceOptions(**EXACT), UPSCALE, name="chain.jpg", saving=ResultOptions(quality=60))
    assert verify(chain, original).verdict == "same file"
    aged = made(original, AgeOptions(seed=3), name="aged.png")
    assert verify(aged, original).verdict == "same file"
    again = made(aged, name="again.png")
    assert verify(again, aged).verdict == "same file"
    assert verify(again, original).verdict == "another original"


def test_a_page_is_found_again(desk, original):
    import pyvips

    pages = [pyvips.Image.new_from_file(str(original)), pyvips.Image.new_from_file(str(original)).invert()]
    joined = pyvips.Image.arrayjoin(pages, across=1).copy()
    joined.set_type(pyvips.GValue.gint_type, "page-height", 40)
    joined.write_to_file(str(desk / "two.tif"))
    assert verify(made(desk / "two.tif", page=2), desk / "two.tif").verdict == "same file"


def test_another_original_is_told_before_anything_is_done(original, monkeypatch):
    result = made(original)
    other = Picture.from_array(photo(40, 48, seed=9)).save(original.with_name("other.png"))
    monkeypatch.setattr(verification, "Work", None)
    found = verify(result, other)
    assert (found.verdict, found.holds) == ("another original", False)
    assert "it was made from old.png with SHA-256" in found.reasons[0]


def test_a_caption_that_was_added_leaves_the_picture_what_it_is(original):
    result = made(original)
    picture = Picture.open(result)
    picture.save(
        result.with_name("edited.png"), xmp=picture.xmp.replace(b"</rdf:RDF>", b"<!-- a caption --></rdf:RDF>")
    )
    found = verify(result.with_name("edited.png"), original)
    assert (found.verdict, found.holds, found.differing) == ("same picture", True, 0)
    assert "changed or signed afterwards" in found.reasons[0]


def test_a_place_that_was_painted_over_is_found(original):
    result = made(original)
    picture = Picture.open(result)
    levels = picture.array().copy()
    levels[10:20, 30:45] = 255 - levels[10:20, 30:45]
    Picture.from_array(levels, like=picture).save(result, overwrite=True)
    found = verify(result, original)
    assert (found.verdict, found.holds) == ("another picture", False)
    assert found.where == (30, 10, 45, 20)
    assert found.differing == pytest.approx(10 * 15 / levels[..., 0].size, rel=0.05)
    assert "edited afterwards" in found.reasons[0]


def test_a_level_here_and_there_is_nearly_the_same(original):
    result = made(original)
    picture = Picture.open(result)
    levels = picture.array().copy()
    levels[::7, ::5] ^= 1
    Picture.from_array(levels, like=picture).save(result, overwrite=True)
    found = verify(result, original)
    assert (found.verdict, found.holds) == ("nearly the same picture", False)
    assert "another kind of processor" in found.reasons[0]


def changed_record(result, change):
    """The result with another record in it."""
    picture = Picture.open(result)
    said = re.search(rb"daguerre:Steps=(.)(.*?)\1", picture.xmp)
    steps = json.loads(said[2].replace(b"&quot;", b'"'))
    change(steps[-1])
    xmp = picture.xmp.replace(said[0], b"daguerre:Steps='" + json.dumps(steps).encode() + b"'")
    picture.save(result, xmp=xmp, overwrite=True)
    return result


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"program": "daguerre 0.0.1"}, "made by daguerre 0.0.1; this is daguerre"),
        ({"models": {"compact-x2": "0" * 64}}, "the network compact-x2 is another one here"),
        ({"models": {"lost-x2": "0" * 64}}, "the network lost-x2 is not here under that name"),
        ({"options": {"scale": 3}}, "it has 96 x 80 pixels, not 144 x 120 pixels"),
    ],
)
def test_what_is_other_than_the_record_says_is_named(original, change, reason):
    found = verify(changed_record(made(original), lambda step: step.update(change)), original)
    assert any(reason in told for told in found.reasons)


def test_a_record_that_this_version_does_not_know_is_told(original):
    result = changed_record(made(original), lambda step: step.update(options={"sorcery": 1}))
    with pytest.raises(PictureError, match="this version cannot do it again: unknown key 'sorcery'"):
        verify(result, original)


def test_other_files_are_looked_for_and_compared(original, desk):
    (desk / "boxes").mkdir()
    (desk / "boxes" / "faces.txt").write_text("4 4 20 20\n")
    result = made(original, FaceOptions(boxes=str(desk / "boxes" / "faces.txt"), **EXACT))
    with pytest.raises(
        PictureError, match=r"faces\.txt with SHA-256 .*, and faces\.txt is not beside it; give its folder"
    ):
        verify(result, original)
    assert verify(result, original, files=[desk / "boxes"]).verdict == "same file"
    shutil.copy(original, desk / "faces.txt")
    with pytest.raises(PictureError, match=r"faces\.txt is another file now"):
        verify(result, original)


def test_what_cannot_be_verified_is_an_error_in_one_line(original, desk):
    with pytest.raises(PictureError, match="has no record"):
        verify(original, original)
    with pytest.raises(UnreadablePicture, match="cannot read"):
        verify(made(original), desk / "nowhere.png")


def test_a_result_of_no_file_is_made_again_from_the_picture_that_is_given(original, desk):
    Upscaler(scale=2, **EXACT)(photo(40, 48)).save(desk / "array.png")
    assert np.array_equal(Picture.open(original).array(), photo(40, 48))
    assert verify(desk / "array.png", original).verdict == "same picture"
