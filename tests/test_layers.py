"""The house: imports point down, no two files import each other, rooms stay small, names are unique."""

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import daguerre

SOURCE = Path(daguerre.__file__).parent
TESTS = Path(__file__).parent
FLOORS = [
    ["_lazy", "_version", "errors", "signals"],
    ["progress", "options", "problems", "files"],
    ["config", "devices"],
    ["tiling"],
    ["images"],
    ["degradation"],
    ["networks"],
    ["weights"],
    ["tasks"],
    ["evaluation"],
    ["training"],
    ["archive"],
    ["web"],
    ["cli"],
    ["__main__"],
]
"""What may import only from floors above in this list."""
TASK_FLOORS = [
    ["kwargs", "packet"],
    ["provenance"],
    ["signing"],
    ["saving"],
    ["result"],
    ["faces", "upscaling"],
    ["scans"],
    ["restoration", "stylization"],
    ["registry"],
]
MODULES = 15  # most modules in a folder below tasks/ and training/


def floor_of(part: str, floors: list[list[str]]) -> int:
    found = [number for number, floor in enumerate(floors) if part in floor]
    return found[0] if found else len(floors)


def modules() -> list[Path]:
    return [path for path in sorted(SOURCE.rglob("*.py")) if path != SOURCE / "__init__.py"]


def name_of(path: Path) -> str:
    return ".".join(("daguerre", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__")


NAMES = {name_of(path) for path in modules()}


def imports(source: str) -> Iterator[str]:
    """Modules of daguerre that some code imports, wherever in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "relative imports hide where they lead"
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in NAMES or node.module == "daguerre" else str(node.module) for name in whole]
        else:
            continue
        yield from (name for name in names if name.startswith("daguerre."))


def offences(name: str, source: str) -> list[str]:
    """What code in the module `name` imports although it should not."""
    return [other for other in imports(source) if points_up(name.split(".")[1:], other.split(".")[1:])]


def points_up(mine: list[str], other: list[str]) -> bool:
    if mine[0] != other[0]:
        return floor_of(other[0], FLOORS) >= floor_of(mine[0], FLOORS)
    if mine[0] != "tasks" or mine[1:2] == other[1:2]:
        return False
    return floor_of(other[1], TASK_FLOORS) >= floor_of(mine[1], TASK_FLOORS) < len(TASK_FLOORS)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_down(path):
    assert offences(name_of(path), path.read_text(encoding="utf-8")) == []


def test_every_part_stands_on_a_floor():
    assert {path.relative_to(SOURCE).with_suffix("").parts[0] for path in modules()} == {
        part for floor in FLOORS for part in floor
    }


def test_an_import_that_points_up_would_be_found():
    up = "from daguerre.tasks.upscaling.upscaler import Upscaler"
    assert offences("daguerre.networks.srcnn", f"def f():\n    {up}") == ["daguerre.tasks.upscaling.upscaler"]
    assert offences("daguerre.weights.store", "from daguerre import tasks, errors") == ["daguerre.tasks"]
    assert offences("daguerre.tiling.run", "from daguerre.images import Picture") == ["daguerre.images"]
    assert offences("daguerre.evaluation.upscale", "import daguerre.training.loop") == ["daguerre.training.loop"]
    assert offences("daguerre.training.loop", "from daguerre.evaluation.metrics import psnr") == []
    assert offences("daguerre.tasks.faces.refiner", up) == ["daguerre.tasks.upscaling.upscaler"]


def test_no_two_files_import_each_other():
    reached = {name_of(path): set(imports(path.read_text(encoding="utf-8"))) for path in modules()}
    assert [(one, two) for one in reached for two in reached[one] if one in reached.get(two, ()) and one != two] == []


def test_class_names_are_unique():
    names = Counter(
        node.name
        for path in modules()
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef)
    )
    assert [name for name, times in names.items() if times > 1] == []


@pytest.mark.parametrize("room", ["tasks", "training"])
def test_rooms_stay_small(room):
    folders = Counter(path.parent for path in (SOURCE / room).rglob("*.py") if path.name != "__init__.py")
    assert {folder.name: count for folder, count in folders.items() if count > MODULES} == {}


def test_tests_mirror_the_source():
    """Every module with code has a test file of its name in the same place.

    A test file without a module stands beside the folders that the source has, not in them.
    """
    sources = {path.relative_to(SOURCE) for path in modules() if not without_tests(path)}
    mirrored = {path.with_name(f"test_{path.name.lstrip('_')}") for path in sources}
    tests = {path.relative_to(TESTS) for path in TESTS.rglob("test_*.py")}
    rooms = {path.parts[0] for path in sources if len(path.parts) > 1}
    assert sorted(mirrored - tests) == []
    assert sorted(path for path in tests - mirrored if path.parts[0] in rooms) == []


def without_tests(path: Path) -> bool:
    """Whether a module only gathers names, starts the program, or states the version."""
    return path.stem.startswith("__") or path.stem == "_version"


@pytest.mark.parametrize(
    "code",
    [
        "import daguerre; dir(daguerre)",
        "from daguerre.cli.main import main; main(['--help'])",
        "from daguerre.cli.main import main; main(['upscal'])",
        "import daguerre.archive.manifest",
    ],
)
def test_nothing_heavy_is_imported_before_it_is_needed(code):
    check = "import sys; print([m for m in ('torch', 'numpy', 'pyvips', 'tyro', 'rich') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", f"{code}; {check}"], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("module", ["daguerre.images.resample", "daguerre.training.trainers"])
def test_training_needs_no_libvips(module):
    code = f"import sys, {module}; print('pyvips' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
