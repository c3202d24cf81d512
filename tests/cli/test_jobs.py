import errno
import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import tifffile
from images.drawn import photo

from daguerre.cli.jobs import Output, plan_jobs
from daguerre.errors import OptionError, UnreadablePicture

pytestmark = pytest.mark.usefixtures("album")


def planned(*inputs, output=None):
    """What becomes of the pictures: source -> target."""
    jobs = plan_jobs([Path(name) for name in inputs], Output(output=output and Path(output)), "-4x")
    return {job.source.as_posix(): job.target.as_posix() for job in jobs}


@pytest.mark.parametrize(
    ("inputs", "output", "targets"),
    [
        (["a.jpg"], None, ["a-4x.jpg"]),
        (["a.jpg"], "large.png", ["large.png"]),
        (["a.jpg"], "bare", ["bare/a-4x.jpg"]),
        (["a.jpg"], "new", ["new/a-4x.jpg"]),
        (["a.jpg"], "new/b.tif", ["new/b.tif"]),
        (["album"], None, ["album/b-4x.PNG", "album/deep/c-4x.png"]),
        (["album"], "new", ["new/b-4x.PNG", "new/deep/c-4x.png"]),
        (["album"], "new.2024", ["new.2024/b-4x.PNG", "new.2024/deep/c-4x.png"]),
        (["a.jpg", "album/b.PNG"], "new", ["new/a-4x.jpg", "new/b-4x.PNG"]),
        (["a.jpg", "a.jpg"], None, ["a-4x.jpg"]),
        (["album", "album/b.PNG"], None, ["album/b-4x.PNG", "album/deep/c-4x.png"]),
        (["other"], "large.png", ["large.png"]),
    ],
)
def test_results_are_named_after_their_pictures(inputs, output, targets):
    assert list(planned(*inputs, output=output).values()) == targets


@pytest.mark.parametrize("output", [None, "album", "album/large"])
def test_results_of_an_earlier_run_are_not_taken_for_pictures(output):
    first = planned("album", output=output)
    for target in first.values():
        Path(target).parent.mkdir(exist_ok=True, parents=True)
        Path(target).touch()
    assert planned("album", output=output) == first
    result = first["album/b.PNG"]
    assert result in planned("album", result, output=output), "unless named themselves"


@pytest.mark.parametrize(
    ("inputs", "output", "complaint"),
    [
        ([], None, "name at least one picture or folder, for example: photo.jpg"),
        (["album"], "large.jpg", "large.jpg names one file, but there are 2 pictures; name a folder"),
        (["album"], "album/notes.txt", "album/notes.txt names one file, but there are 2 pictures"),
        (["album/b.PNG", "other/b.png", "a.jpg", "album/deep/c.heic"], "x", None),
        (["other/b.png", "other"], "x", None),
    ],
)
def test_results_that_would_meet_in_one_file_are_refused(inputs, output, complaint):
    Path("c.png").touch()
    if complaint is None:
        assert planned(*inputs, output=output)
        return
    with pytest.raises(OptionError, match=complaint):
        planned(*inputs, output=output)


def test_a_link_that_leads_nowhere_is_not_passed_over():
    Path("album/lost.jpg").symlink_to("moved-away.jpg")
    assert planned("album")["album/lost.jpg"] == "album/lost-4x.jpg"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("nowhere.jpg", "nowhere.jpg: no such file or folder"),
        ("a.jpg/b.jpg", "a.jpg/b.jpg: no such file or folder"),
        ("bare", "bare: no pictures in this folder (looked for .avif, "),
        (300 * "a" + ".jpg", "aaa.jpg: File name too long"),
        ("loop.jpg", "loop.jpg: Too many levels of symbolic links"),
    ],
)
def test_a_name_without_a_picture_behind_it_is_told_first_and_the_others_go_on(name, problem):
    Path("loop.jpg").symlink_to("loop.jpg")
    lost, found = plan_jobs([Path("a.jpg"), Path(name)], Output(), "-4x")
    assert problem in str(lost.problem)
    assert (found.source, found.problem) == (Path("a.jpg"), None)


def test_two_results_of_one_name_are_told_apart(capsys):
    Path("c.png").touch()
    Path("c-4x.webp").touch()
    assert planned("c.png", "album/deep/c.heic", "a.jpg", output="x") == {
        "c.png": "x/c-4x.png",
        "album/deep/c.heic": "x/c-4x-2.png",
        "a.jpg": "x/a-4x.jpg",
    }
    said = "album/deep/c.heic will be x/c-4x-2.png, for x/c-4x.png is made of c.png\n"
    assert capsys.readouterr().err == said


def test_names_are_told_apart_in_a_way_that_disks_which_ignore_case_hold_too():
    for name in ("up/É.png", "up/é.heic", "up/e\u0301.bmp"):
        Path("up").mkdir(exist_ok=True)
        Path(name).touch()
    targets = [job.target.name for job in plan_jobs([Path("up")], Output(output=Path("x"), format="png"), "-4x")]
    assert (
        sorted(targets) == sorted({"É-4x.png", "e\u0301-4x-2.png", "é-4x-3.png"})
        or len({unicodedata.normalize("NFC", name).casefold() for name in targets}) == 3
    )


def test_the_second_run_tells_apart_as_the_first_did():
    for name in ("two/c.png", "two/c.heic"):
        Path("two").mkdir(exist_ok=True)
        Path(name).touch()
    first = planned("two")
    assert first == {"two/c.heic": "two/c-4x.png", "two/c.png": "two/c-4x-2.png"}
    for target in first.values():
        Path(target).touch()
    assert planned("two") == first


def test_a_name_that_would_be_too_long_is_cut():
    Path("é" * 120 + "x" * 10 + ".jpg").touch()
    (target,) = planned("é" * 120 + "x" * 10 + ".jpg", output="out").values()
    assert target == "out/" + "é" * 120 + "x" * 8 + "-4x.jpg"
    assert len(os.fsencode(Path(target).name)) == 255


@pytest.mark.parametrize("passed", [".cache", "@eaDir", "deep/@eaDir", "__MACOSX"])
def test_folders_of_thumbnails_and_hidden_ones_are_passed_over(passed):
    before = planned("album")
    Path("album", passed).mkdir(parents=True)
    Path("album", passed, "b.jpg").touch()
    assert planned("album") == before
    assert len(planned(f"album/{passed}")) == 1, "unless named themselves"


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_a_folder_that_is_closed_is_told_and_the_others_go_on():
    Path("album/deep").chmod(0)
    lost, found = plan_jobs([Path("album")], Output(), "-4x")
    Path("album/deep").chmod(0o700)
    assert str(lost.problem) == "album/deep: Permission denied"
    assert found.source == Path("album/b.PNG")


def test_a_folder_that_cannot_be_listed_is_told(monkeypatch):
    plain = os.scandir

    def closed(path):
        if Path(path).name == "deep":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return plain(path)

    monkeypatch.setattr(os, "scandir", closed)
    lost, found = plan_jobs([Path("album")], Output(), "-4x")
    assert str(lost.problem) == "album/deep: Permission denied"
    assert found.source == Path("album/b.PNG")


@pytest.mark.parametrize("options", [{"max_pixels": 0}, {"max_pixels": -5}, {"page": 0}])
def test_limits_that_make_no_sense_are_refused_before_any_picture(options):
    with pytest.raises(OptionError, match="it must be at least 1"):
        Output(**options)


def test_pictures_are_opened_as_the_options_say(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.stack([photo(), photo(seed=1)]), photometric="rgb")
    assert np.array_equal(Output(page=2).open(tmp_path / "a.tif").array(), photo(seed=1))
    with pytest.raises(UnreadablePicture, match="more than the 100 allowed"):
        Output(max_pixels=100).open(tmp_path / "a.tif")
