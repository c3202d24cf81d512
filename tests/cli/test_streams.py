import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from images.drawn import photo

from daguerre.cli.streams import give_up, printable
from daguerre.images import Picture


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 😀 日本.jpg", "plain é 😀 日本.jpg"),
        ("a\x1b[31m.jpg", r"a\x1b[31m.jpg"),
        ("a\nb\r\tc\0", r"a\nb\r\tc\x00"),
        ("bell\x07 next\x85 csi\x9b", r"bell\x07 next\x85 csi\x9b"),
        ("turned\u202e.gpj", r"turned\u202e.gpj"),
        ("not utf-8 \udcff", r"not utf-8 \xff"),
    ],
)
def test_what_steers_a_terminal_is_spelled_out(text, shown):
    assert printable(text) == shown


def test_a_stream_that_is_no_file_is_left_alone():
    give_up(io.StringIO())


def daguerre(*words, redirected="", **environment):
    """A command as a shell starts it: exit status, standard output, standard error."""
    command = f'exec "$0" -m daguerre "$@" {redirected}'
    environment = {**os.environ, "PYTHONUNBUFFERED": "", **environment}
    done = subprocess.run(
        ["sh", "-c", command, sys.executable, *words], capture_output=True, env=environment, check=False
    )
    return done.returncode, done.stdout, done.stderr.decode().splitlines()


needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")


@pytest.mark.parametrize("redirected", [">&-", "2>&-", "<&- >&- 2>&-", pytest.param("2>/dev/full", marks=needs_full)])
def test_a_result_that_is_saved_counts_wherever_the_terminal_went(desk, redirected):
    Picture.from_array(photo(20, 30)).save("a.png")
    assert daguerre("upscale", "a.png", "--scale", "2", redirected=redirected)[0] == 0
    assert Picture.open("a-2x.png").width == 60


@pytest.mark.parametrize("words", [["--version"], ["models"], ["models", "list", "--json"]])
def test_a_list_that_nobody_wants_is_no_failure_and_one_that_is_lost_is(desk, words):
    assert daguerre(*words, redirected=">&-") == (0, b"", [])
    if Path("/dev/full").exists():
        problem = "daguerre: cannot write to standard output (No space left on device)"
        assert daguerre(*words, redirected=">/dev/full") == (1, b"", [problem])


@needs_full
@pytest.mark.parametrize("words", [["--list"], ["--list", "--json"]])
def test_faces_that_nobody_reads_are_a_failure(desk, words):
    Picture.from_array(photo(20, 30)).save("a.png")
    status, _, lines = daguerre("faces", "a.png", *words, redirected=">/dev/full")
    assert (status, len(lines)) == (1, 1)
    assert "cannot write to standard output (No space left on device)" in lines[0]


def test_an_encoding_that_lacks_a_letter_stops_nothing(desk):
    name = "Größe\udcff.png"
    Picture.from_array(photo(20, 30)).save(name)
    status, out, lines = daguerre("faces", name, "--list", PYTHONIOENCODING="ascii:strict")
    assert (status, out, lines) == (0, b"# Gr\\xf6\\xdfe\\xff.png: no faces\n", [])
    status, _, lines = daguerre("upscale", name, "--scale", "2", PYTHONIOENCODING="ascii:strict")
    assert status == 0
    assert lines[0].startswith(r"Gr\xf6\xdfe\xff-2x.png  60 x 40 pixels")


@pytest.mark.parametrize("columns", ["1", "0", "20", "many"])
def test_a_narrow_terminal_gets_help_too(desk, columns):
    status, out, _ = daguerre("upscale", "--help", COLUMNS=columns)
    assert status == 0
    assert b"--scale" in out


def test_without_a_home_there_are_the_weights_that_ship(desk):
    environment = {name: value for name, value in os.environ.items() if name not in ("HOME", "DAGUERRE_WEIGHTS")}
    done = subprocess.run(
        [sys.executable, "-m", "daguerre", "models"], capture_output=True, env=environment, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"compact-x4" in done.stdout


def test_a_folder_for_temporary_files_must_be_one(desk):
    problem = "daguerre: TMPDIR is /nowhere, no folder that can be written to; set it to one for temporary files"
    assert daguerre("upscale", "a.png", TMPDIR="/nowhere") == (1, b"", [problem])


def test_a_name_in_a_mistyped_command_does_no_harm(desk):
    _, _, lines = daguerre("upscale", "--x\x1b[31m")
    assert "\x1b" not in "".join(lines)
    assert r"--x\x1b[31m" in "".join(lines)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems set no such limit")
def test_too_little_memory_is_told_before_libraries_end_the_program(desk):
    done = subprocess.run(
        ["sh", "-c", f"ulimit -v 400000; {sys.executable} -m daguerre upscale a.png"], capture_output=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == (
        b"daguerre: only 390 MiB of memory may be used (`ulimit -v`), but 700 are needed, more for large pictures; "
        b"allow more\n"
    )
