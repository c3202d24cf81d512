"""Record what was done to a picture in its XMP, in terms that other programs understand.

The IPTC's *digital source type* tells whether and how trained algorithms were involved, `xmpMM:DerivedFrom` which
picture it was made from, `xmpMM:History` what was done. A record of every step holds its options, its measurements, and
the checksums of the input, the networks and other files, so that the step can be repeated. Nothing depends on the time:
the same work on the same file gives the same bytes.
"""

import json
import logging
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from daguerre._version import __version__
from daguerre.images.formats import format_for
from daguerre.tasks.packet import Statements, read_statements, rewritten

__all__ = [
    "COMPOSITE",
    "ENHANCED",
    "SOURCE_TYPES",
    "TRAINED",
    "Input",
    "Record",
    "add_step",
    "fitted",
    "input_of",
    "source_type_of",
    "steps_of",
    "strongest",
    "with_saving",
]

SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
ENHANCED, COMPOSITE, TRAINED = (
    "algorithmicallyEnhanced",
    "compositeWithTrainedAlgorithmicMedia",
    "trainedAlgorithmicMedia",
)
"""IPTC codes: corrected by an algorithm; a photograph with generated parts; entirely generated."""

CAPTURED = {
    "digitalCapture", "computationalCapture", "negativeFilm", "positiveFilm", "print", "humanEdits", "minorHumanEdits",
}  # fmt: skip
"""Codes weaker than `ENHANCED`; all others, including unknown ones, are stronger, but weaker than `COMPOSITE`."""

ACTIONS = {"upscale": "resized", "stylize": "filtered"}
"""XMP's names of our tasks; the others are `edited`."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Input:
    """The file that a picture was made from.

    Args:
        name: without its folder.
        sha256: of its bytes.
        page: its page, if not the first was requested.
    """

    name: str
    sha256: str
    page: int | None = None


@dataclass(frozen=True, kw_only=True)
class Record:
    """Record of one step.

    Args:
        task: `upscale`, `restore`, ...
        options: those that shaped the result.
        models: SHA-256 of every network used, by name.
        measured: measurements, with the unit in the name (`agreement_db`).
        source_type: IPTC code: `ENHANCED`, `COMPOSITE` or `TRAINED`; none if nothing was changed.
        files: SHA-256 of other files that the options name, such as masks, by name.
        input: the file, if this was the first step after reading one.
    """

    task: str
    options: Mapping[str, object]
    models: Mapping[str, str]
    measured: Mapping[str, float] = field(default_factory=dict)
    source_type: str | None = ENHANCED
    files: Mapping[str, str] = field(default_factory=dict)
    input: Input | None = None


def add_step(xmp: bytes | None, step: Record) -> bytes:
    """An XMP packet with the contents of `xmp` and the record of `step` appended."""
    values = {name: value for name, value in asdict(step).items() if value or name not in ("files", "input")}
    if step.input is not None:
        values["input"] = {name: value for name, value in asdict(step.input).items() if value is not None}
    try:
        said = read_statements(xmp)
    except ValueError as error:
        logger.warning("the picture's XMP is not well formed (%s) and is replaced", error)
        xmp, said = None, Statements()
    steps = [*steps_in(said), {"program": f"daguerre {__version__}"} | values]
    events = [opened(step.input)] if step.input else []
    events.append(event_of(step))
    derived = derived_from(step.input, said) if step.input else None
    return rewritten(xmp, properties_of(steps, said, step.input), derived=derived, events=events)


def fitted(xmp: bytes | None, path: Path) -> bytes | None:
    """The part of an XMP packet that fits a file: in a JPEG file possibly only the record of steps."""
    room = format_for(path).xmp
    steps = steps_of(xmp) if xmp and room and len(xmp) > room else None
    if not steps:
        return xmp
    logger.warning("%s: of the XMP, which is too large for this format, only the record of steps is kept", path)
    said = read_statements(xmp)
    last = input_of(steps)
    return rewritten(None, said.found, derived=derived_from(last, Statements()) if last else None)


def with_saving(xmp: bytes | None, saving: Mapping[str, object]) -> bytes | None:
    """The packet of a result, with any non-default saving options added to the record of the last step."""
    steps = steps_of(xmp)
    if not saving or not steps:
        return xmp
    steps[-1]["saving"] = dict(saving)
    return rewritten(xmp, properties_of(steps, read_statements(xmp), None))


def properties_of(steps: list[dict[str, object]], said: Statements, input: Input | None) -> dict[str, str]:
    """Simple properties of a picture's XMP.

    Args:
        steps: all steps.
        said: statements already in the packet.
        input: the file, if the last step was the first after reading one.
    """
    claims = [str(step["source_type"]) for step in steps if step.get("source_type")]
    claimed = strongest([source_type_in(said), *claims])
    made = {"daguerre:Steps": json.dumps(steps, sort_keys=True)}
    made |= {"Iptc4xmpExt:DigitalSourceType": f"{SOURCE_TYPES}{claimed}"} if claimed else {}
    made |= {"xmp:CreatorTool": said.found.get("xmp:CreatorTool") or f"Daguerre {__version__}"}
    if input_of(steps) is None:  # two pictures without a file could get the same identity
        return made
    original = said.found.get("xmpMM:OriginalDocumentID") or said.found.get("xmpMM:DocumentID")
    mine = identifier(made["daguerre:Steps"])
    made |= {"xmpMM:DocumentID": f"xmp.did:{mine}", "xmpMM:InstanceID": f"xmp.iid:{mine}"}
    if original or input:
        made["xmpMM:OriginalDocumentID"] = original or (f"xmp.did:{identifier(input.sha256)}" if input else "")
    return made


def derived_from(input: Input, said: Statements) -> dict[str, str]:
    """The reference to a picture's original file, by the identity stated in it, if any."""
    names = {"stRef:documentID": "xmpMM:DocumentID", "stRef:instanceID": "xmpMM:InstanceID"}
    own = {field: said.found[name] for field, name in names.items() if said.found.get(name)}
    return {
        "stRef:documentID": f"xmp.did:{identifier(input.sha256)}",
        "stRef:instanceID": f"xmp.iid:{identifier(input.sha256)}",
        "stRef:filePath": input.name,
    } | own


def identifier(text: str) -> str:
    """A UUID derived from a text."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, text))


def opened(input: Input) -> dict[str, str]:
    page = f", page {input.page}" if input.page else ""
    return event("derived", f"from {input.name}{page}, SHA-256 {input.sha256}")


def event_of(step: Record) -> dict[str, str]:
    """A step as an event in the picture's history."""
    options = {name: value for name, value in step.options.items() if not isinstance(value, Mapping)}
    parts = [", ".join(f"{name} {value}" for name, value in values.items()) for values in (options, step.measured)]
    return event(ACTIONS.get(step.task, "edited"), "; ".join([step.task, *filter(None, parts)]))


def event(action: str, parameters: str) -> dict[str, str]:
    return {
        "stEvt:action": action,
        "stEvt:softwareAgent": f"Daguerre {__version__}",
        "stEvt:parameters": parameters,
    }


def input_of(steps: Iterable[Mapping[str, object]]) -> Input | None:
    """The file that the last of these steps started from; None if unknown."""
    for step in reversed(list(steps)):
        table = step.get("input")
        if isinstance(table, dict) and isinstance(table.get("name"), str) and isinstance(table.get("sha256"), str):
            page = table.get("page")
            return Input(name=table["name"], sha256=table["sha256"], page=page if isinstance(page, int) else None)
    return None


def strongest(kinds: Iterable[str | None]) -> str | None:
    """The code for the strongest involvement of trained algorithms; empty without codes."""
    known = [kind for kind in kinds if kind]
    return max(known, key=strength) if known else None


def strength(kind: str) -> int:
    return 0 if kind in CAPTURED else {ENHANCED: 1, COMPOSITE: 3, TRAINED: 4}.get(kind, 2)


def source_type_of(xmp: bytes | None) -> str | None:
    """The IPTC code stated in a packet, without its address; empty if there is none."""
    try:
        return source_type_in(read_statements(xmp))
    except ValueError:
        return None


def source_type_in(said: Statements) -> str | None:
    return said.found.get("Iptc4xmpExt:DigitalSourceType", "").strip().rstrip("/").rpartition("/")[2] or None


def steps_of(xmp: bytes | None) -> list[dict[str, object]]:
    """Daguerre's steps recorded in an XMP packet, in order; empty if none."""
    try:
        return steps_in(read_statements(xmp))
    except ValueError:
        return []


def steps_in(said: Statements) -> list[dict[str, object]]:
    text = said.found.get("daguerre:Steps")
    if not text:
        return []
    try:
        steps = json.loads(text)
        json.dumps(steps)
    except (ValueError, RecursionError):
        logger.warning("the picture's record of earlier steps cannot be read and is replaced")
        return []
    return [step for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []
