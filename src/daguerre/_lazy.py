"""Names of a package that are imported on first use.

A package's `__init__` lists its names once, as imports that type checkers and editors see:

    if TYPE_CHECKING:
        from daguerre.images.picture import Picture as Picture
    else:
        __getattr__, __dir__ = on_demand(__name__)

`on_demand` reads the same lines, as lazy_loader reads a stub (Scientific Python's SPEC 1); so it needs the source file.
"""

import ast
import functools
import importlib
import sys
from collections.abc import Callable
from typing import Any

__all__ = ["names_in", "on_demand"]


def on_demand(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` for a package that imports its names for type checkers only."""

    @functools.cache
    def homes() -> dict[str, str]:
        spec = sys.modules[package].__spec__
        source = spec.loader.get_source(package) if spec and spec.loader else None  # type: ignore[attr-defined]
        if source is None:
            raise ImportError(f"the source file of {package} is missing, and with it the list of its names")
        return names_in(source)

    def get(name: str) -> Any:
        if name == "__all__":
            return sorted(homes())
        if name.startswith("__") or name not in homes():
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(homes()[name]), name)

    return get, lambda: sorted(homes())


def names_in(source: str) -> dict[str, str]:
    """The module of every name that is imported under `if TYPE_CHECKING`."""
    return {
        alias.name: str(node.module)
        for block in ast.parse(source).body
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
