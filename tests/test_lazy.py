import os
import subprocess
import sys
from pathlib import Path

import pytest

import daguerre
from daguerre._lazy import names_in, on_demand

SOURCE = """
from typing import TYPE_CHECKING
import os
from daguerre.errors import DataError
if TYPE_CHECKING:
    from daguerre.errors import Cancelled as Cancelled
    from daguerre.progress import Progress as Progress, silent as silent
if os.name == "nt":
    from daguerre.errors import OptionError
"""


def test_names_are_those_imported_for_type_checkers():
    progress = "daguerre.progress"
    assert names_in(SOURCE) == {"Cancelled": "daguerre.errors", "Progress": progress, "silent": progress}


def test_a_package_without_its_source_says_so(monkeypatch):
    monkeypatch.setattr("daguerre.images.__spec__.loader", None)
    get, _ = on_demand("daguerre.images")
    with pytest.raises(ImportError, match=r"the source file of daguerre\.images is missing"):
        get("Picture")


def test_all_names_may_be_imported_at_once():
    code = "from daguerre import *; print(Cancelled.__name__, records_of.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "Cancelled records_of\n"


CALLS = """
import daguerre
from pathlib import Path

daguerre.upscale("a.jpg", scale=2, precision="float32").save("b.jpg")
daguerre.stylize(b"", [Path("a.jpg"), daguerre.StyleVector(values=(1.0,))], strength=0.5)
daguerre.Pipeline(daguerre.Restorer(blur="off"), daguerre.UpscaleOptions(scale=2))("a.jpg", on_stage=print)
reveal_type(daguerre.Upscaler(clean=True)("a.jpg").agreement)
reveal_type(daguerre.load_model)
daguerre.upscale("a.jpg", scael=2)
daguerre.restore("a.jpg", faces="perhaps")
daguerre.upscale(["a.jpg"])
daguerre.downscale
"""


@pytest.mark.slow
def test_type_checkers_know_names_and_options(tmp_path):
    (tmp_path / "calls.py").write_text(CALLS, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "calls.py"]
    source = {"MYPYPATH": str(Path(daguerre.__file__).parents[1])}
    done = subprocess.run(command, cwd=tmp_path, env=os.environ | source, capture_output=True, text=True, check=False)
    found = [line for line in done.stdout.splitlines() if line.startswith("calls.py") and ": note: (" not in line]
    lines = {int(line.split(":")[1]) for line in found if ": error:" in line}
    assert lines == {10, 11, 12, 13}, done.stdout
    assert 'Revealed type is "float"' in done.stdout.replace("builtins.", "")
    assert "weights.model." in done.stdout
