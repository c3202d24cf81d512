"""`daguerre train`: train a network from a recipe."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro

from daguerre.cli.flags import parse
from daguerre.cli.streams import printable, show
from daguerre.cli.terminal import shown_progress
from daguerre.errors import MissingExtra
from daguerre.training.recipe import read_recipe

__all__ = ["run"]


def train(
    recipe: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RECIPE.toml")],
    *,
    data: Annotated[Path, tyro.conf.arg(metavar="FOLDER")],
    out: Annotated[Path, tyro.conf.arg(metavar="FOLDER")],
    resume: bool = False,
) -> int:
    """Train a network from a recipe.

    $ daguerre train recipes/compact-x4.toml --data pictures/ --out run
    $ daguerre train recipes/compact-x4.toml --data pictures/ --out run --resume

    Writes a table and a plot of losses and scores (log.csv, log.png), sample pictures, a checkpoint and finally the
    weights to the run's folder. Ctrl-C saves a checkpoint, from which --resume continues exactly as if the run had
    never stopped. Use `torchrun` for several processes.

    Args:
        recipe: what to train and how; recipes/ in the source has those of all shipped weights.
        data: folder of the training pictures, with the subfolders that the recipe names.
        out: folder of the run.
        resume: continue from its checkpoint.
    """
    try:
        from daguerre.training.loop import train as follow
    except ModuleNotFoundError as error:
        raise MissingExtra(f"training needs {error.name}; install it with: pip install 'daguerre[train]'") from error
    plan = read_recipe(recipe)
    with shown_progress(1) as (progress,):
        path = follow(plan, data, out, resume=resume, progress=progress)
    show(printable(str(path)))
    return 0


def run(words: Sequence[str]) -> int:
    return parse(train, "train", words)
