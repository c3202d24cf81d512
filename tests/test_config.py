import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from daguerre.config import build, read_table
from daguerre.errors import RecipeError


@dataclass(frozen=True, kw_only=True)
class Tea:
    pots: tuple[Path, ...] = ()
    note: Path | None = None


def test_texts_become_paths_where_paths_are_wanted():
    assert build(Tea, {"pots": ["a", "b/c"], "note": "d"}, "") == Tea(pots=(Path("a"), Path("b/c")), note=Path("d"))


def test_what_is_no_path_is_named_with_where_it_stands():
    with pytest.raises(RecipeError, match=r"^tea\.note is 3; it must be a path$"):
        build(Tea, {"note": 3}, "tea.")


def test_a_file_that_is_not_toml_is_named(tmp_path):
    (tmp_path / "bad.toml").write_bytes(b"\xff")
    with pytest.raises(RecipeError, match=r"cannot read the recipe .*bad\.toml"):
        read_table(tmp_path / "bad.toml")


@pytest.mark.parametrize("text", ["a=" + "[" * 100_000, "a=" + "{x=" * 50_000], ids=["lists", "tables"])
def test_a_file_that_is_nested_too_deeply_is_named(tmp_path, text):
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(RecipeError, match=r"cannot read the recipe '.*a\.toml': it is nested too deeply"):
        read_table(tmp_path / "a.toml")


@pytest.mark.skipif(sys.platform == "win32", reason="has no such files")
def test_what_has_no_end_is_no_recipe(tmp_path):
    os.mkfifo(tmp_path / "a.toml")
    with pytest.raises(RecipeError, match="it is a named pipe, not a file"):
        read_table(tmp_path / "a.toml")
    with pytest.raises(RecipeError, match="it is a device, not a file"):
        read_table(Path("/dev/zero"))
    (tmp_path / "b.toml").write_text("#" * 2_000_000)
    with pytest.raises(RecipeError, match="it has more than 1,048,576 bytes"):
        read_table(tmp_path / "b.toml")
