import errno
import io
import json
import logging
import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import tifffile
from images.drawn import photo

from daguerre.cli.batch import Job, Output, plan_jobs, run_jobs
from daguerre.errors import Cancelled, OptionError, UnreadablePicture
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
        ("https://example.org/a.jpg", "addresses are not fetched; download the picture and name its file"),
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


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            MemoryError(),
            "b.jpg: there is not enough memory for this; close other programs, or allow more",
        ),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 9 bytes.\n#0"),
            "not enough",
        ),
        (RuntimeError("CUDA out of memory. Tried to allocate 9 GiB"), "b.jpg: there is not enough memory for this"),
        (RecursionError("maximum recursion depth exceeded"), "b.jpg: unforeseen: RecursionError: maximum recursion"),
        (OSError(22, "Invalid argument"), "b.jpg: Invalid argument"),
        (OSError(28, "No space left on device", "x.png"), "b.jpg: no room left to write x.png; make some"),
        (
            KeyError("first\nsecond"),
            r"b.jpg: unforeseen: KeyError: 'first\nsecond'; --debug shows where",
        ),
        (ValueError("first\nsecond"), "b.jpg: unforeseen: ValueError: first; --debug shows where; please report it"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_one_raises_the_others_go_on(capsys, error, told):
    def work(job, progress):
        if job.source.name == "b.jpg":
            raise error
        return touch(job, progress)

    status, _, err = run(capsys, work, "a.jpg", "b.jpg", "c.jpg", quiet=True)
    line, total = err.splitlines()
    assert status == 1
    assert told in line
    assert total == "daguerre: 1 of 3 pictures failed; see above"
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.jpg", "c.jpg"]


def test_a_stop_that_is_asked_for_stops_all(capsys):
    def work(job, progress):
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        run(capsys, work, "a.jpg")


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


def second_run(capsys, **output):
    """What is said when a folder is done again, of whose results one was taken away."""
    output = Output(output=Path("out"), **output)
    assert run_jobs(plan_jobs([Path("album")], output, ""), output, touch, str) == 0
    Path("out/b.PNG").unlink()
    capsys.readouterr()
    status = run_jobs(plan_jobs([Path("album")], output, ""), output, touch, lambda said: "done")
    return status, *capsys.readouterr()


def test_of_a_folder_only_what_is_not_there_yet_is_done(capsys):
    status, _, err = second_run(capsys)
    done, skipped, total = err.splitlines()
    assert status == 0
    assert done.startswith("out/b.PNG  done")
    assert skipped == "out/deep/c.png  already there, skipped"
    assert total == "1 of 2 were there already; --overwrite makes them anew"


def test_programs_are_told_what_was_skipped(capsys):
    status, out, err = second_run(capsys, json=True)
    assert (status, err) == (0, "")
    assert json.loads(out.splitlines()[1]) == {
        "input": "album/deep/c.heic",
        "output": "out/deep/c.png",
        "skipped": "already there",
    }


def test_who_wants_silence_is_told_nothing_of_what_was_skipped(capsys):
    assert second_run(capsys, quiet=True) == (0, "", "")


def test_whoever_asks_for_it_gets_all_anew(capsys):
    assert "skipped" not in second_run(capsys, overwrite=True)[2]


@pytest.mark.parametrize("target", ["link.jpg", "loop.jpg"])
def test_a_link_is_not_replaced_unasked_wherever_it_leads(capsys, target):
    Path("out").mkdir()
    Path("out/link.jpg").symlink_to("nowhere.jpg")
    Path("out/loop.jpg").symlink_to("loop.jpg")
    status, _, err = run(capsys, touch, target)
    assert status == 1
    assert f"out/{target} exists already" in err
    assert Path(f"out/{target}").is_symlink()


def test_names_that_steer_a_terminal_are_spelled_out(capsys):
    Path("a\x1b[2J\n.jpg").touch()
    status, _, err = run(capsys, breaks_at("b\r.jpg"), "a\x1b[2J\n.jpg", "b\r.jpg", "c\udcff\u202e.jpg")
    assert status == 1
    assert "\x1b" not in err
    first, second, third, _ = err.splitlines()
    assert first.startswith(r"out/a\x1b[2J\n.jpg  a\x1b[2J\n.jpg is done")
    assert second == r"daguerre: b\r.jpg: it is torn"
    assert third.startswith(r"out/c\xff\u202e.jpg")


def test_whoever_no_longer_reads_stops_nothing(capsys, monkeypatch):
    class Gone(io.StringIO):
        def flush(self):
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr("sys.stdout", Gone())
    status, _, err = run(capsys, touch, "a.jpg", "b.jpg", json=True)
    assert (status, err) == (0, "")
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.jpg", "b.jpg"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_what_cannot_be_told_to_programs_is_a_failure_though_all_is_saved(capsys, monkeypatch):
    with open("/dev/full", "w") as full:
        monkeypatch.setattr("sys.stdout", full)
        status, _, err = run(capsys, touch, "a.jpg", "b.jpg", json=True)
    assert (status, err) == (1, "daguerre: cannot write to standard output (No space left on device)\n")
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.jpg", "b.jpg"]


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
