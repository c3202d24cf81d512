import json

import pytest

from daguerre.archive.work import Work
from daguerre.cli.main import main
from daguerre.tasks.registry import options_of
from daguerre.web.working import do, numbers_in


class Told:
    """Notes events; it is never enough."""

    def __init__(self):
        self.events = []

    def __call__(self, event):
        self.events.append(event)

    def enough(self):
        return False


@pytest.fixture
def told():
    return Told()


def options(*steps):
    made = tuple(options_of(step.pop("task"))(**step) for step in steps)
    return Work(steps=made).dumps()


def test_a_job_makes_the_command_lines_bytes_and_shows_its_mask(tiny, tmp_path, told, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "side").mkdir()
    done = do(options({"task": "restore"}), str(tiny), "made.jpg", str(tmp_path / "side"), told)
    assert main(["restore", str(tiny), "-o", str(tmp_path / "expected.jpg")]) == 0
    assert (tmp_path / "made.jpg").read_bytes() == (tmp_path / "expected.jpg").read_bytes()
    assert done["report"]["steps"][0]["found"]["damaged_percent"] >= 0
    assert {path.name for path in (tmp_path / "side").iterdir()} == {
        "damage.png",
        "mask.png",
        "preview.jpg",
        "thumb.jpg",
    }
    assert ("file", "damage.png") in told.events
    steps = [event[1] for event in told.events if event[0] == "progress"]
    assert steps[-1] == "saving"


def test_a_chain_is_watched_inside_too(tiny, tmp_path, told):
    steps = {"task": "restore", "faces": "off", "blur": "off"}, {"task": "upscale", "scale": 2.0}
    text = options(*steps)
    for name in ("one.png", "two.png"):  # its networks are kept for the second
        do(text, str(tiny), str(tmp_path / name), str(tmp_path), told)
    assert {"damage.png", "invented.png"} <= {path.name for path in tmp_path.iterdir()}
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_an_optimization_shows_pictures_and_losses_and_ends_early(tiny, tmp_path, told):
    told.enough = lambda: len([event for event in told.events if event[0] == "file"]) >= 2
    text = options({"task": "stylize", "style": (tiny,), "method": "optimize", "steps": 9, "scales": 1})
    do(text, str(tiny), str(tmp_path / "made.png"), str(tmp_path), told)
    losses = json.loads((tmp_path / "losses.json").read_text())
    assert [row[0] for row in losses] == [1, 2]
    assert all(len(row) == 6 for row in losses)
    assert (tmp_path / "step-2.jpg").is_file()


def test_an_optimization_in_a_chain_is_watched_as_well(tiny, tmp_path, told):
    paint = {"task": "stylize", "style": (tiny,), "method": "optimize", "steps": 2, "scales": 1}
    text = options({"task": "upscale", "scale": 1.0}, paint)
    do(text, str(tiny), str(tmp_path / "made.png"), str(tmp_path), told)
    assert {"step-1.jpg", "step-2.jpg"} <= {path.name for path in tmp_path.iterdir()}


def test_numbers_are_read_from_what_optimization_says():
    note = "step 3 of 300, 128 x 96 pixels: content 1.234, style 0.5678, variation 0.0012"
    assert numbers_in(note) == [3, 128, 96, 1.234, 0.5678, 0.0012]
