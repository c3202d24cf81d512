"""A report on a folder of results, as one HTML file that opens anywhere, even offline.

First come the least certain results, each with a slider between before and after; then failures, pictures left as they
were, and the rest.
"""

import base64
import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from daguerre._version import __version__
from daguerre.archive.manifest import Manifest, Row, State
from daguerre.archive.places import Mirror, address_of
from daguerre.errors import DaguerreError, OutputExists
from daguerre.files import check_name, read_small, whole
from daguerre.images import Picture, SaveOptions
from daguerre.images.metadata import Metadata
from daguerre.progress import Progress, ProgressCallback, silent

__all__ = ["Doubt", "check_report", "done_in", "doubts_in", "write_report"]

GENERATOR_MARK = '<meta name="generator" content="daguerre report">'
"""Present in every report; marks a file as a report that may be replaced."""

PICTURE_SIDE = 560  # pixels of the longer side of a picture in a report
MAX_SHOWN = 200  # results that are shown with pictures
MAX_LISTED = 5000  # more results that are listed by name
LEAST_AGREEMENT = 35.0  # dB; photographs reach 40 and more
MUCH_FILLED = 2.0  # percent of a photograph
PALE = 30.0  # percent between its darkest tones and black, and its lightest and white
MUCH_TONE = 15.0  # percent by which tones changed, on average

TAKEN_BACK = {
    "stains": "what looks like a stain was left, for it may be none",
    "colours": "new colors were taken back",
    "rings": "rings around edges were taken back",
    "forms": "new forms were taken back",
    "texture": "texture that was lost was put back",
    "faces": "faces changed less than they would have",
}
MUCH_TAKEN_BACK = {"texture": 20.0}  # percent from which it deserves a look; 1 for the others
NAMES = {"restore": "restored", "upscale": "enlarged", "stylize": "stylized", "faces": "faces refined"}
NAMES |= {"age": "aged", "scratches": "damage marked"}


@dataclass(frozen=True)
class Doubt:
    """Why a person should look at a result.

    Args:
        weight: how much it matters; the largest come first.
        words: a line.
    """

    weight: float
    words: str


def doubts_in(row: Row) -> list[Doubt]:
    """Doubts about a result, the most important first."""
    found = [Doubt(3.0, warning) for warning in row.warnings]
    for step in (row.report or {}).get("steps", []):
        found += step_doubts(step["found"])
    return sorted(found, key=lambda doubt: -doubt.weight)


def step_doubts(found: Mapping[str, Any]) -> Iterator[Doubt]:
    """The same for one step."""
    for warning in found.get("warnings", ()):
        yield Doubt(4.0, warning)
    for what, percent in found.get("taken_back_percent", {}).items():
        if percent >= MUCH_TAKEN_BACK.get(what, 1.0):
            yield Doubt(2 + percent / 20, f"in {percent:g} % of it, {TAKEN_BACK.get(what, f'{what} was taken back')}")
    kept = [face for face in found.get("faces", ()) if face["fate"] == "kept"]
    if kept:
        yield Doubt(2.0 + len(kept), f"{faces(len(kept))} left alone: the change would have been too large")
    damaged = found.get("damaged_percent", 0)
    if damaged > MUCH_FILLED and "tone_change_percent" in found:
        yield Doubt(1 + damaged / 4, f"{damaged:g} % of it was filled in, without knowing what was there")
    agreement = found.get("agreement_db")
    if agreement is not None and agreement < LEAST_AGREEMENT:
        yield Doubt(1 + (LEAST_AGREEMENT - agreement) / 5, f"agrees with the original to {agreement:g} dB only")
    if found.get("pale_percent", 0) > PALE:
        yield Doubt(1.0, "still pale; if it has faded, restore it with --fix-fading strong")
    if found.get("tone_change_percent", 0) > MUCH_TONE:
        yield Doubt(0.5 + found["tone_change_percent"] / 30, f"its tones changed by {found['tone_change_percent']:g} %")


def done_in(row: Row) -> list[str]:
    """What was done and found, as lines."""
    lines: list[str] = []
    for step in (row.report or {}).get("steps", []):
        lines += step_lines(step["task"], step["found"])
    return lines


def step_lines(task: str, found: Mapping[str, Any]) -> Iterator[str]:
    """The same for one step."""
    if "tone_change_percent" in found:
        if found["damaged_percent"]:
            yield f"{found['damaged_percent']:g} % damaged, and filled"
        if found["stained_percent"]:
            yield f"{found['stained_percent']:g} % stained, and cleaned"
        if found["blur_pixels"]:
            yield f"deblurred by {found['blur_pixels']:g} pixels"
        if found["finest_pixels"] > 1:
            yield f"nothing in it was finer than {found['finest_pixels']} pixels; enlarged again"
        if found["tone_change_percent"]:
            yield f"tones changed by {found['tone_change_percent']:g} %"
    elif "damaged_percent" in found:
        yield f"{found['damaged_percent']:g} % damaged"
    if found.get("faces"):
        refined = sum(face["fate"] == "refined" for face in found["faces"])
        yield f"{faces(len(found['faces']))} found, {refined} refined"
    if "agreement_db" in found:
        agreement = found["agreement_db"]
        yield "enlarged; agrees " + ("exactly" if agreement is None else f"to {agreement:g} dB")
    if task == "stylize":
        yield "stylized"


def faces(count: int) -> str:
    return f"{count} face{'' if count == 1 else 's'}"


def check_report(path: Path) -> None:
    """Make sure, before any work is done, that a report can be written; an older report is replaced.

    Raises:
        OutputExists: another file has that name.
        UnwritablePicture: it is a folder, or the name cannot be used.
    """
    if not check_name(path):
        return
    with contextlib.suppress(OSError):
        if GENERATOR_MARK.encode() in read_small(path, limit=2**31)[:2000]:
            return
    raise OutputExists(f"{path} exists already and is no report; name another file")


def write_report(
    folder: Path, path: Path, *, mirror: Mirror | None = None, progress: ProgressCallback = silent
) -> Path:
    """Write a report on everything in the manifests of a folder.

    Args:
        folder: of the results.
        mirror: the folder's mirror, if it is remote.
        path: path of the report, which replaces an older one.

    Raises:
        ArchiveError: there is no manifest, or it cannot be read.
        OutputExists: see `check_report`.
    """
    from jinja2 import Environment, PackageLoader

    check_report(path)
    rows = Manifest.all_rows(folder)
    done = [row for row in rows if row.state is State.DONE]
    doubts = {row.target: doubts_in(row) for row in done}
    done.sort(key=lambda row: (-sum(doubt.weight for doubt in doubts[row.target]), row.target))
    cards = []
    for number, row in enumerate(done[:MAX_SHOWN]):
        progress(Progress(step="writing the report", done=number, total=min(len(done), MAX_SHOWN)))
        cards.append(card(folder, path, row, doubts[row.target], mirror))
    environment = Environment(loader=PackageLoader("daguerre.archive", "."), autoescape=True, trim_blocks=True)
    text = environment.get_template("report.html").render(
        mark=GENERATOR_MARK,
        title=folder.resolve().name,
        version=__version__,
        counts={state: sum(row.state is state for row in rows) for state in State},
        seconds=sum(row.seconds or 0 for row in done),
        doubtful=[one for one in cards if one["doubts"]],
        sure=[one for one in cards if not one["doubts"]],
        listed=[named(folder, path, row) for row in done[MAX_SHOWN : MAX_SHOWN + MAX_LISTED]],
        unlisted=max(len(done) - MAX_SHOWN - MAX_LISTED, 0),
        failed=[named(folder, path, row) for row in rows if row.state is State.FAILED],
        kept=[named(folder, path, row) for row in rows if row.state is State.KEPT],
        networks=sorted({(name, digest) for row in done for name, digest in row.networks.items()}),
    )
    with whole(path) as partial:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")
    return path


def card(folder: Path, report: Path, row: Row, doubts: Sequence[Doubt], mirror: Mirror | None) -> dict[str, Any]:
    """How a result is shown."""
    source = Path(row.source)
    address = address_of(source)
    come = Mirror(address.rpartition("/")[0], source.parent) if address else None
    before, after = embedded(source, come), embedded(folder / row.target, mirror)
    tasks = [step["task"] for step in (row.report or {}).get("steps", [])]
    return named(folder, report, row) | {
        "before": before,
        "after": after,
        "doubts": [doubt.words for doubt in doubts],
        "lines": done_in(row),
        "tasks": ", ".join(NAMES.get(task, task) for task in tasks),
        "width": (row.report or {}).get("width"),
        "height": (row.report or {}).get("height"),
    }


def named(folder: Path, report: Path, row: Row) -> dict[str, Any]:
    """A row's names, and the reason for its state."""
    target = os.path.relpath(folder / row.target, report.parent)
    why = row.error or ""
    return {"name": row.target, "source": row.source, "why": why, "href": quote(Path(target).as_posix())}


def embedded(path: Path, mirror: Mirror | None) -> str:
    """A thumbnail of a picture as a data URL; empty if it cannot be read."""
    with (
        contextlib.suppress(DaguerreError, OSError),
        tempfile.TemporaryDirectory() as folder,
        mirror.lent(path) if mirror else contextlib.nullcontext(path) as file,
    ):
        picture = Picture.open(file)
        share = min(PICTURE_SIDE / max(picture.height, picture.width), 1)
        image = picture.image.resize(share) if share < 1 else picture.image
        small = Picture(image, bits=picture.bits, colour=picture.colour, metadata=Metadata())
        name = small.save(Path(folder) / "small.jpg", options=SaveOptions(quality=80, profile="srgb"))
        return f"data:image/jpeg;base64,{base64.b64encode(name.read_bytes()).decode()}"
    return ""
