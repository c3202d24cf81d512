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
