"""The README's commands and its Python run as printed."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from daguerre.cli.main import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)
# A command ends where its explanation begins, after two spaces or more; `pip install … &&` is the machine's affair.
COMMANDS = [
    re.split(r"\s{2,}", line.split("&& ")[-1])[0]
    for kind, block in BLOCKS
    if kind == ""
    for line in block.splitlines()
    if "daguerre " in line
]
PYTHON = [block for kind, block in BLOCKS if kind == "python"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with what the README's commands name."""
    (tmp_path / "scans").mkdir()
    (tmp_path / "examples").mkdir()
    for name in ("painting.jpg", "wave.jpg", "mosaic.jpg"):
        shutil.copy(ROOT / "examples" / "coffee.jpg", tmp_path / name)
    for name in ("old.jpg", "mask.png", "examples/old.jpg"):
        shutil.copy(ROOT / "examples" / "small.jpg", tmp_path / name)
    for name in ("photo.jpg", "scans/one.jpg", "scans/two.jpg", "examples/small.jpg"):
        shutil.copy(ROOT / "examples" / "small.jpg", tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def smaller(words):
    """The same command with a size, and steps, that take a moment, not minutes."""
    quick = [{"6000": "200", "1,10,50,300": "1,2"}.get(word, word) for word in words]
    return [*quick, "--steps", "2"] if "optimize" in words else quick


def test_there_are_commands_and_python_to_try():
    assert len(COMMANDS) >= 5
    assert PYTHON


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_readme_runs_as_printed(command, folder):
    before = set(folder.rglob("*"))
    words = smaller(shlex.split(command))
    assert words[0] == "daguerre"
    (folder / "mask.png").unlink() if "--mask-out" in words else None
    assert main(words[1:]) == 0
    assert set(folder.rglob("*")) > before, "it should have written something"


@pytest.mark.parametrize("block", PYTHON)
def test_the_python_of_the_readme_runs_as_printed(block, folder):
    exec(compile(block.replace("6000", "200"), "README.md", "exec"), {})
    assert (folder / "photo-large.jpg").is_file()


def test_every_link_of_the_readme_to_a_file_leads_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("https://") or (ROOT / target).exists(), target
