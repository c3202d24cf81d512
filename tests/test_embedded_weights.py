"""The weights that ship: light, and made as their recipes say."""

from pathlib import Path

import pytest

from daguerre.training.recipe import parse_recipe, read_recipe
from daguerre.weights.checkpoint import read_header
from daguerre.weights.store import EMBEDDED

RECIPES = Path(__file__).parents[1] / "recipes"
FILES = sorted(EMBEDDED.glob("*.safetensors"))
MEBIBYTE = 2**20
MOST = {"upscale": 15, "restore": 15, "faces": 5, "find-faces": 1, "stylize": 5, "features": 10}
RESTORING = ("restore", "scratches", "check-damage", "stains", "texture", "tone")


def test_they_are_light():
    sizes = dict.fromkeys(MOST, 0)
    for path in FILES:
        task = read_header(path).task
        sizes["restore" if task in RESTORING else task] += path.stat().st_size
    assert all(size <= MOST[task] * MEBIBYTE for task, size in sizes.items()), sizes
    assert sum(sizes.values()) <= 44 * MEBIBYTE


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_header_holds_the_recipe_that_lies_beside_the_code(path):
    header = read_header(path)
    plan = read_recipe(RECIPES / f"{path.stem}.toml")
    beside, inside = plan.as_dict(), parse_recipe(header.recipe).as_dict()
    if (inside["init"] or {}).get("weights") == path.stem:  # they went on from those before, which the head tells
        assert "on from weights that shipped before" in header.source
        beside["init"] = inside["init"]
    del inside["header"], beside["header"]
    assert {key: value for key, value in inside.items() if value != beside[key]} == {}
    assert header.note == plan.header.note
    assert header.scores
    assert header.licence
