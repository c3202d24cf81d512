import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from daguerre import __version__
from daguerre.cli import main as module
from daguerre.errors import DeviceError

HELPS = [
    [],
    ["models"],
    ["evaluate"],
    ["evaluate", "upscale"],
    *(["models", name] for name in ("list", "show", "fetch", "import", "verify")),
    *([name] for name in module.COMMANDS if name not in ("models", "evaluate")),
]


@pytest.fixture
def command(monkeypatch):
    """Make `daguerre upscale` do something else."""

    def become(action):
        stand_in = SimpleNamespace(run=action)
        monkeypatch.setattr(module.importlib, "import_module", lambda name: stand_in)

    return become


@pytest.mark.parametrize("words", HELPS, ids=" ".join)
def test_every_command_explains_itself_within_80_columns(run, words):
    ran = run(*words, "--help")
    assert (ran.status, ran.err) == (0, "")
    assert f"usage: {' '.join(['daguerre', *words])}" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80
    assert "\n\n\n" not in ran.out


def test_the_help_names_every_command_that_there_is(run):
    ran = run("--help")
    modules = {path.stem for path in Path(module.__file__).parent.glob("*.py")}
    assert set(module.COMMANDS) <= modules
    for name, line in module.COMMANDS.items():
        assert f"  {name:<10} {line}\n" in ran.out


def test_without_a_word_the_help_is_shown_but_nothing_was_done(run):
    ran = run()
    assert (ran.status, ran.out) == (2, run("--help").out)


def test_the_version_is_printed(run):
    assert run("--version").out == f"daguerre {__version__}\n"


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("upscal", "; did you mean `daguerre upscale`?"),
        ("photo.jpg", "; did you mean `daguerre upscale photo.jpg`?"),
        ("xyzzy", "; `daguerre --help` lists the commands"),
    ],
)
def test_an_unknown_command_is_answered_with_what_may_be_meant(run, desk, word, hint):
    (desk / "photo.jpg").touch()
    ran = run(word)
    assert (ran.status, ran.out, ran.lines) == (2, "", [f"daguerre: no command {word!r}{hint}"])


def test_what_goes_wrong_is_one_line(run, command):
    def fail(words):
        raise DeviceError("the device is on fire")

    command(fail)
    assert (run("upscale").status, run("upscale").err) == (1, "daguerre: the device is on fire\n")


def test_a_command_gets_its_words_and_gives_the_exit_status(run, command):
    command(lambda words: len(words))
    assert run("upscale", "a", "--b", "c").status == 3


def test_ctrl_c_is_no_traceback(run, command):
    def stop(words):
        raise KeyboardInterrupt

    command(stop)
    ran = run("upscale")
    assert (ran.status, ran.err) == (130, "daguerre: stopped; nothing half-made was left behind\n")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_a_signal_to_end_is_heard_as_ctrl_c_is(run, command, number, status):
    command(lambda words: signal.raise_signal(number))
    ran = run("upscale")
    assert (ran.status, ran.err) == (status, "daguerre: stopped; nothing half-made was left behind\n")


def test_what_was_not_foreseen_is_one_line_and_shows_where_only_when_asked(run, command, caplog):
    def stumble(words):
        raise ZeroDivisionError("division by zero")

    command(stumble)
    line = "daguerre: unforeseen: ZeroDivisionError: division by zero; --debug shows where; please report it"
    assert (run("upscale").status, run("upscale").lines) == (1, [line])
    assert caplog.text == ""
    assert run("upscale", "--debug").lines == [line]
    assert "in stumble" in caplog.text


def test_memory_that_is_lacking_is_told(run, command):
    def grow(words):
        raise MemoryError

    command(grow)
    assert run("upscale").lines[0].startswith("daguerre: there is not enough memory for this")


def test_a_zero_byte_is_no_part_of_a_name(run):
    assert run("upscale", "a\0.png").lines == ["daguerre: no name or value can hold a zero byte"]


@pytest.mark.parametrize("words", [["--help"], ["models"], ["models", "list", "--json"]])
def test_a_reader_that_goes_away_is_no_error(desk, words):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-m", "daguerre", *words], stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")
