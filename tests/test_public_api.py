import ast
import importlib
from pathlib import Path

import pytest

import daguerre

SOURCE = Path(daguerre.__file__).parent
MODULES = sorted(path for path in SOURCE.rglob("*.py") if path.stat().st_size)


def name_of(path):
    return ".".join(("daguerre", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__")


def stated(tree):
    """What a module says it exports, or None."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            return ast.literal_eval(node.value)
    return None


def defined(tree):
    """Names that a module makes or imports at its top level, for type checkers too."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_module_says_what_it_holds_and_what_it_exports(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), "a module begins with a sentence"
    names = stated(tree)
    if names is None:
        assert path.name in ("__init__.py", "__main__.py", "_version.py"), "every module has __all__"
        return
    assert names == sorted(names, key=ruff_order)
    assert set(names) <= set(defined(tree))


def ruff_order(name):
    """CONSTANTS, then Classes, then the rest, as ruff's RUF022 sorts."""
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2, name)


@pytest.mark.parametrize("name", daguerre.__all__)
def test_every_exported_name_is_there(name):
    thing = getattr(daguerre, name)
    assert name == "PictureLike" or thing.__doc__
    assert name in dir(daguerre)


def test_the_version_is_known():
    assert daguerre.__version__[0].isdigit()


def test_all_errors_are_exported():
    assert set(importlib.import_module("daguerre.errors").__all__) <= set(daguerre.__all__)


def test_names_that_are_not_exported_are_not_there():
    with pytest.raises(AttributeError, match="has no attribute 'downscale'"):
        daguerre.downscale  # noqa: B018


@pytest.mark.parametrize("package", ["daguerre.images", "daguerre.tiling", "daguerre.weights"])
def test_packages_give_what_they_promise(package):
    module = importlib.import_module(package)
    assert all(hasattr(module, name) for name in module.__all__)
