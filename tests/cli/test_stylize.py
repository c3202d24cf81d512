import csv
import json
import signal

import pytest
import pyvips
import torch

from daguerre.cli import stylize
from daguerre.cli.main import main
from daguerre.images import Picture


@pytest.fixture
def folder(desk, narrow_vgg):
    """A photograph and a painting."""
    generator = torch.Generator().manual_seed(0)
    for name, size in (("photo.png", (48, 67)), ("painting.png", (40, 50))):
        Picture.from_tensor(torch.rand(1, 3, *size, generator=generator)).save(desk / name)
    return desk


def run(*words):
    return main(["stylize", "photo.png", "--style", "painting.png", "--method", "optimize", "--steps", "4", *words])


def test_the_result_lies_beside_the_photograph(folder, capsys):
    assert run() == 0
    image = pyvips.Image.new_from_file("photo-stylized.png")
    assert (image.width, image.height) == (67, 48)
    assert "67 x 48 pixels, 4 steps, content loss" in capsys.readouterr().err


def test_the_painting_whose_style_is_taken_is_never_replaced(folder, capsys):
    before = (folder / "painting.png").read_bytes()
    assert run("-o", "painting.png", "--overwrite") == 1
    assert "painting.png is read, too, and never replaced" in capsys.readouterr().err
    assert (folder / "painting.png").read_bytes() == before


@pytest.mark.parametrize(
    "words",
    [
        ["photo.png", "--style", "a-stages.png", "--stages", "1", "-o", "a.png"],
        ["photo.png", "photo.jpg", "--style", "painting.png", "--losses"],
    ],
)
def test_nothing_is_replaced_that_is_read_or_written_for_another_picture(words, folder, capsys):
    Picture.open(folder / "photo.png").save(folder / "photo.jpg")
    Picture.open(folder / "painting.png").save(folder / "a-stages.png")
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    assert main(["stylize", *words, "--method", "optimize", "--overwrite"]) == 1
    assert "is read, or written for something else, too" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_a_vector_that_is_read_is_not_replaced(folder, small_style, capsys):
    assert fast("--style", "painting.png", "--save-vector", "v.json", "-o", "a.png") == 0
    before = (folder / "v.json").read_bytes()
    assert fast("--style", "v.json", "painting.png", "--save-vector", "v.json", "--overwrite") == 1
    assert "v.json is read, or written for something else, too" in capsys.readouterr().err
    assert (folder / "v.json").read_bytes() == before


def test_one_pass_is_stopped_by_the_first_ctrl_c(folder, small_style, monkeypatch):
    monkeypatch.setattr(stylize.Stylizer, "__call__", lambda *_, **__: signal.raise_signal(signal.SIGINT))
    assert fast("--style", "painting.png") == 130


def test_the_working_is_shown_in_files_beside_the_result(folder):
    words = ["--stages", "1,3", "--losses", "--plot", "--film", "webp", "-o", "out.jpg"]
    assert run(*words) == 0
    assert {path.name for path in folder.glob("out*")} == {
        *("out.jpg", "out-step-1.jpg", "out-step-3.jpg", "out-stages.png"),
        *("out-losses.csv", "out-losses.png", "out-film.webp"),
    }
    with open("out-losses.csv", newline="", encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 4
    assert pyvips.Image.new_from_file("out-stages.png").width == 2 * (67 + 8) + 8


@pytest.mark.parametrize(
    ("taken", "words"),
    [
        ("photo-stylized-step-2.png", ["--stages", "2"]),
        ("photo-stylized-losses.csv", ["--losses"]),
        ("photo-stylized-losses.png", ["--plot"]),
        ("photo-stylized-film.gif", ["--film", "gif"]),
    ],
)
def test_nothing_is_painted_if_a_file_is_in_the_way(taken, words, folder, capsys):
    (folder / taken).write_text("mine")
    assert run(*words) == 1
    assert f"{taken} exists already" in capsys.readouterr().err
    assert not (folder / "photo-stylized.png").exists()
    assert run(*words, "--overwrite") == 0
    assert (folder / taken).read_bytes() != b"mine"


def test_labels_are_told_before_and_in_json(folder, capsys):
    assert run("--labels") == 0
    assert "photo.png looks like:" in capsys.readouterr().err
    assert run("--labels", "--json", "--overwrite") == 0
    said = json.loads(capsys.readouterr().out)
    assert set(said["labels"]) == {"cat", "dog"}
    assert sum(said["labels"].values()) == pytest.approx(1, abs=0.01)
    assert said["steps"] == 4


def test_ctrl_c_keeps_what_there_is(folder, capsys, monkeypatch):
    plain = stylize.Stylizer.__call__

    def interrupted(self, *args, progress, **how):
        def tell(event):
            if "step 2 of" in event.note:
                signal.raise_signal(signal.SIGINT)
            progress(event)

        return plain(self, *args, progress=tell, **how)

    monkeypatch.setattr(stylize.Stylizer, "__call__", interrupted)
    before = signal.getsignal(signal.SIGINT)
    assert run() == 0
    said = capsys.readouterr().err
    assert "finishing with the best picture so far" in said
    assert "2 steps" in said
    assert (folder / "photo-stylized.png").exists()
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_ctrl_c_stops_at_once(folder, capsys, monkeypatch):
    def twice(self, *args, **how):
        for _ in range(2):
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(stylize.Stylizer, "__call__", twice)
    assert run() == 130
    assert not (folder / "photo-stylized.png").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--stages", "1,ten"], "--stages is '1,ten'; it must be steps such as 1,10,50"),
        (["--stages", ","], "--stages is ','; it must be steps such as 1,10,50"),
        (["--stages", "500"], "stage 500 is not among the 4 steps"),
        (["--content-weight", "nan"], "content_weight is nan"),
        (["--style-layers", "relu9_9"], "VGG-19 has no layer 'relu9_9'; it has conv1_1"),
        (["--features", "nobody"], "no weights are called 'nobody'"),
    ],
)
def test_what_makes_no_sense_gets_one_clear_line(words, message, folder, capsys):
    assert run(*words) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_a_style_must_be_named(folder, capsys):
    assert main(["stylize", "photo.png"]) == 1
    assert "name at least one picture whose style to take" in capsys.readouterr().err


def fast(*words):
    return main(["stylize", "photo.png", *words])


def test_one_pass_is_the_way_unless_said(folder, small_style, capsys):
    assert fast("--style", "painting.png") == 0
    assert "67 x 48 pixels, painted in one pass" in capsys.readouterr().err
    assert pyvips.Image.new_from_file("photo-stylized.png").width == 67


def test_a_saved_vector_paints_like_its_picture(folder, small_style):
    assert fast("--style", "painting.png", "--save-vector", "painting.json", "-o", "first.png") == 0
    assert fast("--style", "painting.json", "-o", "second.png") == 0
    first, second = (Picture.open(folder / name) for name in ("first.png", "second.png"))
    assert (first.array() == second.array()).all()
    assert fast("--style", "painting.png", "--save-vector", "painting.json", "-o", "third.png") == 1
    assert not (folder / "third.png").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--stages", "1,3"], "--stages applies only to optimization; add --method optimize"),
        (["--losses"], "--losses applies only to optimization; add --method optimize"),
        (["--plot"], "--plot applies only to optimization; add --method optimize"),
        (["--film", "gif"], "--film applies only to optimization; add --method optimize"),
        (["--steps", "10"], "steps applies only to optimization; leave it out, or set method to optimize"),
        (["--model", "vgg19-slim"], "vgg19-slim is a VGG19; painting in one pass needs an AnyStyle"),
        (["--save-vector", "painting.npy"], "painting.npy does not end in .json"),
    ],
)
def test_what_one_pass_cannot_do_gets_one_clear_line(words, message, folder, small_style, capsys):
    assert fast("--style", "painting.png", *words) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not (folder / "photo-stylized.png").exists()
