import copy
import json
from pathlib import Path

import pytest

from daguerre.errors import RecipeError
from daguerre.training.build import build_network
from daguerre.training.recipe import parse_recipe, read_recipe
from daguerre.training.trainers import TRAINERS

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.toml"))
SMALL = {
    "name": "small",
    "step": "super_resolution",
    "steps": 4,
    "network": {"name": "CompactResNet"},
    "data": {"parts": ["photos"]},
    "optimizer": {"lr": 1e-3},
    "losses": {"l1": 1},
}

STYLE = {"parts": ["styles"], "one_in": 4}


def changed(path: str, value: object) -> dict[str, object]:
    """`SMALL` with the value at a dotted path set."""
    table = copy.deepcopy(SMALL)
    *parents, last = path.split(".")
    inner: dict[str, object] = table
    for name in parents:
        inner = inner.setdefault(name, {})  # type: ignore[assignment]
    inner[last] = value
    return table


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipes_of_the_project_name_what_exists(path):
    recipe = read_recipe(path)
    assert recipe.name == path.stem
    assert recipe.step in TRAINERS
    build_network(recipe.network)
    if recipe.discriminator is not None:
        build_network(recipe.discriminator.network)


def test_what_is_left_out_has_its_default_and_whole_numbers_are_numbers():
    recipe = parse_recipe(SMALL)
    assert (recipe.batch, recipe.schedule.kind, recipe.optimizer.betas) == (16, "cosine", (0.9, 0.999))
    assert recipe.losses == {"l1": 1.0}
    assert isinstance(recipe.losses["l1"], float)


def test_resolved_recipe_survives_json():
    recipe = parse_recipe(changed("degradation.first.noise", [1, 5]))
    assert recipe.degradation is not None
    assert recipe.degradation.first.noise == (1.0, 5.0)
    assert parse_recipe(json.loads(json.dumps(recipe.as_dict()))) == recipe


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("stpes", 3, "unknown key 'stpes'; did you mean 'steps'?"),
        (
            "optimizer.learning_rate",
            1.0,
            "unknown key 'optimizer.learning_rate'; known: betas, lr, slower, weight_decay",
        ),
        ("schedule.warm_up", 3, "unknown key 'schedule.warm_up'; did you mean 'warmup'?"),
        ("optimizer.lr", "fast", "optimizer.lr is 'fast'; it must be a number"),
        ("steps", 2.5, "steps is 2.5; it must be a whole number"),
        ("steps", True, "steps is True; it must be a whole number"),
        ("optimizer.betas", [0.9], r"optimizer.betas is \[0.9\]; it must be a list of 2 values, each a number"),
        ("schedule.kind", "linear", "schedule.kind is 'linear'; it must be one of cosine, step"),
        ("data.parts", "photos", "data.parts is 'photos'; it must be a list of any number of values, each a text"),
        ("losses.l1", "much", "losses.l1 is 'much'; it must be a number"),
        ("network", "CompactResNet", "network is 'CompactResNet'; it must be a table"),
        ("steps", 0, "steps is 0; it must lie between 1 and"),
        ("name", "a/b", "name is 'a/b'; use letters, digits"),
        ("name", "", "name is ''"),
        ("seed", -1, "seed is -1"),
        ("clip", -1.0, "clip is -1"),
        ("optimizer.lr", -1.0, "optimizer.lr is -1; it must lie between 0 and 10"),
        ("optimizer.betas", [2.0, 0.9], "optimizer.betas is 2"),
        ("schedule", {"milestones": [100, 200]}, "schedule.milestones is 100; it must lie between 0 and 1"),
        ("schedule", {"warmup": -5}, "schedule.warmup is -5"),
        ("validation.crop", 8, "validation.crop is 8; it must lie between 20 and"),
        ("data.parts", ["/there"], "data.parts holds '/there'; name folders or tar files below the data folder"),
        ("data.parts", ["../there"], "data.parts holds '../there'"),
        ("data.sizes", [1.0, 2.0], "data.sizes is 2; it must lie between 0.01 and 1"),
        ("degradation", {"first": {"blur": 7}}, "blur is 7; it must lie between 0 and 1"),
        ("degradation", {"first": {"noise": [30, 1]}}, "noise goes from 30 to 1; it must go upwards"),
        ("aging", {"strength": [2.0, 1.0]}, "aging.strength goes from 2 to 1"),
        ("ema", 1.0, "ema is 1; it must lie between 0 and 0.99999"),
        ("validation.fraction", 0.0, "validation.fraction is 0; it must lie between 1e-09 and 1"),
        ("validation.every", 0, "validation.every is 0; it must lie between 1 and"),
        ("teachers", {"weights": []}, r"\[teachers\] names none; give weights or features"),
        ("finding", {"around": 0.8, "composed": 0.4}, "finding.composed is 0.4; it must lie between 0 and 0.2"),
        ("teachers", {"weights": ["a"], "share": 2.0}, "teachers.share is 2; it must lie between 0 and 1"),
    ],
)
def test_what_cannot_be_followed_is_named(path, value, message):
    with pytest.raises(RecipeError, match=message):
        parse_recipe(changed(path, value))


def test_sizes_that_a_step_cannot_heed_are_named():
    with pytest.raises(RecipeError, match=r"data.sizes go with the step 'super_resolution', not with 'denoising'"):
        parse_recipe(SMALL | {"step": "denoising", "data": {"parts": ["photos"], "sizes": [0.5]}})


def test_a_surround_that_a_step_cannot_heed_is_named():
    with pytest.raises(RecipeError, match=r"surround goes with the step 'super_resolution', not with 'denoising'"):
        parse_recipe(SMALL | {"step": "denoising", "surround": 8})


def test_losses_that_cannot_have_the_truth_as_target_are_named():
    teachers = {"weights": ["compact-x4"], "truth": ["l2"]}
    with pytest.raises(RecipeError, match=r"teachers.truth names 'l2', which is not in losses"):
        parse_recipe(SMALL | {"teachers": teachers, "degradation": {}})
    with pytest.raises(RecipeError, match=r"teachers.truth goes with a degradation and the step 'super_resolution'"):
        parse_recipe(SMALL | {"teachers": teachers | {"truth": ["l1"]}})


def test_teachers_where_they_cannot_be_asked_are_named():
    with pytest.raises(RecipeError, match=r"teachers.weights go with the steps 'face_detection' and 'super_"):
        parse_recipe(SMALL | {"teachers": {"weights": ["compact-x4"]}, "step": "denoising"})


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"teachers": {"features": "vgg16-bsds"}}, "teachers.features go with the step 'distillation'"),
        (
            {"data": {"parts": ["a"], "shares": {"a": 1.0}}},
            "data.shares go with the step 'distillation', not with 'super",
        ),
        ({"teachers": {"features": "eyes", "pool": 0}, "step": "distillation"}, "teachers.pool is 0; it must lie"),
        (
            {"teachers": {"features": "eyes", "named": 9}, "step": "distillation"},
            "teachers.named pictures need",
        ),
        (
            {"data": {"parts": ["a"], "shares": {"b": 1.0}}, "step": "distillation"},
            "data.shares names 'b', which is not in data.parts",
        ),
    ],
)
def test_what_only_distillation_can_heed_is_named(more, message):
    with pytest.raises(RecipeError, match=message):
        parse_recipe(SMALL | more)


def test_a_missing_key_is_named():
    with pytest.raises(RecipeError, match=r"'optimizer.lr' is missing"):
        parse_recipe(changed("optimizer", {}))


def test_a_file_that_is_missing_or_not_toml_is_named(tmp_path):
    with pytest.raises(RecipeError, match=r"cannot read the recipe .*none.toml"):
        read_recipe(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("steps = = 3")
    with pytest.raises(RecipeError, match=r"cannot read the recipe .*bad.toml.*line 1"):
        read_recipe(tmp_path / "bad.toml")


def test_an_error_in_a_file_begins_with_its_name(tmp_path):
    (tmp_path / "odd.toml").write_text("colour = 3")
    with pytest.raises(RecipeError, match=r"^odd.toml: unknown key 'colour'"):
        read_recipe(tmp_path / "odd.toml")


def test_names_of_earlier_recipes_are_read():
    plan = parse_recipe(
        SMALL | {"step": "texture", "losses": {"sound": 0.1}, "validation": {"one_in": 20}, "style": STYLE}
    )
    assert (plan.step, plan.losses) == ("denoising", {"log_mse": 0.1})
    assert (plan.validation.fraction, plan.style.fraction) == (0.05, 0.25)
    with pytest.raises(RecipeError, match=r"unknown key 'validation.one_in'"):
        parse_recipe(SMALL | {"validation": {"one_in": 0}})
