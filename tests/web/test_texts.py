import re
from pathlib import Path

import pytest

import daguerre.web
from daguerre.web.texts import LANGUAGES, all_texts, language_for, texts_in

HERE = Path(daguerre.web.__file__).parent
SOURCES = [*(HERE / "static").glob("*.js"), *(HERE / "templates").glob("*.html")]
BUILT = (
    "loss_",
    "tab_",
    "use_",
    "done_",
    "step_",
    "state_",
    "filter_",
    "tone_",
    "style_",
    "color_",
)  # names that are put together


def test_every_text_is_there_in_every_language():
    for name, text in all_texts().items():
        assert set(text) == set(LANGUAGES), name
        values = [set(re.findall(r"\{\w+\}", text[language])) for language in LANGUAGES]
        assert values[0] == values[1] == values[2], name


def test_texts_and_the_page_know_each_other():
    code = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
    used = set(re.findall(r'\bt\("(\w+)"', code)) | set(re.findall(r"\bt\.(\w+)", code))
    assert used - set(all_texts()) == set()
    unused = {name for name in all_texts() if name not in used and f'"{name}"' not in code}
    assert {name for name in unused if not name.startswith(BUILT)} == set()


def test_the_page_and_the_archives_report_doubt_the_same():
    from daguerre.archive import report

    said = (HERE / "static" / "store.js").read_text(encoding="utf-8")
    limits = dict(re.findall(r"(\w+): (\d+)", re.search(r"LIMITS = {(.*)}", said)[1]))
    assert {name: float(value) for name, value in limits.items()} == {
        "damaged": report.MUCH_FILLED,
        "agreement": report.LEAST_AGREEMENT,
        "pale": report.PALE,
        "tone": report.MUCH_TONE,
        "other": 1.0,
    } | report.MUCH_TAKEN_BACK


@pytest.mark.parametrize(
    ("asked", "accepted", "language"),
    [
        ("", "de-AT,de;q=0.9,en;q=0.8", "de"),
        ("", "fr,es;q=0.5,en;q=0.4", "es"),
        ("es", "de", "es"),
        ("xx", "", "en"),
        ("", "en;q=0.1,de;q=0.2", "de"),
        ("", ";;q=,;q=x", "en"),
    ],
)
def test_the_language_is_what_was_asked_for_or_the_browsers(asked, accepted, language):
    assert language_for(asked, accepted) == language
    assert texts_in(language)["title"]
