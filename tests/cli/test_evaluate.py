import csv
import json
from pathlib import Path

import pytest
from images.drawn import photo
from PIL import Image

from daguerre.evaluation import restore
from daguerre.evaluation.restore import Answer
from daguerre.images import Picture
from daguerre.weights import store


@pytest.fixture
def evaluate(run, desk, monkeypatch):
    """`daguerre evaluate upscale` over two drawn pictures, without a perceptual network."""
    monkeypatch.setattr(store, "EMBEDDED", desk)
    Path("high").mkdir()
    for seed, name in enumerate("ab"):
        Picture.from_array(photo(48, 64, seed=seed)).save(f"high/{name}.png")
    exact = ("--device", "cpu", "--precision", "float32")
    return lambda *words: run("evaluate", "upscale", *words, *exact)


def test_models_and_bicubic_are_measured_side_by_side(evaluate):
    ran = evaluate("--high", "high", "--models", "compact-x4", "vivid-x4")
    assert (ran.status, ran.err) == (0, "")
    for shown in ("a.png", "b.png", "bicubic", "compact-x4", "vivid-x4", "mean of 2", "PSNR", "BT.601"):
        assert shown in ran.out


def test_programs_get_json_and_a_table_as_csv(evaluate):
    ran = evaluate("--high", "high", "--scale", "2", "--models", "small-x2", "--json", "--csv", "scores.csv")
    measured = json.loads(ran.out)
    assert set(measured["pictures"]) == {"a.png", "b.png"}
    assert set(measured["mean"]) == {"bicubic", "small-x2"}
    rows = list(csv.DictReader(Path("scores.csv").read_text().splitlines()))
    assert [(row["picture"], row["model"]) for row in rows[-2:]] == [("mean", "bicubic"), ("mean", "small-x2")]
    assert float(rows[-1]["psnr_y"]) == measured["mean"]["small-x2"]["psnr_y"]


def test_what_could_not_be_measured_is_named_and_the_status_tells(evaluate):
    Path("high/broken.png").write_bytes(Path("high/a.png").read_bytes()[:90])
    ran = evaluate("--high", "high")
    assert ran.status == 1
    assert "mean of 2" in ran.out
    (line,) = ran.lines
    assert line.startswith("daguerre: high/broken.png is a damaged or incomplete PNG file")


def test_where_nothing_could_be_measured_no_table_is_drawn(evaluate):
    Path("low").mkdir()
    Path("low/broken.png").touch()
    ran = evaluate("--high", "low")
    assert (ran.status, ran.out, len(ran.lines)) == (1, "", 1)


@pytest.mark.slow
def test_details_are_shown_side_by_side(evaluate):
    assert evaluate("--high", "high", "--sheet", "details.png").status == 0
    with Image.open("details.png") as sheet:
        assert sheet.format == "PNG"


@pytest.fixture
def evaluate_restore(run, desk, monkeypatch):
    """`daguerre evaluate restore` over two drawn photographs, with a restorer that blurs them and finds half of all."""
    monkeypatch.setattr(store, "EMBEDDED", desk)
    monkeypatch.setattr(restore, "load_restorers", lambda options: {"restored": halfway})
    Path("high").mkdir()
    for seed, name in enumerate("ab"):
        Picture.from_array(photo(32, 40, seed=seed)).save(f"high/{name}.png")
    return lambda *words: run("evaluate", "restore", *words)


def halfway(example):
    found = example.aged.lost.clone()
    found[..., ::4, :] = 0
    return Answer((example.aged.image + example.aged.clean) / 2, found)


def test_restoring_is_measured_before_and_after_by_photograph_and_by_damage(evaluate_restore):
    ran = evaluate_restore("--high", "high", "--kind", "ruin", "--seed", "3")
    assert (ran.status, ran.err) == (0, "")
    for shown in ("a.png", "aged", "restored", "mean of 2", "ruin (2)", "scratch (", "tone", "AUC", "kind ruin"):
        assert shown in ran.out


def test_a_sheet_says_what_it_leaves_out(evaluate_restore):
    ran = evaluate_restore("--high", "high", "--versions", "2", "--rows", "3", "--sheet", "sheet.png")
    assert "sheet.png shows 3 pictures and leaves out 1; --rows shows more" in ran.err


def test_a_benchmark_is_the_same_again_and_its_reports_hold_everything(evaluate_restore):
    words = ("--high", "high", "--versions", "2", "--json", "--csv", "scores.csv", "--sheet", "sheet.png")
    first, again = evaluate_restore(*words).out, evaluate_restore(*words, "--overwrite").out
    assert first == again
    measured = json.loads(first)
    assert measured["mean"]["restored"]["psnr_rgb"] > measured["mean"]["aged"]["psnr_rgb"] + 5
    rows = list(csv.DictReader(Path("scores.csv").read_text(encoding="utf-8").splitlines()))
    assert {row["picture"].split(": ")[0] for row in rows} > {
        "a.png, 1",
        "mean",
        "kind of photograph",
        "kind of damage",
    }
    with Image.open("sheet.png") as sheet:
        assert sheet.width == 16 + 4 * (288 + 16)  # aged, restored, damage, clean


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "say with --high FOLDER"),
        (("--high", "nowhere"), "nowhere: no such folder"),
        (("--high", "high", "--strength", "9"), "strength is 9"),
    ],
)
def test_what_cannot_be_measured_of_restoring_is_told_in_one_line(evaluate_restore, words, complaint):
    ran = evaluate_restore(*words)
    assert (ran.status, len(ran.lines)) == (1, 1)
    assert complaint in ran.err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "give either --pairs SMALL LARGE (two folders) or --high LARGE (one)"),
        (("--high", "nowhere"), "nowhere: no such folder"),
        (("--high", "high", "--models", "compact"), "no weights are called 'compact'; did you mean 'compact-x4'?"),
        (("--high", "high", "--csv", "new/scores.csv"), "there is no folder new to write scores.csv in"),
        (("--high", "high", "--csv", "high"), "high does not end in .csv"),
        (("--high", "high", "--csv", "mine.csv"), "mine.csv exists already; name another file, or add --overwrite"),
        (("--high", "high", "--sheet", "sheet.jpg"), "sheet.jpg does not end in .png"),
        (("--high", "high", "--sheet", "high/a.png", "--overwrite"), "would lie among the pictures that are measured"),
        (("--high", "high", "--sheet", "high/sheet.png"), "would lie among the pictures that are measured"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(evaluate, words, complaint):
    Path("mine.csv").write_text("mine")
    ran = evaluate(*words)
    assert (ran.status, len(ran.lines)) == (1, 1)
    assert complaint in ran.err
