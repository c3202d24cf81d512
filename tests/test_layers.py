"""Imports point down, and what is heavy is imported when it is needed."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import daguerre

SOURCE = Path(daguerre.__file__).parent
LAYERS = [
    {"errors", "files", "options", "progress", "tables", "_version"},
    {"images", "tiling", "devices"},
    {"networks"},
    {"weights"},
    {"tasks", "training", "evaluation"},
    {"batch"},
    {"cli", "web"},
    {"__main__"},
]
ALLOWED = {
    ("images", "daguerre.tiling.windows"),
    ("files", "daguerre.errors"),
    ("options", "daguerre.errors"),
    ("tables", "daguerre.errors"),
    ("tables", "daguerre.options"),
    ("training", "daguerre.evaluation.metrics"),
    # Faces are trained on what restoring leaves, shown as refining sees it; nothing else in training may need libvips.
    ("training", "daguerre.tasks.faces.detection"),
    ("training", "daguerre.tasks.faces.crops"),
    ("training", "daguerre.tasks.faces.refiner"),
    ("training", "daguerre.tasks.restoration.restorer"),
    ("evaluation", "daguerre.tasks"),
    ("evaluation", "daguerre.degradation.aging"),
}


def rank(part: str) -> int:
    (found,) = [number for number, layer in enumerate(LAYERS) if part in layer]
    return found


def imports(source: str) -> Iterator[str]:
    """Modules of daguerre that some code imports, wherever in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "relative imports hide where they lead"
            names = [f"daguerre.{alias.name}" for alias in node.names] if node.module == "daguerre" else [node.module]
        else:
            continue
        yield from (name for name in names if name and name.startswith("daguerre."))


def offences(part: str, source: str) -> list[str]:
    """What code in a part of the package imports although it should not."""
    return [
        name
        for name in imports(source)
        if (other := name.split(".")[1]) != part
        and rank(other) >= rank(part)
        and not any(part == a and (name == b or name.startswith(f"{b}.")) for a, b in ALLOWED)
    ]


def modules() -> list[Path]:
    return [path for path in sorted(SOURCE.rglob("*.py")) if path != SOURCE / "__init__.py"]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_down(path):
    part = path.relative_to(SOURCE).with_suffix("").parts[0]
    assert offences(part, path.read_text(encoding="utf-8")) == []


def test_an_import_that_points_up_would_be_found():
    assert offences("networks", "def f():\n    from daguerre.tasks.upscaling.upscaler import Upscaler") == [
        "daguerre.tasks.upscaling.upscaler"
    ]
    assert offences("weights", "from daguerre import tasks, errors") == ["daguerre.tasks"]
    assert offences("tiling", "from daguerre.images import Picture") == ["daguerre.images"]
    assert offences("training", "import daguerre.evaluation.upscale") == ["daguerre.evaluation.upscale"]
    assert offences("training", "from daguerre.evaluation.metrics import psnr") == []


@pytest.mark.parametrize(
    "code",
    [
        "import daguerre; dir(daguerre)",
        "from daguerre.cli.main import main; main(['--help'])",
        "from daguerre.cli.main import main; main(['upscal'])",
    ],
)
def test_nothing_heavy_is_imported_before_it_is_needed(code):
    check = "import sys; print([m for m in ('torch', 'numpy', 'pyvips', 'tyro', 'rich') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", f"{code}; {check}"], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_resampling_needs_no_libvips():
    """Training resamples on computers that have none."""
    code = "import sys, daguerre.images.resample; print('pyvips' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
