"""Convert uploaded recipes to the steps of a request."""

import tomllib
from pathlib import PurePath
from typing import Any

from daguerre.errors import RecipeError

__all__ = ["steps_in"]

KINDS = {"style": "styles", "mask": "masks", "scratches": "masks"}
"""Where the files that options name are searched, by option."""


def steps_in(text: bytes) -> list[dict[str, Any]]:
    """The steps in a recipe; files that it names are looked up by name in the page's folder.

    Raises:
        RecipeError: it is not a recipe.
    """
    try:
        steps = tomllib.loads(text.decode()).get("step")
    except (ValueError, RecursionError) as error:
        raise RecipeError(f"this is no recipe: {error}") from error
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise RecipeError('this recipe has no steps; a step is a table [[step]] with a line such as task = "restore"')
    return [{name: here(name, value) for name, value in step.items()} for step in steps]


def here(option: str, value: Any) -> Any:
    """An option's value, with files as references."""
    if isinstance(value, list) and option in KINDS:
        return [here(option, one) for one in value]
    named = isinstance(value, str) and option in KINDS and PurePath(value).suffix
    return f"{KINDS[option]}/{PurePath(value).name}" if named else value
