"""The scripts of docs/scale.md run as printed, with a `daguerre` that only notes its arguments."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from daguerre.cli.main import main

TEXT = (Path(__file__).parents[1] / "docs" / "scale.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(bash|yaml)\n(.*?)```", TEXT, re.DOTALL)
SCRIPTS = [text for kind, text in BLOCKS if kind == "bash"]
(JOB,) = (yaml.safe_load(text) for kind, text in BLOCKS if kind == "yaml")


@pytest.fixture
def noted(tmp_path):
    """Runs a script and gives the arguments with which it calls `daguerre`."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "daguerre"
    program.write_text('#!/bin/sh\nfor word; do printf "%s\\n" "$word"; done > "$NOTES"\n')
    program.chmod(0o755)

    def run(*command, **environment):
        notes = tmp_path / "notes"
        path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
        subprocess.run(command, env=os.environ | {"PATH": path, "NOTES": str(notes)} | environment, check=True)
        return notes.read_text().splitlines()

    return run


def test_the_slurm_script_gives_every_task_its_share(noted):
    (script,) = (text for text in SCRIPTS if "#SBATCH" in text)
    words = noted("bash", "-c", script, SLURM_ARRAY_TASK_ID="3", SLURM_ARRAY_TASK_COUNT="16", SLURM_CPUS_PER_TASK="8")
    assert words == [
        *("restore", "/archive/scans", "-o", "/archive/restored"),
        *("--shard", "3/16", "--workers", "8", "--memory", "15"),
    ]


def test_the_kubernetes_job_gives_every_index_its_share(noted):
    spec = JOB["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    words = noted(*container["command"], *container["args"], JOB_COMPLETION_INDEX="15")
    assert words[:6] == ["restore", "/archive/scans", "-o", "/archive/restored", "--shard", "16/16"]
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 16, 16)
    volumes = {volume["name"] for volume in spec["template"]["spec"]["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda text: text.split("\n")[-2][:40])
def test_every_flag_is_understood(noted, capsys, script, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    words = noted("bash", "-c", script, SLURM_ARRAY_TASK_ID="3", SLURM_ARRAY_TASK_COUNT="16")
    words = ["empty" if "scans" in word else "out" if "restored" in word else word for word in words]
    Path("empty").mkdir()
    assert main(words) == 1
    assert "no pictures in this folder" in capsys.readouterr().err
