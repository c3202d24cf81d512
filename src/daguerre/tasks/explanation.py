"""Explain a picture's record in plain words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from daguerre.images.filters import excess
from daguerre.tasks.provenance import COMPOSITE, ENHANCED, TRAINED, input_of

__all__ = ["Explanation", "explain"]

KINDS = {
    "digitalCapture": "A photograph from a digital camera.",
    "computationalCapture": "A photograph that a camera made of several shots.",
    "negativeFilm": "A scan of a negative.",
    "positiveFilm": "A scan of a slide.",
    "print": "A scan of a print.",
    "humanEdits": "A picture that a person has edited.",
    ENHANCED: "A photograph that a computer has corrected. Nothing was painted into it.",
    COMPOSITE: "A photograph with parts that a computer has made up.",
    TRAINED: "A picture that a computer has painted.",
}
"""Meanings of the IPTC codes that photographs can have."""

MADE_OLD = "A photograph that was made to look old."
UNTOUCHED = "A photograph that nothing was changed in."
SEEN = ((45.0, "nobody could tell the two apart"), (35.0, "closely"), (0.0, "only roughly"))
"""How well a result agrees with its original, from this many decibels."""


@dataclass(frozen=True)
class Explanation:
    """Explanation of a record.

    Args:
        headline: what the picture is, in a sentence or two.
        steps: what was done, a paragraph each.
        origin: the input and the networks; empty if unknown.
    """

    headline: str
    steps: tuple[str, ...] = ()
    origin: str = ""


def explain(steps: Sequence[Mapping[str, Any]], source_type: str | None) -> Explanation:
    """Explain a record.

    Args:
        steps: as `records_of` reads them.
        source_type: IPTC code stated in the picture.
    """
    if not steps:
        headline = KINDS.get(source_type or "", f"It says that it is of the kind {source_type}." if source_type else "")
        return Explanation(f"{headline} Daguerre has left no record in it.".strip())
    changing = {step.get("task") for step in steps if step.get("source_type")}
    headline = KINDS.get(source_type or "", f"It says that it is of the kind {source_type}.") if changing else UNTOUCHED
    headline = MADE_OLD if changing == {"age"} else headline
    origin = input_of(steps)
    program = str(steps[-1].get("program", "daguerre")).replace("daguerre", "Daguerre")
    networks = len({name for step in steps for name in step.get("models", {})})
    made = f"Made from {origin.name} (SHA-256 {origin.sha256})" if origin else "Made"
    page = f", page {origin.page}" if origin and origin.page else ""
    with_networks = f" with {counted(networks, 'network')}" if networks else ""
    return Explanation(
        headline, tuple(" ".join(sentences(step)) for step in steps), f"{made}{page} by {program}{with_networks}."
    )


def counted(number: float, what: str) -> str:
    return f"{number:g} {what}{'' if number == 1 else 's'}"


def percent(value: float) -> str:
    return f"{value:.0f} %" if value >= 9.5 else f"{value:.1g} %" if value < 0.1 else f"{value:.1f} %"


def sentences(step: Mapping[str, Any]) -> list[str]:
    """Sentences about one step."""
    task, options, found = str(step.get("task")), dict(step.get("options", {})), dict(step.get("measured", {}))
    tell = {"restore": restored, "upscale": enlarged, "stylize": painted, "faces": refined, "age": aged}.get(task)
    told = tell(options, found, step) if tell else [f"{task.capitalize()}."]
    if found.get("changed_percent") == 0:
        return [told[0], "In the end that changed nothing."]
    if "mean_change_percent" in found and task != "stylize":
        told.append(
            f"Compared with what it was, {percent(found['changed_percent'])} of its points have changed, on average by "
            f"{percent(found['mean_change_percent'])} of the way from black to white."
        )
    return told


def restored(options: Mapping[str, Any], found: Mapping[str, Any], step: Mapping[str, Any]) -> list[str]:
    told = ["Restored."]
    if "microsoft" in str(options.get("model", "")):
        told.append("A network has painted all of it anew.")
    if filled := found.get("filled_percent"):
        told.append(
            f"Scratches, tears and holes, {percent(filled)} of the picture, were filled: what is there now was guessed "
            "from what is around it."
        )
    if patched := found.get("patched_percent"):
        told.append(f"Of that, {percent(patched)} are pieces of other places in the photograph.")
    if stained := found.get("stained_percent"):
        told.append(f"Stains on {percent(stained)} of it were lightened.")
    if excess(float(found.get("blur_pixels", 0))):
        told.append("It was blurred and has been sharpened.")
    if found.get("finest_pixels", 1) > 1:
        told.append("It was coarse and has been given finer detail.")
    told += ["Grain and noise were reduced."] * (options.get("grain") != "keep")
    if tones := found.get("tone_change_percent"):
        told.append(f"Fading, yellowing and casts were corrected, by {percent(tones)} on average.")
    told += faces(found)
    if any(name.startswith("taken_back_") for name in found):
        told.append("Some of this was undone again where it did harm.")
    if (strength := options.get("strength", 1)) < 1:
        told.append(f"All of this only in part: {percent(100 * strength)} of the way.")
    return told


def faces(found: Mapping[str, Any]) -> list[str]:
    told = []
    if refined := found.get("faces_refined"):
        form = "its form was" if refined == 1 else "their forms were"
        told.append(
            f"{counted(refined, 'face')} {'was' if refined == 1 else 'were'} given finer detail. It comes from a "
            f"network that has seen many other faces, so small things may not be true to life; {form} not changed."
        )
    if kept := found.get("faces_kept"):
        told.append(f"{counted(kept, 'face')} stayed as {'it was' if kept == 1 else 'they were'}.")
    return told


def refined(options: Mapping[str, Any], found: Mapping[str, Any], step: Mapping[str, Any]) -> list[str]:
    return ["Faces refined.", *(faces(found) or ["There were none."])]


def enlarged(options: Mapping[str, Any], found: Mapping[str, Any], step: Mapping[str, Any]) -> list[str]:
    size = f"{options['scale']:g} times as wide and high" if "scale" in options else "4 times as wide and high"
    size = "to the size asked for" if {"width", "height", "long_side"} & set(options) else size
    told = [f"Enlarged {size}."]
    if step.get("source_type") == COMPOSITE:
        told.append("Detail was added that is likely, but may never have been there.")
    decibels = found.get("agreement_db")
    how = next((words for least, words in SEEN if decibels is not None and decibels >= least), None)
    if how:
        told.append(f"Shrunk again, it matches what it was enlarged from: {how} ({decibels:g} dB).")
    if invented := found.get("invented_percent"):
        told.append(f"{percent(invented)} of it shows detail that was not in the smaller picture.")
    return told


def painted(options: Mapping[str, Any], found: Mapping[str, Any], step: Mapping[str, Any]) -> list[str]:
    styles = " and ".join(map(str, options.get("style", []))) or "another picture"
    told = [f"Painted in the style of {styles}."]
    told += ["Faces were partly left as they were."] * bool(options.get("protect_faces"))
    return told


def aged(options: Mapping[str, Any], found: Mapping[str, Any], step: Mapping[str, Any]) -> list[str]:
    return ["Made to look old, on purpose, to try restoration on."]
