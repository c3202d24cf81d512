import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from daguerre import weights
from daguerre.archive.manifest import Manifest, State
from daguerre.archive.plan import Reason, Wanted, enter, plan
from daguerre.archive.runner import Here, work_through
from daguerre.archive.work import Work
from daguerre.images import Picture
from daguerre.tasks.upscaling.upscaler import UpscaleOptions

OUT = Path("out")
WORK = Work(steps=(UpscaleOptions(model="small-x2", scale=2, device="cpu"),))
OTHER = Work(steps=(UpscaleOptions(model="small-x2", scale=3, device="cpu"),))


@pytest.fixture
def manifest(desk):
    """Of two pictures that are done: a.png and b.png."""
    draw("a.png", 0)
    draw("b.png", 1)
    manifest = Manifest(OUT)
    made = planned(manifest, WORK)
    assert made.reasons() == {Reason.NEW: 2}
    do(manifest, made)
    assert manifest.counts()[State.DONE] == 2
    return manifest


def draw(name, seed):
    levels = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    Picture.from_array(levels).save(name, overwrite=True)
    os.utime(name, (1_000_000, 1_000_000 + seed))  # long ago


def planned(manifest, work, names=("a.png", "b.png"), **how):
    return plan(OUT, manifest.rows(), [Wanted(Path(name), name, work) for name in names], **how)


def do(manifest, made):
    work_through(manifest, iter(enter(manifest, made)), Here())


def todo(manifest, work=WORK):
    return [(one.target, reason.value) for one, reason in planned(manifest, work).todo]


def test_what_is_done_is_not_done_again_nor_read(manifest, monkeypatch):
    monkeypatch.setattr("daguerre.archive.plan.sha256_of", lambda path: pytest.fail(f"{path} was read"))
    monkeypatch.setattr("daguerre.archive.plan.stamp", lambda path: pytest.fail(f"{path} was read"))
    for row in manifest.rows():  # results were made a moment ago, so their time says nothing yet
        manifest.set(row.id, result_mtime_ns=(OUT / row.target).stat().st_mtime_ns)
    made = planned(manifest, WORK)
    assert (made.todo, made.kept, len(made.current)) == ([], [], 2)


def test_a_picture_that_changed_is_done_again_and_one_with_a_new_time_is_not(manifest):
    draw("a.png", 7)
    os.utime("b.png")
    assert todo(manifest) == [("a.png", "picture changed")]
    do(manifest, planned(manifest, WORK))
    assert todo(manifest) == []
    assert manifest.row_of("b.png").input.size == Path("b.png").stat().st_size


def test_a_picture_that_moved_is_known_at_its_new_place(manifest):
    shutil.move("a.png", "moved.png")
    one = Wanted(Path("moved.png"), "a.png", WORK)
    enter(manifest, plan(OUT, manifest.rows(), [one]))
    assert manifest.row_of("a.png").source == str(Path("moved.png").absolute())
    assert manifest.row_of("a.png").state is State.DONE


def test_other_options_and_other_networks_make_all_anew(manifest, desk):
    assert todo(manifest, OTHER) == [("a.png", "options changed"), ("b.png", "options changed")]
    assert todo(manifest) == []
    shutil.copy(weights.find("compact-x2"), weights.find("small-x2"))
    assert todo(manifest) == [("a.png", "networks changed"), ("b.png", "networks changed")]


def test_a_result_that_is_gone_is_made_again_and_a_failure_tried_again(manifest):
    (OUT / "a.png").unlink()
    manifest.fail(manifest.row_of("b.png").id, "no room left")
    assert todo(manifest) == [("a.png", "result gone"), ("b.png", "not finished")]
    do(manifest, planned(manifest, WORK))
    assert todo(manifest) == []


def test_what_was_not_made_here_or_was_changed_by_hand_stays(manifest):
    (OUT / "a.png").write_bytes(b"retouched")
    (OUT / "c.png").write_bytes(b"somebody else's")
    names = ("a.png", "b.png", "c.png")
    for work in (WORK, OTHER):
        made = planned(manifest, work, names)
        assert [(one.target, reason.partition(";")[0]) for one, reason in made.kept] == [
            ("a.png", "it was changed since it was made here"),
            ("c.png", "there was a file of this name already, which was not made here"),
        ]
        enter(manifest, made)
    assert manifest.counts()[State.KEPT] == 2
    assert (OUT / "c.png").read_bytes() == b"somebody else's"
    assert planned(manifest, WORK, names, overwrite=True).reasons() == {Reason.ASKED: 3}
    do(manifest, planned(manifest, WORK, names[:1], overwrite=True))
    assert Picture.open(OUT / "a.png").width == 32


def test_a_result_whose_making_was_cut_short_is_made_again(manifest):
    number = manifest.row_of("a.png").id
    manifest.add(Path("a.png"), "a.png", OTHER)
    assert todo(manifest) == [("a.png", "not finished")]
    manifest.begin(number)
    (OUT / "a.png").write_bytes(b"finished, but the process ended before it could say so")
    assert todo(manifest) == [("a.png", "not finished")]


def test_planning_writes_nothing(desk):
    draw("a.png", 0)
    made = plan(OUT, [], [Wanted(Path("a.png"), "a.png", WORK)])
    assert made.reasons() == {Reason.NEW: 1}
    assert not OUT.exists()
