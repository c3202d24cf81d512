import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from daguerre.archive import report
from daguerre.archive.manifest import Manifest, Outcome, Stamp
from daguerre.archive.report import check_report, done_in, doubts_in, write_report
from daguerre.archive.work import Work
from daguerre.errors import ArchiveError, OutputExists
from daguerre.images import Picture
from daguerre.tasks.upscaling.upscaler import UpscaleOptions

WORK = Work(steps=(UpscaleOptions(scale=2.0),))
STAMP = Stamp("0" * 64, 1, None)
CLEAN = {
    "damaged_percent": 0.0,
    "stained_percent": 0.0,
    "blur_pixels": 0.0,
    "finest_pixels": 1,
    "tone_change_percent": 0.0,
    "pale_percent": 0.0,
    "taken_back_percent": {},
    "warnings": [],
    "faces": [],
}
WORN = CLEAN | {"damaged_percent": 6.0, "stained_percent": 1.5, "blur_pixels": 1.2, "tone_change_percent": 20.0}


@pytest.fixture
def manifest(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Manifest(Path("out"))


def add(manifest, name, found=CLEAN, task="restore", warnings=()):
    """A result that was made."""
    for folder, seed in (("scans", 0), ("out", 1)):
        levels = np.random.default_rng(seed).integers(0, 256, (60, 90, 3), dtype=np.uint8)
        Path(folder).mkdir(exist_ok=True)
        Picture.from_array(levels).save(Path(folder) / name)
    number = manifest.add(Path("scans") / name, name, WORK)
    made = {"width": 90, "height": 60, "steps": [{"task": task, "measured": {}, "found": found}]}
    made["networks"] = {"compact-x2": "ab" * 32}
    outcome = Outcome(
        report=made, work_key=WORK.key, source=STAMP, result=STAMP, seconds=30.0, warnings=tuple(warnings)
    )
    manifest.finish(number, outcome)
    return manifest.row(number)


def test_what_is_most_doubtful_comes_first_then_what_failed_and_was_left(manifest):
    add(manifest, "sure.png")
    add(manifest, "worn.png", WORN)
    add(manifest, "negative.png", WORN | {"warnings": ["this looks like a negative"], "pale_percent": 50.0})
    manifest.fail(manifest.add("/scans/bad.png", "bad.png", WORK), "it is torn")
    manifest.keep(manifest.add("/scans/mine.png", "mine.png", WORK), "not made here")
    text = write_report(Path("out"), Path("report.html")).read_text()
    found = [text.index(part) for part in (">negative.png<", ">worn.png<", "it is torn", "not made here", ">sure.png<")]
    assert found == sorted(found)
    assert '<a href="out/worn.png">' in text
    assert "<b>3</b> done" in text
    assert "<b>1</b> failed" in text
    assert "<b>2</b> minutes of work" in text
    assert "ab" * 32 in text
    assert len(re.findall("<img src", text)) == 3


def test_it_needs_nothing_from_elsewhere_and_no_name_can_do_harm(manifest):
    add(manifest, "a b'c#%.png")
    manifest.fail(manifest.add('/<script>alert("1")</script>.png', "x.png", WORK), "<b>torn</b>")
    text = write_report(Path("out"), Path("report.html")).read_text()
    sources = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert {source.partition(",")[0] for source in sources if not source.startswith("#")} == {
        "data:image/jpeg;base64",
        "out/a%20b%27c%23%25.png",
    }
    assert "<script>alert" not in text
    assert "&lt;b&gt;torn" in text
    assert "default-src 'none'" in text


def test_a_picture_that_is_gone_is_said_to_be(manifest):
    for name in ("a.png", "b.png"):
        add(manifest, name)
    Path("scans/a.png").unlink()
    Path("out/b.png").unlink()
    text = write_report(Path("out"), Path("report.html")).read_text()
    assert "the original could not be read" in text
    assert "The result is not there any more" in text


def test_of_very_many_only_some_are_shown(manifest, monkeypatch):
    monkeypatch.setattr(report, "MAX_SHOWN", 1)
    monkeypatch.setattr(report, "MAX_LISTED", 1)
    for name in ("a.png", "b.png", "c.png"):
        add(manifest, name)
    text = write_report(Path("out"), Path("report.html")).read_text()
    assert (text.count("<article"), "2 more results" in text, "and 1 that are not listed" in text) == (1, True, True)


def test_a_report_replaces_a_report_and_nothing_else(manifest):
    with pytest.raises(ArchiveError, match="no manifest"):
        write_report(Path("nowhere"), Path("report.html"))
    add(manifest, "a.png")
    write_report(Path("out"), Path("report.html"))
    write_report(Path("out"), Path("report.html"))
    Path("mine.html").write_text("<p>mine")
    with pytest.raises(OutputExists, match=r"mine\.html exists already and is no report"):
        check_report(Path("mine.html"))


def test_doubts_and_what_was_done_are_lines_for_people(manifest):
    face = {"number": 1, "fate": "kept", "change_percent": 6.0}
    worn = WORN | {"taken_back_percent": {"colours": 3.0, "texture": 4.0}, "faces": [face, face | {"fate": "refined"}]}
    row = add(manifest, "a.png", worn, warnings=["the profile is damaged"])
    assert [doubt.words for doubt in doubts_in(row)] == [
        "the profile is damaged",
        "1 face left alone: the change would have been too large",
        "6 % of it was filled in, without knowing what was there",
        "in 3 % of it, new colors were taken back",
        "its tones changed by 20 %",
    ]
    assert done_in(row) == [
        "6 % damaged, and filled",
        "1.5 % stained, and cleaned",
        "deblurred by 1.2 pixels",
        "tones changed by 20 %",
        "2 faces found, 1 refined",
    ]
    large = add(manifest, "b.png", {"agreement_db": 28.0, "models": []}, "upscale")
    assert [doubt.words for doubt in doubts_in(large)] == ["agrees with the original to 28 dB only"]
    assert done_in(large) == ["enlarged; agrees to 28 dB"]
    assert done_in(add(manifest, "c.png", {}, "stylize")) == ["stylized"]
    assert done_in(add(manifest, "d.png", {"damaged_percent": 2.0}, "scratches")) == ["2 % damaged"]


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Debian's chromium")
def test_in_a_browser_the_keyboard_moves_the_slider_and_nothing_is_fetched(manifest):
    api = pytest.importorskip("playwright.sync_api")
    add(manifest, "a.png")
    path = write_report(Path("out"), Path("report.html")).absolute()
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 360, "height": 640})
        asked, wrong = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: wrong.append(message.text))
        page.goto(path.as_uri())

        def cut():
            return page.eval_on_selector(".view", "view => view.style.getPropertyValue('--cut')")

        assert cut() == "50%"
        page.get_by_role("slider", name="a.png").focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        assert cut() == "52%"
        page.keyboard.press("Home")
        assert cut() == "0%"
        box = page.eval_on_selector(".view", "view => [view.clientWidth, view.clientHeight]")
        assert abs(box[0] / box[1] - 90 / 60) < 0.02, "pictures keep their shape"
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        browser.close()
    assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()]
    assert wrong == []
