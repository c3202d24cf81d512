import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from images.drawn import photo

from daguerre.devices import Precision, device_option, precision_option
from daguerre.images import Picture
from daguerre.options import option
from daguerre.progress import silent
from daguerre.tasks.pipeline import Pipeline
from daguerre.tasks.provenance import Record, steps_of
from daguerre.tasks.registry import TASKS
from daguerre.tasks.result import recorded
from daguerre.tasks.stylization.stylizer import StylizeOptions
from daguerre.tasks.upscaling.upscaler import UpscaleOptions

EXAMPLES = Path(__file__).parents[2] / "examples"
EXACT = ("--device", "cpu", "--precision", "float32")
BOTH = (
    "--steps",
    "upscale,stylize",
    "--scale",
    "2",
    "--style",
    "painting.png",
    "--method",
    "optimize",
    "--stylize.steps",
    "2",
)


@dataclass(frozen=True, kw_only=True)
class DarkenOptions:
    """How to make pictures darker: a task of the tests' own."""

    task: ClassVar[str] = "darken"

    strength: float = option(1.0, "how dark")
    device: str = device_option()
    precision: Precision = precision_option()


class Darkener:
    def __init__(self, options):
        self.options = options

    def __call__(self, source, *, on_stage=None, progress=silent):
        picture = Picture.from_tensor(source.read() * (1 - self.options.strength), bits=source.bits, like=source)
        record = Record(task="darken", options={"strength": self.options.strength}, models={})
        return recorded(picture, record, source)


@pytest.fixture
def darken(monkeypatch):
    """Enter the task."""
    monkeypatch.setitem(TASKS, "darken", (__name__, "DarkenOptions", "Darkener"))


@pytest.fixture(autouse=True)
def pictures(desk, narrow_vgg):
    """A photograph and a painting."""
    Picture.from_array(photo(24, 30)).save("photo.png")
    Picture.from_array(photo(40, 50, seed=1)).save("painting.png")


@pytest.fixture
def chain(run):
    """`daguerre run`, on the processor and in float32."""
    return lambda *words: run("run", *EXACT, *words)


def names(folder="."):
    found = (path for path in Path(folder).rglob("*") if path.is_file())
    return sorted(path.name for path in found if ".daguerre" not in path.parts)


def test_the_command_does_what_the_pipeline_does(chain):
    ran = chain("photo.png", *BOTH)
    assert (ran.status, ran.out) == (0, "")
    (line,) = ran.lines
    assert line.startswith("photo-upscale-stylize.png  60 x 48 pixels after upscale and stylize, ")
    where = {"device": "cpu", "precision": "float32"}
    stylize = StylizeOptions(style=(Path("painting.png"),), method="optimize", steps=2, **where)
    expected = Pipeline(UpscaleOptions(scale=2, **where), stylize)("photo.png")
    made = Picture.open("photo-upscale-stylize.png")
    assert np.array_equal(made.array(), expected.picture.array())
    assert [step["task"] for step in steps_of(made.xmp)] == ["upscale", "stylize"]


def test_same_picture_recipe_and_weights_give_the_same_bytes(chain):
    assert chain("photo.png", *BOTH, "--write-recipe", "family.toml", "-o", "one.png").status == 0
    assert chain("photo.png", *BOTH, "-o", "two.png").status == 0
    assert chain("photo.png", "--recipe", "family.toml", "-o", "three.png").status == 0
    assert Path("one.png").read_bytes() == Path("two.png").read_bytes() == Path("three.png").read_bytes()


def test_a_recipe_gives_the_result_its_name_and_finds_paths_beside_itself(chain):
    Path("recipes").mkdir()
    Path("painting.png").rename("recipes/wave.png")
    text = (
        '[[step]]\ntask = "stylize"\nstyle = ["wave.png"]\nmethod = "optimize"\nsteps = 1\n\n'
        '[[step]]\ntask = "upscale"\nscale = 2\n'
    )
    Path("recipes/family.toml").write_text(text, encoding="utf-8")
    Picture.from_array(photo(40, 50)).save("large.png")
    assert chain("large.png", "--recipe", "recipes/family.toml", "--stages", "between").status == 0
    assert names() == ["family.toml", "large-1-stylize.png", "large-family.png", "large.png", "photo.png", "wave.png"]


def test_a_recipe_can_be_written_without_a_picture(chain):
    ran = chain(*BOTH, "--write-recipe", "family.toml")
    assert (ran.status, ran.lines) == (0, ["family.toml  the steps and their options"])
    assert Path("family.toml").read_text(encoding="utf-8") == (
        '[[step]]\ntask = "upscale"\nscale = 2.0\nprecision = "float32"\n\n'
        '[[step]]\ntask = "stylize"\nstyle = ["painting.png"]\nmethod = "optimize"\nsteps = 2\nprecision = "float32"\n'
    )
    assert names() == ["family.toml", "painting.png", "photo.png"]


def test_stages_are_written_without_loss_and_mirror_the_folder(chain):
    Path("album/deep").mkdir(parents=True)
    for name in ("album/a.png", "album/deep/a.jpg"):
        Picture.from_array(photo(24, 30)).save(name)
    assert chain("album", *BOTH, "-o", "done", "--stages", "between").status == 0
    assert names("done") == ["a-upscale-stylize.jpg", "a-upscale-stylize.png"]
    for name in ("between/a-1-upscale.png", "between/deep/a-1-upscale.png"):
        stage = Picture.open(name)
        assert (stage.bits, stage.height, stage.width) == (16, 48, 60)
        assert [step["task"] for step in steps_of(stage.xmp)] == ["upscale"]


def test_every_picture_gets_a_line_of_json_and_a_bad_one_stops_no_other(chain):
    Path("album").mkdir()
    Picture.from_array(photo(24, 30)).save("album/a.png")
    Path("album/empty.png").touch()
    ran = chain("album", *BOTH, "--json")
    assert ran.status == 1
    good, bad = map(json.loads, ran.out.splitlines())
    assert (good["width"], good["height"]) == (60, 48)
    assert [step["task"] for step in good["steps"]] == ["upscale", "stylize"]
    assert good["steps"][0]["measured"]["agreement_db"] > 40
    assert "is empty (0 bytes)" in bad["error"]


def test_flags_may_always_begin_with_their_tasks_name(chain):
    assert chain("photo.png", "--steps=upscale", "--upscale.long-side=40", "-o", "out.png").status == 0
    assert Picture.open("out.png").width == 40


def test_a_task_that_is_entered_in_a_line_can_be_a_step(chain, darken):
    assert chain("photo.png", "--steps", "darken,upscale", "--scale", "2", "--strength", "0.5").status == 0
    made = Picture.open("photo-darken-upscale.png")
    assert made.width == 60
    assert made.read().mean().item() == pytest.approx(0.5 * Picture.open("photo.png").read().mean().item(), abs=0.01)
    assert [step["options"].get("strength") for step in steps_of(made.xmp)] == [0.5, None]


def test_a_flag_that_two_steps_have_needs_the_name_of_one(chain, darken):
    words = ("photo.png", "--steps", "upscale,darken,stylize", *BOTH[2:])
    ran = chain(*words, "--strength", "0.5")
    complaint = "several steps have --strength; say --darken.strength or --stylize.strength"
    assert (ran.status, ran.lines) == (1, [f"daguerre: {complaint}"])
    assert chain(*words, "--darken.strength=0.25", "--stylize.strength", "0.75", "-o", "out.png").status == 0
    found = [step["options"].get("strength") for step in steps_of(Picture.open("out.png").xmp)]
    assert found == [None, 0.25, 0.75]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("photo.png",), "say what to do, either with --steps restore,upscale,stylize or with --recipe FILE.toml"),
        (("photo.png", *BOTH, "--recipe", "a.toml"), "say what to do, either with --steps"),
        (BOTH, "name at least one picture or folder"),
        (("nowhere.png", *BOTH), "nowhere.png: no such file or folder"),
        (("photo.png", "--steps", "upscail,stylize"), "no step is called 'upscail'; did you mean 'upscale'?"),
        (("photo.png", "--steps", "upscale,"), "no step is called ''; known: faces, restore, stylize, upscale"),
        (("photo.png", "--steps", "upscale,upscale"), "--steps names upscale twice; a file for --recipe can do that"),
        (
            ("photo.png", "--steps", "upscale", "--stylize.steps", "9"),
            "--stylize.steps is for stylize, which",
        ),
        (("photo.png", "--steps", "upscale,stylize"), "name at least one picture whose style to take"),
        (("photo.png", *BOTH, "--style", "none.png"), "there is no file none.png"),
        (("photo.png", *BOTH, "--width", "90"), "--scale and --width cannot both decide the size"),
        (("photo.png", "--steps", "upscale", "--width", "9"), "photo.png: the picture is 30 x 24 pixels already"),
        (("photo.png", "--steps", "upscale", "--width", "17000", "-o", "a.webp"), "has at most 16,383 pixels a side"),
        (("photo.png", "--recipe", "none.toml"), "cannot read the recipe 'none.toml': No such file"),
        (("photo.png", *BOTH, "--stages", "painting.png"), "cannot make the folder painting.png (File exists)"),
        (("photo.png", *BOTH, "--write-recipe", "painting.png"), "painting.png is read, or written for something else"),
        (("photo.png", *BOTH, "-o", "photo.png"), "photo.png is the original itself"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line_before_any_work(chain, words, complaint):
    ran = chain(*words)
    assert (ran.status, ran.out) == (1, "")
    (line,) = ran.lines
    assert line.startswith("daguerre: ")
    assert complaint in line
    assert names() == ["painting.png", "photo.png"]


def test_flags_of_tasks_that_are_not_named_are_not_understood(chain):
    ran = chain("photo.png", "--steps", "stylize", "--scale", "2")
    assert ran.status == 2
    assert "--scale" in ran.err


def test_steps_said_twice_are_refused(chain):
    ran = chain("photo.png", "--steps", "upscale", "--steps", "stylize")
    assert ran.lines == ["daguerre: --steps is given twice; give it once, with commas between the tasks"]


def test_one_mask_for_several_pictures_is_refused(chain):
    for name in ("other.png", "mask.png"):
        Picture.from_array(photo(24, 30)).save(name)
    ran = chain("photo.png", "other.png", "--steps", "restore", "--scratches", "mask.png")
    assert ran.lines == ["daguerre: the mask mask.png fits one picture, but there are 2"]


def test_restored_upscaled_and_painted_by_what_ships_one_after_the_other(run, desk):
    shutil.copy(EXAMPLES / "astronaut.jpg", "photo.jpg")
    Picture.from_array(Picture.open("photo.jpg").array()[60:180, 160:280]).save("old.png")
    Picture.from_array(Picture.open(EXAMPLES / "coffee.jpg").array()[:96, :96]).save("coffee.png")
    words = ("--steps", "restore,upscale,stylize", "--scale", "2", "--style", "coffee.png", "--device", "cpu")
    ran = run("run", "old.png", *words, "--stages", "between", "-o", "done.png", "--json")
    assert ran.status == 0, ran.err
    said = json.loads(ran.out)
    assert [step["task"] for step in said["steps"]] == ["restore", "upscale", "stylize"]
    assert (said["width"], said["height"]) == (240, 240)
    assert [step["task"] for step in steps_of(Picture.open("done.png").xmp)] == ["restore", "upscale", "stylize"]
    first, second = (Picture.open(f"between/old-{n}-{task}.png") for n, task in ((1, "restore"), (2, "upscale")))
    assert (first.width, second.width) == (120, 240)


def test_a_stage_that_is_there_stays_unless_asked(chain):
    Path("between").mkdir()
    Path("between/photo-1-upscale.png").write_text("mine")
    ran = chain("photo.png", *BOTH, "--stages", "between")
    assert ran.status == 1
    assert "photo-1-upscale.png exists already" in ran.err
    assert not Path("photo-upscale-stylize.png").exists()
    assert chain("photo.png", *BOTH, "--stages", "between", "--overwrite").status == 0
    assert Picture.open("between/photo-1-upscale.png").width == 60


def test_a_folder_for_stages_that_may_not_be_written_to_is_told_before_any_work(chain, monkeypatch):
    Path("between").mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != Path("between"))
    ran = chain("photo.png", *BOTH, "--stages", "between")
    assert ran.status == 1
    assert ran.lines == ["daguerre: photo.png: the folder between may not be written to; name another"]
    assert not Path("photo-upscale-stylize.png").exists()


@pytest.mark.parametrize(
    ("inputs", "complaint"),
    [
        (("photo.png", "other/photo.png"), "between/photo-1-upscale.png is read, or written for something else, too"),
        (
            ("photo.png", "between/photo-1-upscale.png"),
            "between/photo-1-upscale.png is read, or written for something else, too",
        ),
    ],
)
def test_stages_that_would_meet_other_files_are_refused(chain, inputs, complaint):
    for name in inputs[1:]:
        Path(name).parent.mkdir()
        Picture.from_array(photo(24, 30)).save(name)
    ran = chain(*inputs, *BOTH, "--stages", "between", "--overwrite")
    assert ran.status == 1
    assert complaint in ran.err
    assert not list(Path().rglob("*stylize*"))


def test_the_help_shows_the_flags_of_the_tasks_named(run):
    plain, both = run("run", "--help").out, run("run", "--steps", "upscale,stylize", "--help").out
    for flag in ("--scale X", "--style PICTURE ...", "--stylize.steps N", "--upscale.model NAME"):
        assert flag not in plain
        assert flag in both
    assert both.count("--device") == 1
    assert max(map(len, both.splitlines())) <= 80
