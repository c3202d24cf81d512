import json
import logging
from pathlib import Path

import numpy as np
import pytest
import tifffile
from images.drawn import photo

from daguerre.cli.batch import Job, Output, plan_jobs, run_jobs
from daguerre.errors import OptionError, UnreadablePicture
from daguerre.progress import silent


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.jpg", "album/b.PNG", "album/deep/c.heic", "album/.hidden.jpg", "album/notes.txt", "other/b.png"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    Path("bare").mkdir()
    return tmp_path


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
        (["c.png", "album/deep/c.heic"], "x", "c.png and album/deep/c.heic would both become x/c-4x.png"),
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


def test_a_name_without_a_picture_behind_it_is_told():
    with pytest.raises(UnreadablePicture, match=r"^nowhere\.jpg: no such file or folder$"):
        planned("a.jpg", "nowhere.jpg")
    with pytest.raises(UnreadablePicture, match=r"bare: no pictures in this folder \(looked for \.avif, "):
        planned("bare")


def run(capsys, work, *names, **output):
    jobs = [Job(Path(name), Path(f"out/{name}"), Path(name)) for name in names]
    status = run_jobs(jobs, Output(**output), work, lambda said: f"{said['input']} is done")
    return status, *capsys.readouterr()


def touch(job, progress):
    assert progress is silent, "nobody watches, so no bar is drawn"
    job.target.touch()
    return {"size": 3}


def breaks_at(name):
    def work(job, progress):
        if job.source.name == name:
            raise UnreadablePicture("it is torn")
        return touch(job, progress)

    return work


def test_a_line_for_each_result(capsys):
    status, out, err = run(capsys, touch, "a.jpg", "b.jpg")
    assert (status, out) == (0, "")
    assert [line.rpartition(", ")[0] for line in err.splitlines()] == [
        "out/a.jpg  a.jpg is done",
        "out/b.jpg  b.jpg is done",
    ]
    assert err.count(" s\n") == 2


def test_one_that_fails_is_named_and_the_others_go_on(capsys):
    status, _, err = run(capsys, breaks_at("b.jpg"), "a.jpg", "b.jpg", "c.jpg", quiet=True)
    assert status == 1
    assert err.splitlines() == ["daguerre: b.jpg: it is torn", "daguerre: 1 of 3 pictures failed; see above"]
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.jpg", "c.jpg"]


def test_a_lone_failure_needs_no_sum(capsys):
    assert run(capsys, breaks_at("a.jpg"), "a.jpg")[::2] == (1, "daguerre: a.jpg: it is torn\n")


def test_programs_get_one_object_a_line(capsys):
    status, out, _ = run(capsys, breaks_at("b.jpg"), "a.jpg", "b.jpg", json=True)
    good, bad = map(json.loads, out.splitlines())
    assert status == 1
    assert good.pop("seconds") >= 0
    assert good == {"input": "a.jpg", "output": str(Path("out/a.jpg")), "size": 3}
    assert bad == {"input": "b.jpg", "error": "b.jpg: it is torn"}


def test_names_with_brackets_are_printed_as_they_are(capsys):
    assert "out/photo[bold].jpg  photo[bold].jpg is done" in run(capsys, touch, "photo[bold].jpg")[2]


def test_results_that_exist_are_not_worked_on(capsys):
    Path("out").mkdir()
    Path("out/a.jpg").write_text("mine")
    status, _, err = run(capsys, lambda job, progress: pytest.fail("worked"), "a.jpg")
    assert status == 1
    assert "out/a.jpg exists already" in err
    assert run(capsys, touch, "a.jpg", overwrite=True)[0] == 0


def test_a_folder_that_cannot_be_made_is_named(capsys):
    Path("out").touch()
    status, _, err = run(capsys, touch, "a.jpg")
    assert status == 1
    assert err == "daguerre: a.jpg: cannot make the folder out (File exists); name another\n"


def test_what_is_warned_of_meanwhile_names_its_picture_once(caplog):
    log = logging.getLogger("daguerre.somewhere")

    def work(job, progress):
        log.warning("its XMP is %s", "torn")
        log.warning("%s: its EXIF is torn", job.source)
        return {}

    run_jobs([Job(Path("a.jpg"), Path("b.jpg"), Path("a.jpg"))], Output(quiet=True), work, lambda said: "")
    log.warning("of nothing")
    assert caplog.messages == ["a.jpg: its XMP is torn", "a.jpg: its EXIF is torn", "of nothing"]


@pytest.mark.parametrize("options", [{"max_pixels": 0}, {"max_pixels": -5}, {"page": 0}])
def test_limits_that_make_no_sense_are_refused_before_any_picture(options):
    with pytest.raises(OptionError, match="it must be at least 1"):
        Output(**options)


def test_pictures_are_opened_as_the_options_say(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.stack([photo(), photo(seed=1)]), photometric="rgb")
    assert np.array_equal(Output(page=2).open(tmp_path / "a.tif").array(), photo(seed=1))
    with pytest.raises(UnreadablePicture, match="more than the 100 allowed"):
        Output(max_pixels=100).open(tmp_path / "a.tif")
