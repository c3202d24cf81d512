import json
import time
from pathlib import Path

import pytest

from daguerre.archive.manifest import Manifest, Row, Shard, State
from daguerre.archive.work import Work
from daguerre.cli.status import lines, measured
from daguerre.tasks.upscaling.upscaler import UpscaleOptions

WORK = Work(steps=(UpscaleOptions(),))


@pytest.fixture
def out(desk):
    """A folder of results in two shares: one picture waits, one has failed."""
    Manifest(Path("out"), Shard(1, 2)).add("/a.png", "a.png", WORK)
    two = Manifest(Path("out"), Shard(2, 2))
    two.fail(two.add("/b.png", "b.png", WORK), "b.png is torn")
    return Path("out")


def test_all_shares_are_counted_together(run, out):
    ran = run("status", out)
    assert (ran.status, ran.out) == (1, "0 of 2 done, 1 to be done, 1 failed\n")
    assert run("status", out, "--failed").out.splitlines()[1] == "/b.png: b.png is torn"
    told = json.loads(run("status", out, "--json", "--failed").out)
    assert (told["total"], told["waiting"], told["failed"]) == (2, 1, 1)
    assert told["errors"] == [{"input": "/b.png", "error": "b.png is torn"}]


def test_a_report_of_all_shares_is_written(run, out):
    assert "report.html  the report" in run("status", out, "--report", "report.html").err
    assert "b.png is torn" in Path("report.html").read_text()


def test_a_folder_without_a_manifest_is_told(run, desk):
    ran = run("status", ".")
    assert (ran.status, ran.lines) == (1, ["daguerre: . has no manifest; `daguerre run PICTURES -o .` makes one"])


def row(state, changed):
    return Row(id=1, source="", target="", options="", state=state, place=0, changed=changed)


def test_the_time_left_follows_from_what_was_done_lately():
    now = time.time()
    rows = [row(State.DONE, now - 9999), *(row(State.DONE, now - ago) for ago in (300, 200, 100))]
    waiting = [row(State.WAITING, 0)] * 9
    told = measured([*rows, *waiting, row(State.RUNNING, now)], now)
    assert told["seconds_left"] == pytest.approx(10 * 300 / 3)
    assert lines(told) == ["4 of 14 done, 9 to be done, 1 being done", "about 17 minutes left"]
    assert measured([*rows, *waiting], now)["seconds_left"] is None
