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
from io import BytesIO
from xml.etree import ElementTree

from daguerre._version import __version__

__all__ = ["COMPOSITE", "Record", "add_step", "steps_of"]

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
META = "adobe:ns:meta/"
IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
OURS = "urn:daguerre:provenance:1"
SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
COMPOSITE = "compositeWithTrainedAlgorithmicMedia"
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
    root, description = opened(xmp)
    steps = [*recorded(root), {"program": f"daguerre {__version__}"} | asdict(step)]
    for parent in root.iter(f"{{{RDF}}}Description"):
        for name in (f"{{{IPTC}}}DigitalSourceType", f"{{{OURS}}}Steps"):
            parent.attrib.pop(name, None)
            for child in parent.findall(name):
                parent.remove(child)
    strongest = COMPOSITE if any(s.get("source_type") == COMPOSITE for s in steps) else step.source_type
    description.set(f"{{{IPTC}}}DigitalSourceType", SOURCE_TYPES + strongest)
    description.set(f"{{{OURS}}}Steps", json.dumps(steps, sort_keys=True))
    return b"".join((PACKET[0], ElementTree.tostring(root, encoding="utf-8"), PACKET[1]))


def steps_of(xmp: bytes | None) -> list[dict[str, object]]:
    """What an XMP packet says was done by Daguerre, in order; empty if nothing."""
    return recorded(opened(xmp)[0])


def opened(xmp: bytes | None) -> tuple[ElementTree.Element, ElementTree.Element]:
    """An XMP packet as a tree, with a description in it to add to."""
    root, prefixes = None, {}
    if xmp and xmp.strip(b"\0 \n"):
        try:
            root = ElementTree.fromstring(xmp.strip(b"\0"))
            prefixes = dict(found for _, found in ElementTree.iterparse(BytesIO(xmp.strip(b"\0")), ["start-ns"]))
        except ElementTree.ParseError as error:
            logger.warning("the picture's XMP is not well formed (%s) and is replaced", error)
    # Programs that look for `dc:` and `tiff:` letter by letter are common, so prefixes stay as they are.
    for prefix, name in (prefixes | {"x": META, "rdf": RDF, "Iptc4xmpExt": IPTC, "daguerre": OURS}).items():
        with contextlib.suppress(ValueError):  # of the form that ElementTree makes up itself
            ElementTree.register_namespace(prefix, name)
    if root is None:
        root = ElementTree.Element(f"{{{META}}}xmpmeta")
    rdf = root if root.tag == f"{{{RDF}}}RDF" else root.find(f"{{{RDF}}}RDF")
    if rdf is None:
        rdf = ElementTree.SubElement(root, f"{{{RDF}}}RDF")
    description = rdf.find(f"{{{RDF}}}Description")
    if description is None:
        description = ElementTree.SubElement(rdf, f"{{{RDF}}}Description", {f"{{{RDF}}}about": ""})
    return root, description


def recorded(root: ElementTree.Element) -> list[dict[str, object]]:
    """The steps a packet holds."""
    for description in root.iter(f"{{{RDF}}}Description"):
        if text := description.get(f"{{{OURS}}}Steps"):
            try:
                steps = json.loads(text)
            except json.JSONDecodeError:
                logger.warning("the picture's record of earlier steps cannot be read and is replaced")
                return []
            return [step for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []
    return []
