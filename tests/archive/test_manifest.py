import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from daguerre.archive.manifest import FOLDER, Manifest, Outcome, Shard, Stamp, State
from daguerre.archive.work import Work
from daguerre.errors import ArchiveError
from daguerre.tasks.upscaling.upscaler import UpscaleOptions

TWICE, THRICE = (Work(steps=(UpscaleOptions(scale=scale),)) for scale in (2.0, 3.0))
REPORT = {"width": 4, "height": 3, "steps": [{"task": "upscale", "measured": {}, "found": {}}]}


@pytest.fixture
def manifest(tmp_path):
    return Manifest(tmp_path / "out")


def outcome(digest="0" * 64, **changes):
    said = {"report": REPORT | {"networks": {"compact-x2": "1" * 64}}, "work_key": TWICE.key, "seconds": 1.5}
    stamps = {"source": Stamp(digest, 10, 1000), "result": Stamp("2" * 64, 20, None)}
    return Outcome(**(said | stamps | changes))


def test_a_row_goes_from_waiting_to_done_and_everything_is_known_of_it(manifest):
    number = manifest.add(Path("/scans/a.jpg"), "deep/a-2x.jpg", TWICE)
    row = manifest.row(number)
    assert (row.source, row.target, row.state) == (str(Path("/scans/a.jpg").absolute()), "deep/a-2x.jpg", "waiting")
    assert row.work == TWICE
    assert (row.report, row.input, row.result, row.networks) == (None, None, None, {})
    manifest.begin(number)
    assert manifest.row(number).state is State.RUNNING
    manifest.finish(number, outcome(warnings=["pale"]))
    row = Manifest(manifest.folder).row_of("deep/a-2x.jpg")
    assert (row.id, row.state, row.attempts, row.seconds, row.warnings) == (number, "done", 1, 1.5, ("pale",))
    assert (row.report, row.networks) == (REPORT, {"compact-x2": "1" * 64})
    assert (row.input, row.result) == (Stamp("0" * 64, 10, 1000), Stamp("2" * 64, 20, None))
    assert (row.work_key, row.error) == (TWICE.key, None)


def test_rows_have_options_of_their_own_and_those_of_a_target_may_change(manifest):
    first = manifest.add("s3://bucket/a.jpg", "a.jpg", TWICE)
    manifest.add("/b.jpg", "b.jpg", THRICE)
    manifest.fail(first, "torn")
    assert manifest.add("/c.jpg", "a.jpg", THRICE) == first
    row = manifest.row(first)
    assert (row.source, row.work, row.state, row.error) == ("/c.jpg", THRICE, State.WAITING, None)


def test_failed_kept_and_cancelled_rows_say_why_and_can_wait_again(manifest):
    numbers = manifest.add_all([(f"/{name}", name, TWICE) for name in "abc"])
    manifest.fail(numbers[0], "it is torn", seconds=0.5)
    manifest.keep(numbers[1], "somebody else's")
    manifest.cancel(numbers[2])
    assert [row.error for row in manifest.rows()] == ["it is torn", "somebody else's", None]
    assert manifest.counts() == {"waiting": 0, "running": 0, "done": 0, "failed": 1, "cancelled": 1, "kept": 1}
    manifest.wait(numbers[0])
    assert [row.id for row in manifest.rows(State.WAITING, State.CANCELLED)] == [numbers[0], numbers[2]]


def test_the_queue_is_in_order_and_the_order_can_be_changed(manifest):
    a, b, c, d = manifest.add_all([(f"/{name}", name, TWICE) for name in "abcd"])
    assert manifest.next().id == a
    manifest.move(d, before=b)
    manifest.move(c)
    assert [row.id for row in manifest.rows()] == [c, a, d, b]
    manifest.move(b, before=c)
    assert manifest.next().id == b
    manifest.remove(b)
    assert [row.target for row in manifest.rows(limit=2, offset=1)] == ["a", "d"]
    with pytest.raises(KeyError):
        manifest.row(b)


def test_what_was_running_when_all_ended_waits_again(manifest):
    number = manifest.add("/a", "a", TWICE)
    manifest.begin(number)
    with Manifest(manifest.folder).held():
        assert manifest.row(number).state is State.WAITING


def test_two_cannot_work_on_one_manifest_but_on_two_shares(manifest):
    with manifest.held():
        with pytest.raises(ArchiveError, match=r"another run works on .*--shard"), Manifest(manifest.folder).held():
            pass
        with Manifest(manifest.folder, Shard(1, 2)).held():
            pass
    with Manifest(manifest.folder).held():
        pass


def test_the_lock_of_a_process_that_was_killed_is_free(manifest):
    code = (
        "import os, sys, pathlib; from daguerre.archive.manifest import Manifest\n"
        "m = Manifest(pathlib.Path(sys.argv[1]))\n"
        "with m.held(): os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code, manifest.folder]).returncode == -9
    with manifest.held():
        pass


def test_a_process_killed_in_the_middle_of_a_change_leaves_all_before_it(manifest):
    manifest.add("/a", "a", TWICE)
    code = (
        "import os, sys, sqlite3\n"
        "d = sqlite3.connect(sys.argv[1], isolation_level=None); d.execute('PRAGMA cache_size = 1')\n"
        "d.execute('BEGIN IMMEDIATE'); d.execute('UPDATE results SET state = \"torn\", error = hex(zeroblob(99999))')\n"
        "print(os.path.getsize(sys.argv[1] + '-journal')); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, manifest.path], capture_output=True)
    assert Path(f"{manifest.path}-journal").exists()
    assert [row.state for row in Manifest.all_rows(manifest.folder)] == [State.WAITING]
    assert manifest.next().target == "a"


def test_names_that_are_no_text_are_kept(manifest):
    name = os.fsdecode(b"caf\xe9.jpg")
    number = manifest.add(Path("/") / name, Path("deep") / name, TWICE)
    assert (manifest.row(number).source, manifest.row_of(Path("deep") / name).target) == (f"/{name}", f"deep/{name}")


def test_threads_may_share_a_manifest(manifest):
    numbers = manifest.add_all([(f"/{name}", f"{name}", TWICE) for name in range(40)])

    def finish(part):
        for number in part:
            manifest.begin(number)
            manifest.finish(number, outcome())

    threads = [threading.Thread(target=finish, args=(numbers[start::4],)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert manifest.counts()[State.DONE] == 40


def test_shares_are_read_as_one_and_the_latest_counts(manifest):
    one, two = (Manifest(manifest.folder, Shard(index, 2)) for index in (1, 2))
    manifest.fail(manifest.add("/a", "a", TWICE), "torn")
    one.finish(one.add("/a", "a", TWICE), outcome())
    two.add("/b", "b", TWICE)
    manifest.add("/c", "c", TWICE)
    two.add("/a", "a", TWICE)  # waits, which says less than what was done
    assert [path.name for path in Manifest.files(manifest.folder)] == [
        "manifest-00001-of-00002.sqlite",
        "manifest-00002-of-00002.sqlite",
        "manifest.sqlite",
    ]
    rows = Manifest.all_rows(manifest.folder)
    assert [(row.target, row.state.value) for row in rows] == [("a", "done"), ("b", "waiting"), ("c", "waiting")]
    assert [row.target for row in Manifest.all_rows(manifest.folder, State.DONE)] == ["a"]


def test_a_share_takes_over_what_another_has_done(manifest):
    one = Manifest(manifest.folder, Shard(1, 2))
    manifest.finish(manifest.add("/a", "a", THRICE), outcome(warnings=["pale"]))
    manifest.add("/b", "b", TWICE)
    one.add("/b", "b", THRICE)
    one.adopt(manifest.rows())
    a, b = one.row_of("a"), one.row_of("b")
    same = {name: getattr(a, name) for name in ("state", "report", "networks", "input", "result", "work", "warnings")}
    assert same == {name: getattr(manifest.row_of("a"), name) for name in same}
    assert b.work == THRICE
    assert [row.target for row in one.done_elsewhere()] == ["a"]
    two = Manifest(manifest.folder, Shard(2, 2))
    assert [row.target for row in two.done_elsewhere()] == ["a"], "shares of one division have nothing in common"
    assert manifest.done_elsewhere()[0].target == "a"


def test_a_confirmed_row_has_the_new_name_and_time(manifest):
    number = manifest.add("/a", "a", TWICE)
    manifest.finish(number, outcome())
    manifest.confirm(number, source="/elsewhere/a", input=Stamp("0" * 64, 10, 2000))
    row = manifest.row(number)
    assert (row.state, row.source, row.input.mtime_ns) == (State.DONE, "/elsewhere/a", 2000)


def test_a_stamp_matches_the_file_of_its_size_and_time(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    found = path.stat()
    assert Stamp("", 3, found.st_mtime_ns).matches(found)
    assert not Stamp("", 4, found.st_mtime_ns).matches(found)
    assert not Stamp("", 3, found.st_mtime_ns + 1).matches(found)
    assert not Stamp("", 3, None).matches(found)


def test_what_is_no_manifest_is_told_in_a_line(tmp_path, manifest):
    with pytest.raises(ArchiveError, match="has no manifest; `daguerre run"):
        Manifest.all_rows(tmp_path)
    with sqlite3.connect(manifest.path) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(ArchiveError, match="newer daguerre"):
        Manifest(manifest.folder)
    (tmp_path / "bad" / FOLDER).mkdir(parents=True)
    (tmp_path / "bad" / FOLDER / "manifest.sqlite").write_bytes(b"no database, but long enough to be one" * 99)
    for use in (Manifest, Manifest.all_rows):
        with pytest.raises(ArchiveError, match=r"the manifest .*move it away"):
            use(tmp_path / "bad")
    (tmp_path / "file").touch()
    with pytest.raises(ArchiveError, match="cannot make the folder"):
        Manifest(tmp_path / "file")
