import errno
import io
import json
import logging
from pathlib import Path

import pytest

from daguerre.cli.batch import Job, Output, plan_jobs, run_jobs
from daguerre.errors import Cancelled, UnreadablePicture
from daguerre.progress import silent

pytestmark = pytest.mark.usefixtures("album")


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
