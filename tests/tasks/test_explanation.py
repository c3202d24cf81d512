import pytest

from daguerre.tasks.explanation import explain
from daguerre.tasks.provenance import COMPOSITE, ENHANCED, TRAINED

INPUT = {"name": "old.tif", "sha256": "ab" * 32, "page": 2}


def step(task, source_type=ENHANCED, options=None, measured=None, **more):
    return {"task": task, "source_type": source_type, "options": options or {}, "measured": measured or {}} | more


def words(*steps, kind=ENHANCED):
    return " ".join(explain(steps, kind).steps)


@pytest.mark.parametrize(
    ("steps", "kind", "headline"),
    [
        ([], None, "Daguerre has left no record in it."),
        ([], "print", "A scan of a print. Daguerre has left no record in it."),
        ([], "mystery", "It says that it is of the kind mystery. Daguerre has left no record in it."),
        ([step("restore")], ENHANCED, "A photograph that a computer has corrected. Nothing was painted into it."),
        ([step("restore")], COMPOSITE, "A photograph with parts that a computer has made up."),
        ([step("stylize")], TRAINED, "A picture that a computer has painted."),
        ([step("faces", None)], None, "A photograph that nothing was changed in."),
        ([step("faces", None)], "print", "A photograph that nothing was changed in."),
        ([step("age"), step("faces", None)], ENHANCED, "A photograph that was made to look old."),
    ],
)
def test_the_headline_says_what_the_picture_is(steps, kind, headline):
    assert explain(steps, kind).headline == headline


def test_a_restoration_is_told_part_by_part():
    measured = {
        "filled_percent": 3.26, "patched_percent": 1.0, "stained_percent": 0.04, "tone_change_percent": 8.32,
        "blur_pixels": 1.13, "finest_pixels": 2, "faces_refined": 2, "faces_kept": 1, "taken_back_rings_percent": 1,
        "changed_percent": 99.6, "mean_change_percent": 9.15,
    }  # fmt: skip
    told = words(step("restore", COMPOSITE, {"strength": 0.6}, measured))
    for part in (
        "3.3 % of the picture, were filled: what is there now was guessed",
        "1.0 % are pieces of other places",
        "Stains on 0.04 %",
        "blurred and has been sharpened",
        "given finer detail",
        "Grain and noise were reduced",
        "by 8.3 % on average",
        "2 faces were given finer detail",
        "their forms were not changed",
        "1 face stayed as it was",
        "undone again",
        "60 % of the way",
        "100 % of its points have changed, on average by 9.2 % of the way",
    ):
        assert part in told, part


def test_what_was_not_done_is_not_told():
    told = words(step("restore", options={"grain": "keep"}, measured={"filled_percent": 0.0, "blur_pixels": 0.5}))
    assert told == "Restored."
    assert words(step("restore", None, measured={"changed_percent": 0.0, "filled_percent": 0.0})) == (
        "Restored. In the end that changed nothing."
    )


@pytest.mark.parametrize(
    ("decibels", "how"), [(66.3, "nobody could tell the two apart"), (40.0, "closely"), (20.0, "only roughly")]
)
def test_agreement_is_told_in_words(decibels, how):
    told = words(step("upscale", options={"scale": 2.0}, measured={"agreement_db": decibels, "invented_percent": 0.7}))
    assert told.startswith("Enlarged 2 times as wide and high.")
    assert f"{how} ({decibels:g} dB)" in told
    assert "0.7 % of it shows detail that was not in the smaller picture" in told


def test_the_other_tasks_have_their_words():
    assert words(step("stylize", TRAINED, {"style": ["wave.jpg"]})) == "Painted in the style of wave.jpg."
    assert words(step("faces", None, measured={"faces_refined": 0})) == "Faces refined. There were none."
    assert words(step("upscale", COMPOSITE, {"width": 900})).endswith("may never have been there.")
    assert words(step("polish")) == "Polish."


def test_from_what_and_with_what_it_was_made_is_told():
    steps = [step("restore", models={"tone": "1", "faces": "2"}, input=INPUT, program="daguerre 0.1.0")]
    assert explain(steps, ENHANCED).origin == (
        f"Made from old.tif (SHA-256 {'ab' * 32}), page 2 by Daguerre 0.1.0 with 2 networks."
    )
    assert explain([step("faces")], ENHANCED).origin == "Made by Daguerre."
