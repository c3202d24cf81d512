import csv
import io
import json
import math
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from rich.console import Console

from daguerre.errors import MissingExtra, UnwritablePicture
from daguerre.evaluation.comparison import Evaluation
from daguerre.evaluation.reports import ContactSheet, as_json, as_tables, worst_spot, write_csv
from daguerre.tiling.windows import Window


def evaluation() -> Evaluation:
    def scores(psnr: float, perceptual: float) -> dict[str, float]:
        return {"psnr_y": psnr, "ssim_y": 0.9, "perceptual": perceptual}

    return Evaluation(
        protocol=["How it was done."],
        scores={
            "Größe": {"bicubic": scores(30, 0.3), "folder/ours": scores(32, 0.2)},
            "b": {"bicubic": scores(26, 0.5), "folder/ours": scores(math.inf, 0.0)},
        },
        failures={"torn": "torn.png: truncated"},
    )


def printed(markup: bool = False) -> str:
    console = Console(width=100, record=True, file=io.StringIO(), color_system="standard")
    console.print(*as_tables(evaluation()), sep="")
    return console.export_text(styles=markup)


def test_table_has_every_picture_and_the_means():
    lines = [line.split() for line in printed().splitlines() if line.strip()]
    assert ["Größe", "bicubic", "30.00", "0.9000", "0.3000"] in lines
    assert ["ours", "32.00", "0.9000", "0.2000"] in lines
    assert ["mean", "of", "2", "bicubic", "28.00", "0.9000", "0.4000"] in lines


def test_table_shows_the_best_in_bold_and_knows_where_less_is_better():
    text = printed(markup=True)
    assert "\x1b[1m32.00" in text
    assert "\x1b[1m0.2000" in text
    assert "\x1b[1m30.00" not in text


def test_json_is_strict_and_holds_protocol_means_and_failures():
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    said = json.loads(as_json(evaluation()), parse_constant=refuse)
    assert said["mean"]["bicubic"]["psnr_y"] == 28
    assert said["pictures"]["b"]["folder/ours"]["psnr_y"] is None
    assert said["failures"] == {"torn": "torn.png: truncated"}
    assert said["protocol"] == ["How it was done."]


def test_csv_has_a_line_for_each_picture_and_model_and_the_means(tmp_path: Path):
    write_csv(evaluation(), tmp_path / "scores.csv")
    with (tmp_path / "scores.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["picture"], row["model"]) for row in rows] == [
        (picture, model) for picture in ("Größe", "b", "mean") for model in ("bicubic", "folder/ours")
    ]
    assert float(rows[4]["psnr_y"]) == 28


def test_reports_of_nothing_measured_are_empty_not_broken(tmp_path: Path):
    nothing = Evaluation(protocol=[], failures={"torn": "truncated"})
    assert as_tables(nothing) == []
    assert json.loads(as_json(nothing))["mean"] == {}
    write_csv(nothing, tmp_path / "scores.csv")
    assert (tmp_path / "scores.csv").read_text().split() == ["picture,model"]


def pictures() -> dict[str, torch.Tensor]:
    original = torch.zeros(1, 3, 48, 64)
    original[..., 24:32, 40:48] = 1
    low = torch.arange(12 * 16.0).view(1, 1, 12, 16).expand(1, 3, 12, 16) / 192
    return {"input": low, "bicubic": torch.zeros(1, 3, 48, 64), "original": original}


def test_the_spot_lies_where_bicubic_errs_and_on_the_grid_of_the_input():
    images = pictures()
    spot = worst_spot(images["bicubic"], images["original"], 8, 8, 4)
    assert spot == Window(24, 40, 8, 8)
    assert worst_spot(images["bicubic"], images["original"], 48, 64, 4) == Window(0, 0, 48, 64)


def test_sheet_shows_each_pixel_as_a_square_of_one_colour(tmp_path: Path):
    sheet = ContactSheet(cell=32, zoom=4)  # crops of 8 px, that is 2 px of the input
    sheet.look("a", pictures(), {"bicubic": {"psnr_y": 20.0, "ssim_y": 0.5}}, Window(24, 40, 8, 8))
    cells = sheet.rows[0]
    assert [label for _, label in cells] == ["a", "", "20.00 dB / 0.5000", ""]
    crop = cells[1][0]
    assert crop.size == (32, 32)
    assert {crop.getpixel((x, y)) for x in range(16) for y in range(16)} == {(round((6 * 16 + 10) / 192 * 255),) * 3}
    assert cells[3][0].getcolors() == [(32 * 32, (255, 255, 255))]


def test_sheet_has_a_row_a_picture_up_to_its_limit_and_labels_in_the_margins(tmp_path: Path):
    sheet = ContactSheet(rows=2, cell=64)
    for name in ("a", "Größe", "left out"):
        sheet.look(name, pictures(), {})
    sheet.save(tmp_path / "sheet.png", "4x")
    with Image.open(tmp_path / "sheet.png") as written:
        assert written.width == 16 + 4 * (64 + 16)
        headings = written.crop((16 + 80, 48, 16 + 160, 64)).convert("L")
        assert headings.getextrema()[0] < 128  # "input" is written there
        assert written.crop((0, 0, 16, written.height)).getcolors() == [(16 * written.height, (255, 255, 255))]
    assert len(sheet.rows) == 2


def test_sheet_can_show_every_picture_whole_above_its_crop():
    sheet = ContactSheet(cell=32, zoom=4, baseline="aged", wholes=True)
    clean = pictures()["original"]
    aged = 0.5 * clean + 0.2  # tones alone: no spot is worse than another, but for this one
    aged[..., 8:12, 8:12] = 1
    sheet.look("a", {"aged": aged, "clean": clean}, {"aged": {"psnr_rgb": 20.0, "ssim_y": 0.5}})
    wholes, crops = sheet.rows
    assert sheet.headings == ["aged", "clean"]
    assert [picture.size for picture, _ in wholes + crops] == [(32, 24)] * 2 + [(32, 32)] * 2
    assert [label for _, label in wholes] == ["20.00 dB / 0.5000", ""]
    assert crops[0][0].getpixel((16, 16)) == (255, 255, 255)


def test_what_was_not_measured_is_a_dash_and_never_the_best():
    scores = {"aged": {"f1": math.nan}, "ours": {"f1": 0.8}, "theirs": {"f1": 0.5}}
    console = Console(width=100, record=True, file=io.StringIO(), color_system="standard")
    console.print(*as_tables(Evaluation(protocol=[], scores={"a": scores})))
    text = console.export_text(styles=True)
    assert "-" in text
    assert "\x1b[1m0.800" in text


def test_pictures_smaller_than_a_crop_are_shown_whole(tmp_path: Path):
    sheet = ContactSheet(cell=288, zoom=3)
    sheet.look("a", pictures(), {})
    assert sheet.rows[0][1][0].size == (256, 192)
    assert sheet.rows[0][3][0].size == (256, 192)


def test_sheet_into_a_folder_that_is_not_there_is_refused_with_its_name(tmp_path: Path):
    sheet = ContactSheet()
    sheet.look("a", pictures(), {})
    with pytest.raises(UnwritablePicture, match=r"cannot write .*nowhere.sheet\.png"):
        sheet.save(tmp_path / "nowhere" / "sheet.png")


def test_sheet_without_pillow_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match=r"daguerre\[train\]"):
        ContactSheet()
