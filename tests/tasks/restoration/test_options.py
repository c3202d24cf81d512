import pytest

from daguerre.errors import OptionError
from daguerre.tasks.restoration.options import RestoreOptions


def test_options_that_make_no_sense_are_refused():
    with pytest.raises(OptionError, match="strength is 2; it must lie between 0 and 1"):
        RestoreOptions(strength=2)
    with pytest.raises(OptionError, match="sensitivity is -1"):
        RestoreOptions(sensitivity=-1)
    for choice in ({"fix_fading": "strong"}, {"fix_fading": "off"}, {"keep_colour": True}, {"blur": "1"}):
        with pytest.raises(OptionError, match="leave out blur, grain, fix-fading and keep-colour"):
            RestoreOptions(model="microsoft", **choice)
    with pytest.raises(OptionError, match=r"blur is 'soft'; write auto, off, or a number of pixels such as 1\.5"):
        RestoreOptions(blur="soft")
    for wrong in ("9", "-1", "nan"):
        with pytest.raises(OptionError, match="it must lie between 0 and 4"):
            RestoreOptions(blur=wrong)


@pytest.mark.parametrize("word", ["", "AUTO", "Off"])
def test_words_that_look_like_a_choice_are_not_taken_for_a_mask(word):
    with pytest.raises(OptionError, match=f"scratches is '{word}'; write auto, off, or the name of a mask's file"):
        RestoreOptions(scratches=word)
    assert RestoreOptions(scratches="auto.png").given_mask


@pytest.mark.parametrize(("blur", "pixels"), [("auto", None), ("off", 0), ("1.5", 1.5)])
def test_blur_is_measured_left_or_told(blur, pixels):
    assert RestoreOptions(blur=blur).blur_pixels == pixels


@pytest.mark.parametrize(
    ("model", "filling", "detector", "faces"),
    [
        ("auto", None, "auto", "auto"),
        ("microsoft", "attention", "microsoft-scratch-detection", "microsoft"),
        ("microsoft-patches", "patches", "microsoft-scratch-detection", "microsoft"),
    ],
)
def test_all_networks_are_of_one_family(model, filling, detector, faces):
    options = RestoreOptions(model=model)
    assert (options.filling, options.detector) == (filling, detector)
    assert (options.finding().model, options.refining().model) == (detector, faces)


def test_what_is_chosen_reaches_the_finding_of_damage_and_of_faces():
    options = RestoreOptions(sensitivity=0.8, min_length=7, face_strength=0.25, face_limit=2.0, device="cpu")
    finding, refining = options.finding(), options.refining()
    assert (finding.sensitivity, finding.min_length, finding.device) == (0.8, 7, "cpu")
    assert (refining.strength, refining.face_limit, refining.device) == (0.25, 2.0, "cpu")
