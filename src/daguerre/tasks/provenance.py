"""What was done to a picture, written into the picture (XMP).

Two statements are added to whatever the XMP packet holds already: the IPTC's *digital source type*, which says in terms
other programs understand that trained algorithms took part, and a record of every step with its options, the networks'
checksums and what was measured, so that the step can be repeated. Nothing in it depends on the time or the computer.
"""

import contextlib
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeGuard
from xml.sax.saxutils import escape, quoteattr

from daguerre._version import __version__
from daguerre.images.formats import format_for
from daguerre.images.xmp import Listener, read_xmp

__all__ = ["COMPOSITE", "Record", "add_step", "fitted", "steps_of"]

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
META = "adobe:ns:meta/"
IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
OURS = "urn:daguerre:provenance:1"
SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
COMPOSITE = "compositeWithTrainedAlgorithmicMedia"
DESCRIBED, ABOUT, ROOT = f"{{{RDF}}}Description", f"{{{RDF}}}about", f"{{{RDF}}}RDF"
STEPS = f"{{{OURS}}}Steps"
REPLACED = {STEPS, f"{{{IPTC}}}DigitalSourceType"}
NAMES = {
    prefix: f'xmlns:{prefix}="{name}"' for prefix, name in {"rdf": RDF, "Iptc4xmpExt": IPTC, "daguerre": OURS}.items()
}
DESCRIPTION = (
    f"<rdf:Description {' '.join(NAMES.values())} rdf:about='' Iptc4xmpExt:DigitalSourceType={{}} daguerre:Steps={{}}/>"
)
EMPTY = f'<x:xmpmeta xmlns:x="{META}"><rdf:RDF {NAMES["rdf"]}/></x:xmpmeta>'.encode()
PACKET = b"<?xpacket begin='\xef\xbb\xbf' id='W5M0MpCehiHzreSzNTczkc9d'?>\n", b"\n<?xpacket end='w'?>"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Record:
    """One thing that was done.

    Args:
        task: `upscale`, `restore`, ...
        options: those that shaped the result.
        models: SHA-256 of every network that took part, by name.
        measured: numbers found, with their unit in the name (`agreement_db`).
        source_type: IPTC code; `algorithmicallyEnhanced` or, where content was filled in or painted,
            `compositeWithTrainedAlgorithmicMedia`.
    """

    task: str
    options: Mapping[str, object]
    models: Mapping[str, str]
    measured: Mapping[str, float] = field(default_factory=dict)
    source_type: str = "algorithmicallyEnhanced"


def add_step(xmp: bytes | None, step: Record) -> bytes:
    """An XMP packet that says everything `xmp` says, and that `step` was done after what was done before."""
    steps = [*steps_of(xmp), {"program": f"daguerre {__version__}"} | asdict(step)]
    try:
        return with_steps(xmp if said(xmp) else EMPTY, steps)
    except ValueError as error:
        logger.warning("the picture's XMP is not well formed (%s) and is replaced", error)
        return with_steps(EMPTY, steps)


def fitted(xmp: bytes | None, path: Path) -> bytes | None:
    """What of an XMP packet a file has room for: in a JPEG file that may be the record of steps alone."""
    room = format_for(path).xmp
    steps = steps_of(xmp) if xmp and room and len(xmp) > room else None
    if not steps:
        return xmp
    logger.warning("%s: of the XMP, which is too large for this format, only the record of steps is kept", path)
    return with_steps(EMPTY, steps)


def with_steps(xmp: bytes, steps: list[dict[str, object]]) -> bytes:
    """An XMP packet that says what `xmp` says, and that `steps` were done.

    Raises:
        ValueError: `xmp` cannot be read.
    """
    kinds = [step.get("source_type") for step in steps]
    kind = f"{SOURCE_TYPES}{COMPOSITE if COMPOSITE in kinds else kinds[-1]}"
    copy = Copy(DESCRIPTION.format(quoteattr(kind), quoteattr(json.dumps(steps, sort_keys=True))))
    read_xmp(xmp, copy)
    return b"".join((PACKET[0], "".join(copy.parts).encode(), PACKET[1]))


def steps_of(xmp: bytes | None) -> list[dict[str, object]]:
    """What an XMP packet says was done by Daguerre, in order; empty if nothing."""
    record = Steps()
    with contextlib.suppress(ValueError):
        if said(xmp):
            read_xmp(xmp, record)
    if not record.text:
        return []
    try:
        steps = json.loads(record.text)
        json.dumps(steps)
    except (ValueError, RecursionError):
        logger.warning("the picture's record of earlier steps cannot be read and is replaced")
        return []
    return [step for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []


def said(xmp: bytes | None) -> TypeGuard[bytes]:
    """Whether a packet says anything at all."""
    return bool(xmp and xmp.strip(b"\0 \n"))


class Steps(Listener):
    """Listens for the record of steps, the first if there are several."""

    text = ""

    def begin(self, name: str, full: str, attributes: dict[str, str], names: dict[str, str]) -> None:
        for key, value in attributes.items():
            if names[key] == STEPS and full == DESCRIBED:
                self.text = self.text or value


class Copy(Listener):
    """Writes down what it hears, but for earlier statements of ours, and adds a description to the first `rdf:RDF`.

    Names keep their prefixes, because programs that look for `dc:` and `tiff:` letter by letter are common.
    """

    def __init__(self, description: str) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.description, self.about, self.left_out = description, "", 0

    def begin(self, name: str, full: str, attributes: dict[str, str], names: dict[str, str]) -> None:
        if self.left_out or full in REPLACED:
            self.left_out += 1
            return
        if full == DESCRIBED:
            self.about = self.about or next((attributes[key] for key in names if names[key] == ABOUT), "")
        kept = (f" {key}={quoteattr(text)}" for key, text in attributes.items() if names[key] not in REPLACED)
        self.parts += ["<", name, *kept, ">"]

    def characters(self, content: str) -> None:
        if not self.left_out:
            self.parts.append(escape(content))

    def end(self, name: str, full: str) -> None:
        if self.left_out:
            self.left_out -= 1
            return
        last = len(self.opened) == 1
        if self.description and (full == ROOT or last):
            description = self.description.replace("rdf:about=''", f"rdf:about={quoteattr(self.about)}", 1)
            self.parts.append(description if full == ROOT else f"<rdf:RDF {NAMES['rdf']}>{description}</rdf:RDF>")
            self.description = ""
        self.parts += ["</", name, ">"]
