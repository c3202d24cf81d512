from pathlib import Path

import pytest

from daguerre.errors import OutputExists, RecipeError, UnwritablePicture
from daguerre.tasks.pipeline_file import read_steps, write_steps
from daguerre.tasks.stylization.stylizer import StylizeOptions
from daguerre.tasks.upscaling.upscaler import UpscaleOptions

TWO = """\
[[step]]
task = "upscale"
scale = 2
towards = "mine.pth"

[[step]]
task = "stylize"
style = ["wave.jpg", "../mosaic.jpg", "/far/away.jpg"]
colours = "match"
"""


@pytest.fixture
def write(tmp_path):
    """Write a recipe into a folder that we are not in."""

    def write(text):
        (tmp_path / "recipes").mkdir(exist_ok=True)
        path = tmp_path / "recipes" / "family.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_steps_come_in_order_with_their_options_and_paths_beside_the_file(write):
    path = write(TWO)
    folder = path.parent
    upscale, stylize = read_steps(path)
    assert upscale == UpscaleOptions(scale=2.0, towards=(folder / "mine.pth").as_posix())
    style = (folder / "wave.jpg", folder / "../mosaic.jpg", Path("/far/away.jpg"))
    assert stylize == StylizeOptions(style=style, colours="match")


@pytest.mark.parametrize("name", ["compact-x4", "compact-1.5x", "auto"])
def test_names_of_models_are_no_paths(write, name):
    (step,) = read_steps(write(f'[[step]]\ntask = "upscale"\nmodel = "{name}"\n'))
    assert step.model == name


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", 'family.toml has no steps; a step is a table [[step]] with a line such as task = "upscale"'),
        ("step = []", "family.toml has no steps"),
        ("[[setp]]", "family.toml: unknown key 'setp'; did you mean 'step'?"),
        ('[step]\ntask = "upscale"', "family.toml: step is {'task': 'upscale'}; it must be a list"),
        (
            "[[step]]\nscale = 2",
            "family.toml, step 1: task is missing; it must be one of restore, faces, upscale, stylize",
        ),
        ('[[step]]\ntask = "upscail"', "family.toml, step 1: no step is called 'upscail'; did you mean 'upscale'?"),
        ('[[step]]\ntask = "upscale"\nscael = 2', "step 1: unknown key 'upscale.scael'; did you mean 'scale'?"),
        ('[[step]]\ntask = "upscale"\nscale = "two"', "step 1: upscale.scale is 'two'; it must be a number"),
        ('[[step]]\ntask = "upscale"\nscale = 0.5', "step 1: scale is 0.5; it must lie between 1 and 64"),
        (TWO.replace("colours", "style_scale"), "step 2: stylize.style_scale is 'match'; it must be a number"),
        ('[[step]]\ntask = "stylize"\nstyle = "a.jpg"', "style is 'a.jpg'; it must be a list of any number of values"),
        ('[[step]]\ntask = "stylize"\nstyle = [3]', "style is 3; it must be a path"),
        ("[[step]", "cannot read the recipe"),
        ("a = " + 5000 * "[", "it is nested too deeply"),
        ("a = " + 5000 * "{x = ", "it is nested too deeply"),
        ('[[step]]\ntask = "upscale"\nwidth = ' + 4000 * "9", "step.width is a number with more digits than"),
        ('[[step]]\ntask = "upscale"\nwidth = ' + 5000 * "9", "cannot read the recipe"),
        ('[[step]]\ntask = "upscale"\nscale = ' + 400 * "9", "step.scale is a number with more digits than"),
        ('[[step]]\ntask = "stylize"\nstyle = ["a\\u0000.jpg"]', "a zero byte has no place in a text"),
        ('[[step]]\ntask = "upscale"\nmodel = "a\\u0000.pth"', "a zero byte has no place in a text"),
    ],
)
def test_what_cannot_be_followed_is_named(write, text, complaint):
    with pytest.raises(RecipeError) as caught:
        read_steps(write(text))
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_missing_is_named():
    with pytest.raises(RecipeError, match=r"cannot read the recipe 'none\.toml': No such file"):
        read_steps(Path("none.toml"))


def test_what_is_written_is_read_again_and_says_only_what_is_not_usual(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipes").mkdir()
    steps = [
        UpscaleOptions(model="nets/ours.pth", clean=False, scale=1.5, ensemble=True),
        StylizeOptions(style=(Path('say "wave".jpg'), Path("/far/é.jpg")), share=(1.0, 0.25), strength=0.5),
    ]
    path = write_steps(steps, Path("recipes/family.toml"))
    assert path.read_text(encoding="utf-8") == (
        '[[step]]\ntask = "upscale"\nmodel = "../nets/ours.pth"\nscale = 1.5\nensemble = true\n\n'
        '[[step]]\ntask = "stylize"\nstyle = ["../say \\"wave\\".jpg", "/far/é.jpg"]\nstrength = 0.5\n'
        "share = [1.0, 0.25]\n"
    )
    upscale, stylize = read_steps(path)
    assert upscale == UpscaleOptions(model="recipes/../nets/ours.pth", scale=1.5, ensemble=True)
    assert stylize.style == (Path('recipes/../say "wave".jpg'), Path("/far/é.jpg"))
    assert (stylize.share, stylize.strength) == ((1.0, 0.25), 0.5)


def test_a_recipe_that_is_there_stays_unless_asked(tmp_path):
    path = tmp_path / "family.toml"
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(OutputExists, match=r"family\.toml exists already; name another file, or add --overwrite"):
        write_steps([UpscaleOptions()], path)
    assert path.read_text(encoding="utf-8") == "mine"
    write_steps([UpscaleOptions()], path, overwrite=True)
    assert read_steps(path) == [UpscaleOptions()]


def test_a_recipe_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(UnwritablePicture, match=r"there is no folder .*nowhere to write a\.toml in"):
        write_steps([UpscaleOptions()], tmp_path / "nowhere" / "a.toml")


def test_a_name_that_is_no_text_cannot_stand_in_a_recipe(tmp_path):
    with pytest.raises(UnwritablePicture, match=r"a name in .*a\.toml would not be UTF-8, as recipes are; rename"):
        write_steps([StylizeOptions(style=(Path("wave\udcff.jpg"),))], tmp_path / "a.toml")
    assert list(tmp_path.iterdir()) == []


def test_any_name_that_is_text_comes_back(tmp_path):
    names = tuple(Path(f"/wave{character}.jpg") for character in ("\n", "\x1b", "\x7f", '"', "\\", "\u2028", "😀"))
    path = write_steps([StylizeOptions(style=names)], tmp_path / "a.toml")
    assert read_steps(path)[0].style == names
