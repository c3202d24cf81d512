"""A few hundred mutants in every run of the tests, and that the judge can find fault."""

import sys
from pathlib import Path

import numpy as np
import pytest
from fuzz.mutations import mutate
from fuzz.run import GOOD, Worker, try_mutants
from fuzz.seeds import make_seeds
from fuzz.worker import judge

from daguerre.errors import UnreadablePicture
from daguerre.images import Picture

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits and measures memory by /proc")

COUNT = 300
BAD = """
import json, os, sys, time
for line in sys.stdin:
    name = os.path.basename(line.strip())
    if name == "hang":
        time.sleep(60)
    if name == "crash":
        os.abort()
    if name == "noise":
        print("VIPS-WARNING", file=sys.stderr, flush=True)
    about = {"note": "", "seconds": 0.1, "mebibytes": 5000 if name == "large" else 5}
    print(json.dumps({"verdict": "ok"} | about), flush=True)
"""


def test_no_mutant_does_harm(tmp_path):
    said = [said for said in try_mutants(range(COUNT), tmp_path) if said.verdict not in GOOD]
    assert not said, "\n".join(f"{each.name}: {each.verdict}\n{each.note}" for each in said)


def test_the_same_number_makes_the_same_mutant():
    seeds = make_seeds()
    assert make_seeds() == seeds
    assert mutate(seeds, 4711) == mutate(seeds, 4711) != mutate(seeds, 4711, seed=1)
    assert len({mutate(seeds, number)[1] for number in range(500)}) > 450


@pytest.mark.parametrize(
    ("name", "verdict"),
    [("hang", "hang"), ("crash", "crash (-6)"), ("noise", "noise"), ("large", "too much memory"), ("fine", "ok")],
)
def test_what_goes_wrong_is_found_and_the_next_is_tried(tmp_path, name, verdict):
    (tmp_path / "bad.py").write_text(BAD)
    worker = Worker(tmp_path, tmp_path / "bad.py")
    try:
        assert worker.try_one(tmp_path / name, seconds=3).verdict == verdict
        assert worker.try_one(tmp_path / "fine", seconds=30).verdict == "ok"
    finally:
        worker.stop()


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (RecursionError(), "traceback"),
        (UnreadablePicture("a.png is bad\nvery bad"), "no clear line"),
        (UnreadablePicture("something is bad"), "no clear line"),
        (UnreadablePicture("a.png is bad"), "refused"),
    ],
)
def test_only_one_line_that_names_the_picture_passes(tmp_path, monkeypatch, error, verdict):
    def fail(path):
        raise error

    monkeypatch.setattr(Picture, "open", fail)
    assert judge(Path("a.png"), tmp_path, "png")[0] == verdict


def test_what_is_left_half_done_is_found(tmp_path):
    path = Picture.from_array(np.zeros((9, 9), np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "out").mkdir()
    for name in ("out.png", ".0123456789abcdef.daguerre-part.png"):
        (tmp_path / "a.jpg").write_bytes(path.read_bytes()[:50])
        (tmp_path / "out" / name).write_bytes(b"half")
        assert judge(tmp_path / "a.jpg", tmp_path / "out", "png")[0] == "half file"
    assert judge(path, tmp_path / "out", "jpg")[0] == "ok"
