"""Read what XMP packets say about how a picture was made, and rewrite them with additions (ISO 16684-1).

Everything else in a packet stays unchanged, with its own prefixes, because many programs search for a literal `dc:` or
`tiff:`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import TypeGuard
from xml.sax.saxutils import escape, quoteattr

from daguerre.images.xmp import Listener, read_xmp

__all__ = ["Statements", "read_statements", "rewritten", "said"]

SPACES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xmpMM": "http://ns.adobe.com/xap/1.0/mm/",
    "stEvt": "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#",
    "stRef": "http://ns.adobe.com/xap/1.0/sType/ResourceRef#",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "daguerre": "urn:daguerre:provenance:1",
}
EMPTY = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{SPACES["rdf"]}"/></x:xmpmeta>'.encode()
PACKET = b"<?xpacket begin='\xef\xbb\xbf' id='W5M0MpCehiHzreSzNTczkc9d'?>\n", b"\n<?xpacket end='w'?>"
READ = (
    "Iptc4xmpExt:DigitalSourceType", "xmp:CreatorTool", "xmpMM:DocumentID", "xmpMM:InstanceID",
    "xmpMM:OriginalDocumentID", "daguerre:Steps",
)  # fmt: skip
ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML cannot hold, but a file name can."""
HISTORY, DERIVED = "xmpMM:History", "xmpMM:DerivedFrom"


def names_of(*prefixes: str) -> str:
    return " ".join(f'xmlns:{prefix}="{SPACES[prefix]}"' for prefix in prefixes)


def full(name: str) -> str:
    """`rdf:li` as `{http://…}li`."""
    prefix, _, local = name.partition(":")
    return f"{{{SPACES[prefix]}}}{local}"


ROOT, DESCRIBED, ABOUT, SEQUENCE = (full(f"rdf:{name}") for name in ("RDF", "Description", "about", "Seq"))


def said(xmp: bytes | None) -> TypeGuard[bytes]:
    """Whether a packet contains any statement."""
    return bool(xmp and xmp.strip(b"\0 \n"))


class Nested(Listener):
    """Tracks the full names of the enclosing elements, innermost last."""

    def __init__(self) -> None:
        super().__init__()
        self.inside: list[str] = []

    def begin(self, name: str, full: str, attributes: dict[str, str], names: dict[str, str]) -> None:
        self.inside.append(full)

    def end(self, name: str, full: str) -> None:
        self.inside.pop()

    @property
    def described(self) -> bool:
        """Whether this is directly in a description of the picture itself, not of something in it."""
        return self.inside[-1:] == [DESCRIBED] and self.inside[-2:-1] in ([], [ROOT])

    @property
    def listed(self) -> bool:
        """Whether this is directly in the list of the picture's history."""
        return self.inside[-4:] == [ROOT, DESCRIBED, full(HISTORY), SEQUENCE]


class Statements(Nested):
    """What a packet says about how the picture was made.

    Attributes:
        found: simple properties by name (`xmp:CreatorTool`), the first of each.
        history: whether it has a list of the picture's history.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self.history = False
        self.named = {full(name): name for name in READ}
        self.heard: str | None = None

    def begin(self, name: str, full: str, attributes: dict[str, str], names: dict[str, str]) -> None:
        if self.described and full in self.named and self.named[full] not in self.found:
            self.heard = self.named[full]
            self.found[self.heard] = ""
        super().begin(name, full, attributes, names)
        self.history |= self.listed
        if self.described:
            for key, value in attributes.items():
                if names[key] in self.named:
                    self.found.setdefault(self.named[names[key]], value)

    def characters(self, content: str) -> None:
        if self.heard is not None:
            self.found[self.heard] += content

    def end(self, name: str, full: str) -> None:
        super().end(name, full)
        self.heard = None


def read_statements(xmp: bytes | None) -> Statements:
    """Read what a packet says about how the picture was made; empty if nothing.

    Raises:
        ValueError: it is not XMP.
    """
    heard = Statements()
    if said(xmp):
        read_xmp(xmp, heard)
    return heard


def rewritten(
    xmp: bytes | None,
    properties: Mapping[str, str],
    *,
    derived: Mapping[str, str] | None = None,
    events: Sequence[Mapping[str, str]] = (),
) -> bytes:
    """A packet with the contents of `xmp` and additions.

    Args:
        xmp: a packet, or empty.
        properties: simple properties by name, replacing present ones.
        derived: fields (`stRef:…`) of the reference to the original, replacing a present one.
        events: fields (`stEvt:…`) of events, appended to the history.

    Raises:
        ValueError: `xmp` cannot be read.
    """
    kept = xmp if said(xmp) else EMPTY
    listed = read_statements(kept).history
    entries = "".join(f"<rdf:li{attributes_of(event)}/>" for event in events)
    history = f"<{HISTORY}><rdf:Seq>{entries}</rdf:Seq></{HISTORY}>" if entries and not listed else ""
    reference = "" if derived is None else f"<{DERIVED}{attributes_of(derived)}/>"
    replaced = {*properties, *([DERIVED] if derived is not None else []), *([HISTORY] if history else [])}
    description = f"<rdf:Description {names_of(*SPACES)} rdf:about=''{attributes_of(properties)}"
    content = f"{reference}{history}"
    description += f">{content}</rdf:Description>" if content else "/>"
    copy = Copy({full(name) for name in replaced}, description, entries if listed else "")
    read_xmp(kept, copy)
    return b"".join((PACKET[0], "".join(copy.parts).encode(), PACKET[1]))


def attributes_of(values: Mapping[str, str]) -> str:
    return "".join(f" {name}={quoteattr(ILLEGAL.sub('?', value))}" for name, value in values.items())


class Copy(Nested):
    """Copies the packet that it parses.

    Args:
        replaced: full names of properties of the picture that are left out.
        description: added to the first `rdf:RDF`.
        entries: added to the history; they declare no prefixes.
    """

    def __init__(self, replaced: set[str], description: str, entries: str) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.replaced, self.description, self.entries = replaced, description, entries
        self.about, self.left_out = "", 0

    def begin(self, name: str, full: str, attributes: dict[str, str], names: dict[str, str]) -> None:
        if self.left_out or (self.described and full in self.replaced):
            self.left_out += 1
            return
        super().begin(name, full, attributes, names)
        if full == DESCRIBED:
            self.about = self.about or next((attributes[key] for key in names if names[key] == ABOUT), "")
        left_out = self.replaced if self.described else ()
        kept = (f" {key}={quoteattr(text)}" for key, text in attributes.items() if names[key] not in left_out)
        self.parts += ["<", name, *kept, ">"]

    def characters(self, content: str) -> None:
        if not self.left_out:
            self.parts.append(escape(content))

    def end(self, name: str, full: str) -> None:
        if self.left_out:
            self.left_out -= 1
            return
        if self.entries and self.listed:
            # The prefixes may have another meaning here, or none.
            self.parts.append(self.entries.replace("<rdf:li", f"<rdf:li {names_of('rdf', 'stEvt')}"))
            self.entries = ""
        super().end(name, full)
        if self.description and (full == ROOT or not self.inside):
            description = self.description.replace("rdf:about=''", f"rdf:about={quoteattr(self.about)}", 1)
            root = f'<rdf:RDF xmlns:rdf="{SPACES["rdf"]}">{description}</rdf:RDF>'
            self.parts.append(description if full == ROOT else root)
            self.description = ""
        self.parts += ["</", name, ">"]
