import io
from dataclasses import dataclass
from pathlib import Path

import pytest

from daguerre.cli.main import main


@dataclass(frozen=True)
class Ran:
    """What a command left behind: its exit status, and what it printed."""

    status: int
    out: str
    err: str

    @property
    def lines(self):
        return self.err.splitlines()


@pytest.fixture
def run(desk, capsys, monkeypatch):
    """Run a command in an empty folder, as a program of 80 columns would."""
    monkeypatch.setenv("COLUMNS", "80")

    def run(*words):
        capsys.readouterr()
        try:
            status = main([str(word) for word in words])
        except SystemExit as stop:
            status = stop.code
        return Ran(status, *capsys.readouterr())

    return run


@pytest.fixture
def piped(monkeypatch):
    """Let standard input be some bytes."""

    def piped(content):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))

    return piped


@pytest.fixture
def album(tmp_path, monkeypatch):
    """A folder to work in, in which are empty files with the names of pictures."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.jpg", "album/b.PNG", "album/deep/c.heic", "album/.hidden.jpg", "album/notes.txt", "other/b.png"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    Path("bare").mkdir()
    return tmp_path
