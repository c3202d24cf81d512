import builtins
from pathlib import Path

import pytest
from images.drawn import photo

from daguerre import weights
from daguerre.images import Picture

RECIPE = """\
name = "tiny"
step = "regression"
steps = 2
batch = 2
crop = 16

[network]
name = "CompactResNet"
arguments = { scale = 2, features = 4, blocks = 1 }

[data]
parts = ["photos"]

[optimizer]
lr = 1e-3

[losses]
l1 = 1.0

[validation]
every = 2
crop = 32
"""


@pytest.fixture
def train(run):
    Path("tiny.toml").write_text(RECIPE)
    Path("data/photos").mkdir(parents=True)
    for seed in range(3):
        Picture.from_array(photo(40, 40, seed=seed)).save(f"data/photos/{seed}.png")
    return lambda *words: run("train", *words)


def test_a_recipe_becomes_weights_whose_file_is_printed(train):
    ran = train("tiny.toml", "--data", "data", "--out", "runs/tiny")
    assert ran.status == 0
    path = Path(ran.out.strip())
    assert path.is_relative_to("runs/tiny")
    assert weights.load(path).header.recipe["steps"] == 2


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["none.toml", "--data", "data", "--out", "run"], "cannot read the recipe 'none.toml': No such file"),
        (["data/photos/0.png", "--data", "data", "--out", "run"], "cannot read the recipe 'data/photos/0.png'"),
        (["tiny.toml", "--data", "nowhere", "--out", "run"], "no 'photos' in the data folder 'nowhere'"),
    ],
)
def test_what_is_not_there_is_told_in_one_line(train, words, complaint):
    ran = train(*words)
    assert (ran.status, ran.out, len(ran.lines)) == (1, "", 1)
    assert complaint in ran.err


def test_what_was_left_out_is_named(train):
    ran = train("tiny.toml", "--data", "data")
    assert ran.status == 2
    assert "--out FOLDER" in ran.err


def test_without_the_extra_its_name_is_told(train, monkeypatch):
    real = builtins.__import__

    def without_lightning(name, *rest):
        if name == "daguerre.training.loop":
            raise ModuleNotFoundError("No module named 'lightning'", name="lightning")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_lightning)
    ran = train("tiny.toml", "--data", "data", "--out", "run")
    assert ran.lines == ["daguerre: training needs lightning; install it with: pip install 'daguerre[train]'"]
    assert ran.status == 1
