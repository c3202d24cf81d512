import shlex

import numpy as np
import pytest

from daguerre.cli.main import main
from daguerre.errors import DaguerreError
from daguerre.images import Picture
from daguerre.web.describing import command_of, recipe_of, understood


@pytest.fixture
def find(tmp_path):
    (tmp_path / "styles").mkdir()
    path = tmp_path / "styles" / "waves.png"
    path.write_bytes(b"")
    return lambda reference: path if reference == "styles/waves.png" else None


def request(find, *steps, **more):
    return understood({"steps": list(steps)} | more, find, 10**8)


@pytest.mark.parametrize(
    ("steps", "command"),
    [
        ([{"task": "restore"}], "daguerre restore old.jpg"),
        (
            [{"task": "restore", "strength": 0.6, "stains": "off"}],
            "daguerre restore old.jpg --stains off --strength 0.6",
        ),
        ([{"task": "upscale", "scale": 2, "clean": True}], "daguerre upscale old.jpg --clean --scale 2"),
        (
            [{"task": "restore", "strength": 0.6}, {"task": "upscale", "scale": 2}],
            "daguerre run old.jpg --steps restore,upscale --strength 0.6 --scale 2",
        ),
        (
            [{"task": "restore", "faces": "off", "strength": 0.5}, {"task": "faces", "skip": "2", "each": "1:0.5"}],
            "daguerre run old.jpg --steps restore,faces --restore.strength 0.5 --faces off --skip 2 --each 1:0.5",
        ),
        (
            [{"task": "stylize", "style": ["styles/waves.png"], "strength": 0.5}],
            "daguerre stylize old.jpg --style waves.png --strength 0.5",
        ),
    ],
)
def test_the_command_that_does_the_same_is_told(find, steps, command):
    assert command_of(request(find, *steps), "old.jpg") == command


def test_formats_and_saving_are_told(find):
    asked = request(find, {"task": "restore"}, saving={"quality": 80}, format="png")
    assert command_of(asked, "my old.jpg") == "daguerre restore 'my old.jpg' --quality 80 --format png"


def test_the_recipe_names_files_by_their_names(find, tmp_path):
    asked = request(find, {"task": "upscale", "scale": 2}, {"task": "stylize", "style": ["styles/waves.png"]})
    text = recipe_of(asked, tmp_path)
    assert text == '[[step]]\ntask = "upscale"\nscale = 2.0\n\n[[step]]\ntask = "stylize"\nstyle = ["waves.png"]\n'
    assert not (tmp_path / "recipe.toml").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"steps": []},
        {"steps": "restore"},
        {"steps": [{"task": "train"}]},
        {"steps": [{"task": "restore", "strenght": 1}]},
        {"steps": [{"task": "restore", "strength": 2}]},
        {"steps": [{"task": "restore", "scratches": "/etc/passwd"}]},
        {"steps": [{"task": "restore", "face_finder": "/tmp/x.onnx"}]},
        {"steps": [{"task": "upscale", "model": "../../evil.pth"}]},
        {"steps": [{"task": "stylize", "style": ["/etc/passwd"]}]},
        {"steps": [{"task": "stylize", "style": ["styles/other.png"]}]},
        {"steps": [{"task": "faces", "boxes": "/etc/passwd"}]},
        {"steps": [{"task": "restore", "device": "cuda"}]},
        {"steps": [{"task": "restore"}], "format": "exe"},
        {"steps": [{"task": "restore"}], "target": "/etc/passwd"},
        {"steps": [{"task": "restore"}], "saving": {"quality": 0}},
    ],
)
def test_what_makes_no_sense_or_names_a_file_is_refused(find, wrong):
    with pytest.raises(DaguerreError):
        understood(wrong, find, 10**8)


def test_the_command_runs_and_makes_the_same_bytes(desk, find):
    Picture.from_array(np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)).save(desk / "a.png")
    asked = request(find, {"task": "upscale", "scale": 2})
    asked.work.run(desk / "a.png", desk / "made.png")
    assert main(shlex.split(command_of(asked, "a.png"))[1:]) == 0
    assert (desk / f"a{asked.suffix}.png").read_bytes() == (desk / "made.png").read_bytes()
