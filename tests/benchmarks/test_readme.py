"""Benchmarks keep up with the package that they measure, and benchmarks/README.md lists them."""

import importlib
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
BENCHMARKS = [path for room in ("quality", "speed") for path in sorted((FOLDER / room).glob("[!_]*.py"))]


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_a_benchmark_can_be_imported_and_is_listed(path):
    module = importlib.import_module(f"benchmarks.{path.parent.name}.{path.stem}")
    assert callable(module.main)
    assert f"python -m {module.__name__}" in module.__doc__
    assert f"| `{path.stem}` |" in (FOLDER / "README.md").read_text()
