import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import fsspec
import numpy as np
import pytest

from daguerre.archive.manifest import Manifest, Shard, State
from daguerre.cli.archive import Archive, amount, span
from daguerre.errors import OptionError
from daguerre.images import Picture

TWICE = ("--scale", "2", "--model", "small-x2", "--device", "cpu")


def draw(name, seed=0, height=12, width=16):
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    levels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Picture.from_array(levels).save(name, overwrite=True)


@pytest.fixture
def upscale(run):
    return lambda *words: run("upscale", *TWICE, *words)


@pytest.fixture
def scans(desk):
    """A folder with three pictures, one of them deeper."""
    for seed, name in enumerate(("a.png", "b.jpg", "deep/c.png")):
        draw(f"scans/{name}", seed)


def results(folder="out"):
    return sorted(
        path.relative_to(folder).as_posix()
        for path in Path(folder).rglob("*")
        if path.is_file() and ".daguerre" not in path.parts
    )


def contents(folder="out"):
    return {name: (Path(folder) / name).read_bytes() for name in results(folder)}


def test_the_second_run_does_nothing_and_is_content(upscale, scans):
    first = upscale("scans", "-o", "out")
    assert (first.status, len(first.lines)) == (0, 3)
    times = {name: (Path("out") / name).stat().st_mtime_ns for name in results()}
    second = upscale("scans", "-o", "out")
    assert (second.status, second.lines) == (
        0,
        ["3 of 3 were there already and are up to date; --overwrite makes them anew"],
    )
    assert times == {name: (Path("out") / name).stat().st_mtime_ns for name in results()}
    (line,) = upscale("scans", "-o", "out", "--json", "--include", "a.png").out.splitlines()
    assert json.loads(line)["skipped"] == "already there"


def test_only_what_is_new_or_has_changed_is_done(upscale, scans):
    upscale("scans", "-o", "out")
    draw("scans/a.png", 9, height=14)
    draw("scans/new.png", 5)
    ran = upscale("scans", "-o", "out")
    assert [line.split()[0] for line in ran.lines[1:]] == ["out/a-2x.png", "out/new-2x.png"]
    assert Picture.open("out/a-2x.png").height == 28
    assert len(upscale("scans", "-o", "out", "--agree", "off").lines) == 4


def test_a_bad_picture_is_written_down_and_tried_again_when_it_is_mended(upscale, scans):
    Path("scans/bad.png").write_bytes(b"no picture")
    for _ in range(2):
        ran = upscale("scans", "-o", "out")
        assert ran.status == 1
        assert ran.lines[-1] == "daguerre: 1 of 4 pictures failed; see above"
    (row,) = Manifest.all_rows(Path("out"), State.FAILED)
    assert row.error.startswith("scans/bad.png is not a picture")
    draw("scans/bad.png", 4)
    assert upscale("scans", "-o", "out").status == 0
    assert "bad-2x.png" in results()


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("--include", "*.png"), ["a-2x.png", "deep/c-2x.png"]),
        (("--include", "deep/*", "b.*"), ["b-2x.jpg", "deep/c-2x.png"]),
        (("--exclude", "deep/*"), ["a-2x.png", "b-2x.jpg"]),
        (("--include", "*.png", "--exclude", "a*"), ["deep/c-2x.png"]),
        (("--newer", "2001-01-01"), ["b-2x.jpg", "deep/c-2x.png"]),
        (("--newer", "scans/a.png"), ["b-2x.jpg", "deep/c-2x.png"]),
    ],
)
def test_of_a_folder_only_some_pictures_are_taken(upscale, scans, words, names):
    os.utime("scans/a.png", (10**8, 10**8))
    assert upscale("scans", "-o", "out", *words).status == 0
    assert results() == names


def test_what_would_be_done_is_foretold_and_nothing_written(upscale, scans):
    ran = upscale("scans", "-o", "out", "--dry-run")
    assert ran.status == 0
    assert [line.partition("  ")[2] for line in ran.lines[:3]] == ["new"] * 3
    assert ran.lines[3] == "3 of 3 would be done (3 new)"
    assert "megapixels: about " in ran.lines[4]
    assert "results of about 0.0 MB (measured with" in ran.lines[4]
    assert not Path("out").exists()
    upscale("scans", "-o", "out")
    assert upscale("scans", "-o", "out", "--dry-run").lines == [
        "3 of 3 were there already and are up to date; --overwrite makes them anew"
    ]


def test_shares_make_together_what_one_run_makes(upscale, scans):
    upscale("scans", "-o", "whole")
    for share in ("1/2", "2/2"):
        assert upscale("scans", "-o", "out", "--shard", share).status == 0
    assert contents("out") == contents("whole")
    assert {row.state for row in Manifest.all_rows(Path("out"))} == {State.DONE}
    counts = [Manifest(Path("out"), Shard(index, 2)).counts()[State.DONE] for index in (1, 2)]
    assert (min(counts) > 0, sum(counts)) == (True, 3), "nobody has what is another's"
    for words in ((), ("--shard", "1/1")):
        assert "3 of 3 were there already" in upscale("scans", "-o", "out", *words).lines[0]


def test_results_are_not_taken_for_pictures(upscale, scans):
    upscale("scans", "-o", "scans/large")
    assert upscale("scans", "-o", "elsewhere").status == 0
    assert results("elsewhere") == ["a-2x.png", "b-2x.jpg", "deep/c-2x.png"]


def test_two_workers_make_the_same_bytes_as_one_process(upscale, scans):
    Path("scans/bad.png").write_bytes(b"no picture")
    assert upscale("scans", "-o", "here").status == 1
    ran = upscale("scans", "-o", "out", "--workers", "2", "--json")
    assert ran.status == 1
    assert contents("out") == contents("here")
    said = {Path(line["input"]).name: line for line in map(json.loads, ran.out.splitlines())}
    assert said["a.png"]["width"] == 32
    assert said["bad.png"]["error"].startswith("scans/bad.png is not a picture")


def test_flags_for_folders_are_refused_elsewhere(upscale, scans):
    for words in (("scans/a.png", "-o", "out", "--workers", "2"), ("scans", "--shard", "1/2")):
        ran = upscale(*words)
        assert ran.status == 1
        assert "is for folders: name one, and one for the results with -o FOLDER" in ran.lines[0]
    assert "leave --workers and --cluster out" in upscale("scans/a.png", "--invented", "m.png", "--workers", "2").err


@pytest.mark.parametrize("shard", ["0/2", "3/2", "1", "a/b", "1/2/3"])
def test_a_share_that_is_none_is_refused(shard):
    with pytest.raises(OptionError, match="give a share such as 1/4"):
        Archive(shard=shard)


def test_times_and_sizes_are_words():
    assert [span(seconds) for seconds in (0.2, 90, 150, 8000, 400000)] == [
        "1 seconds",
        "90 seconds",
        "2 minutes",
        "2 hours",
        "5 days",
    ]
    assert [amount(size) for size in (1e5, 2.5e9, 3e12)] == ["0.1 MB", "2.5 GB", "3.0 TB"]


def start(*words):
    command = [sys.executable, "-m", "daguerre", "upscale", *TWICE, *words]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def wait_until(true, seconds=120):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_ended_goes_on_where_it_stopped(upscale, desk, number):
    for seed in range(12):
        draw(f"scans/{seed}.png", seed, 120, 120)
    upscale("scans", "-o", "whole")
    running = start("scans", "-o", "out")
    wait_until(lambda: Path("out").exists() and len(results()) > 3)
    running.send_signal(number)
    _, err = running.communicate()
    assert running.returncode == (-9 if number == signal.SIGKILL else 130)
    done = len(results())
    assert done < 12
    if number == signal.SIGINT:
        assert err.splitlines()[-1] == "daguerre: stopped; nothing half-made was left behind"
    ran = upscale("scans", "-o", "out")
    assert ran.status == 0
    kept = int(re.search(r"(\d+) of 12 were there already", ran.err)[1])
    # What the two workers had saved but nobody had noted is done again.
    assert done - 4 <= kept <= done
    assert kept > 0
    assert contents("out") == contents("whole")


def test_pictures_that_arrive_are_done_while_a_folder_is_watched(desk):
    draw("scans/a.png")
    Path("scans/bad.png").write_bytes(b"no picture")
    running = start("scans", "-o", "out", "--watch")
    try:
        wait_until(lambda: Path("out/a-2x.png").exists())
        draw("scans/b.png", 1)
        wait_until(lambda: Path("out/b-2x.png").exists())
    finally:
        running.send_signal(signal.SIGTERM)
        _, err = running.communicate()
    assert running.returncode == 143
    assert err.count("bad.png is not a picture") == 1, "what is bad is not tried again until it changes"


@pytest.mark.slow
def test_many_pictures_some_damaged_and_three_kills_end_complete_and_correct(upscale, desk):
    """DAGUERRE_MANY sets how many."""
    many = int(os.environ.get("DAGUERRE_MANY", "200"))
    for seed in range(many):
        draw(f"scans/{seed % 7}/{seed}.png", seed, 24, 32)
    damaged = range(0, many, many // max(many // 100, 2))
    for seed in damaged:
        path = Path(f"scans/{seed % 7}/{seed}.png")
        path.write_bytes(path.read_bytes()[: 20 + seed % 200])
    chance = np.random.default_rng(0)
    for _ in range(3):
        running = start("scans", "-o", "out", "--workers", "2")
        before = len(results()) if Path("out").exists() else 0
        more = int(chance.integers(1, many // 5))
        wait_until(lambda least=before + more: Path("out").exists() and len(results()) >= least, 600)
        running.kill()
        running.communicate()
    last = start("scans", "-o", "out", "--workers", "2")
    last.communicate()
    assert last.returncode == 1
    rows = Manifest.all_rows(Path("out"))
    failed = {Path(row.source).stem for row in rows if row.state is State.FAILED}
    assert failed == {str(seed) for seed in damaged}
    assert sum(row.state is State.DONE for row in rows) == many - len(failed) == len(results())
    for seed in damaged:
        Path(f"scans/{seed % 7}/{seed}.png").unlink()
    upscale("scans", "-o", "whole")
    assert contents("out") == contents("whole")
    began = time.monotonic()
    again = start("scans", "-o", "out")
    again.communicate()
    assert (again.returncode, time.monotonic() - began < 60) == (0, True)
    shutil.rmtree("out")


def test_pictures_and_results_may_be_elsewhere(run, upscale, scans, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    system = fsspec.filesystem("memory")
    upscale("scans", "-o", "whole")
    for path in Path("scans").rglob("*.*"):
        system.pipe(f"/far/{path.as_posix()}", path.read_bytes())
    system.pipe("/far/scans/bad.png", b"no picture")
    try:
        first = upscale("memory://far/scans", "-o", "memory://far/out")
        assert first.status == 1
        assert "memory://far/out/deep/c-2x.png  32 x 24 pixels" in first.err
        assert "daguerre: memory://far/scans/bad.png is not a picture" in first.err
        made = {name: system.cat(f"/far/out/{name}") for name in contents("whole")}
        assert made == contents("whole")
        system.rm("/far/scans/bad.png")
        shutil.rmtree(tmp_path / "cache")  # as on another computer
        second = upscale("memory://far/scans", "-o", "memory://far/out")
        assert second.lines == ["3 of 3 were there already and are up to date; --overwrite makes them anew"]
        assert second.status == 0
        ran = run("status", "memory://far/out", "--report", "report.html")
        assert ran.out == "3 of 4 done, 1 failed\n"
        assert len(re.findall("data:image/jpeg", Path("report.html").read_text())) == 6
        assert "name one with -o FOLDER" in upscale("memory://far/scans").err
    finally:
        system.rm("/far", recursive=True)
