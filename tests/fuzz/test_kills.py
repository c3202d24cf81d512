"""Some kills in every run of the tests, and that their judge can find fault."""

import signal
import sys

import pytest
from fuzz.kills import COMMANDS, Desk, Verdict, judge, judge_next_run, try_kills

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="has no such signals")

WANTED = {"out/a.png": "the digest of the whole"}


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def faults(desk, number=signal.SIGTERM, status=143, said="daguerre: stopped"):
    verdict = Verdict("upscale", number.name)
    judge(desk, COMMANDS["upscale"], number, status, said, WANTED, verdict)
    return verdict.faults


def test_nothing_is_lost_wherever_a_command_is_stopped(tmp_path):
    verdicts = list(try_kills(["upscale"], 8, tmp_path))
    assert {verdict.signal for verdict in verdicts} == {"SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"}
    assert [verdict.faults for verdict in verdicts] == [[]] * 8


@pytest.mark.parametrize("status", [143, 0, -signal.SIGTERM])
def test_what_ends_as_it_should_passes(desk, status):
    assert faults(desk, status=status) == []


@pytest.mark.parametrize("status", [1, 134, -signal.SIGSEGV])
def test_a_wrong_exit_status_is_found(desk, status):
    assert faults(desk, status=status) == [f"ended with {status}: daguerre: stopped"]


def test_a_changed_input_is_found(desk):
    (desk.folder / "album" / "a.jpg").write_bytes(b"half")
    assert faults(desk) == ["an input has changed"]


def test_a_half_result_and_an_unknown_one_are_found(desk):
    for name in ("a.png", "b.png"):
        (desk.folder / "out" / name).write_bytes(b"half")
    assert faults(desk, signal.SIGKILL, -9) == ["half a file out/a.png", "unknown result out/b.png"]


def test_leftovers_are_found_unless_nothing_could_be_done(desk):
    (desk.folder / "out" / ".0123456789abcdef.daguerre-part.png").touch()
    (desk.temporary / "daguerre-passing-x").mkdir()
    assert len(desk.leftovers()) == 2
    (fault,) = faults(desk)
    assert fault.startswith("left behind: ['out/.0123456789abcdef.daguerre-part.png', 'daguerre-passing-x']")
    assert faults(desk, signal.SIGKILL, -9) == []


def test_a_traceback_is_found(desk):
    assert len(faults(desk, said="Traceback (most recent call last)")) == 1


def test_a_next_run_that_makes_something_else_is_found(desk):
    verdict = Verdict("upscale", "SIGKILL")
    judge_next_run(desk, COMMANDS["upscale"], WANTED, verdict)
    assert verdict.faults == ["the next run makes another out/a.png"]
