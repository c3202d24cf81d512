"""How Daguerre gets to people: the wheel, the container, what pyproject.toml promises."""

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LARGEST = 60_000_000  # bytes of the wheel


def instructions():
    """The container's instructions: (name, rest), lines joined, comments left out."""
    text = re.sub(r"\\\n\s*", "", (ROOT / "Containerfile").read_text(encoding="utf-8"))
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines)]


def test_the_container_runs_without_root_and_names_what_it_takes():
    told = instructions()
    known = {"FROM", "RUN", "COPY", "USER", "ENV", "WORKDIR", "ENTRYPOINT", "CMD"}
    assert {name for name, _ in told} <= known
    last = told[max(number for number, (name, _) in enumerate(told) if name == "FROM") :]
    (user,) = [rest for name, rest in last if name == "USER"]
    assert user not in ("root", "0")
    assert [name for name, _ in last].index("USER") < [name for name, _ in last].index("ENTRYPOINT")
    for name, rest in told:
        if name == "FROM":
            assert re.search(r":[\w.-]+", rest), "an image has its tag"
            assert ":latest" not in rest
        if name in ("ENTRYPOINT", "CMD"):
            assert isinstance(json.loads(rest), list), "no shell in between"
        if name == "COPY" and "--from" not in rest:
            assert all((ROOT / source).exists() for source in rest.split()[:-1])
        assert "--no-cache" in rest or "pip install" not in rest
        assert "ADD" not in name


def test_versions_of_python_that_are_promised_are_those_that_are_asked_for():
    promised = [entry.rpartition(" ")[2] for entry in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", entry)]
    assert promised[0] == PROJECT["requires-python"].removeprefix(">=")


@pytest.mark.slow
def test_the_wheel_is_small_and_its_first_command_runs_from_an_empty_folder(tmp_path):
    """Built as anybody would; its dependencies are those of this environment, for they are not what is tried."""
    run = {"check": True, "capture_output": True, "text": True, "timeout": 600}
    subprocess.run([sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", tmp_path, ROOT], **run)
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.stat().st_size < LARGEST
    names = zipfile.ZipFile(wheel).namelist()
    assert "daguerre/weights/embedded/tone.safetensors" in names
    assert not [name for name in names if name.startswith(("tests", "benchmarks"))]
    home = tmp_path / "home"
    subprocess.run([sys.executable, "-m", "pip", "install", "--no-deps", "--target", home, wheel], **run)
    nowhere = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "PYTHONPATH": str(home)}
    command = [sys.executable, "-m", "daguerre", "restore", ROOT / "examples" / "small.jpg", "-o", tmp_path / "new.jpg"]
    subprocess.run(command, cwd=tmp_path, env=os.environ | nowhere, **run)
    assert (tmp_path / "new.jpg").exists()
