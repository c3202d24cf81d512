"""The table of stages in docs/design.md names what is there."""

import re
from pathlib import Path

import pytest

from daguerre.training.recipe import read_recipe
from daguerre.weights.checkpoint import read_header
from daguerre.weights.registry import NETWORKS

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "daguerre"
TABLE = (ROOT / "docs" / "design.md").read_text(encoding="utf-8").split("| stage |")[1].split("\n\n")[0]
ROWS = [re.split(r"\s*\|\s*", line.strip("| ")) for line in TABLE.splitlines()[2:]]


def test_the_table_knows_every_task_folder():
    folders = {path.parent.name for path in (SOURCE / "tasks").glob("*/__init__.py")} - {"scans"}  # it serves others
    assert {row[2].split("/")[0] for row in ROWS} == folders


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_names_what_is_there_and_belongs_together(row):
    _, network, task, trainer, recipe, weights = row
    assert (SOURCE / "networks" / f"{network}.py").is_file()
    assert (SOURCE / "tasks" / f"{task}.py").is_file()
    assert (SOURCE / "training" / "trainers" / f"{trainer}.py").is_file()
    plan = read_recipe(ROOT / "recipes" / f"{recipe}.toml")
    header = read_header(SOURCE / "weights" / "embedded" / f"{weights}.safetensors")
    assert plan.step == trainer
    assert plan.network.name == header.network
    assert NETWORKS[header.network][0] == network
