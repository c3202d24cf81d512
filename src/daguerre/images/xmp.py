"""Read XMP packets as untrusted XML.

References in a packet are neither resolved nor expanded (defusedxml), and it is parsed as a stream, so that neither
its depth nor the number of its names costs more than their bytes. ISO 16684-1.
"""

from collections import defaultdict
from xml.sax import SAXException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl

import defusedxml.sax

__all__ = ["Listener", "check_xmp", "read_xmp"]

MAX_BYTES = 2**20
"""Most bytes of a packet: even if it is all tags, it is parsed in half a second, with 30 MB; JPEG files hold 65,502."""

DEEPEST = 100
"""Deepest nesting of elements; programs need about ten."""


class Listener(ContentHandler):
    """Receives a packet's elements, with names as written (`dc:title`) and in full (`{http://purl.org/…}title`)."""

    def __init__(self) -> None:
        super().__init__()
        self.spaces = defaultdict(list, {"xml": ["http://www.w3.org/XML/1998/namespace"]})
        self.opened: list[list[str]] = []

    def startElement(self, name: str, attrs: "AttributesImpl[str]") -> None:
        """Record the prefixes that an element declares, and pass it to `begin`."""
        if len(self.opened) == DEEPEST:
            raise ValueError(f"more than {DEEPEST} elements within one another")
        said = dict(attrs.items())
        bound = [key for key in said if key == "xmlns" or key.startswith("xmlns:")]
        for key in bound:
            self.spaces[key[6:]].append(said[key])
        self.opened.append(bound)
        names = {key: self.resolve(key) if ":" in key and not key.startswith("xmlns:") else key for key in said}
        self.begin(name, self.resolve(name), said, names)

    def endElement(self, name: str) -> None:
        self.end(name, self.resolve(name))
        for key in self.opened.pop():
            self.spaces[key[6:]].pop()

    def resolve(self, name: str) -> str:
        """A name in full.

        Raises:
            ValueError: its prefix is not declared.
        """
        prefix, _, local = name.rpartition(":")
        if self.spaces[prefix]:
            return f"{{{self.spaces[prefix][-1]}}}{local}"
        if prefix:
            raise ValueError(f"what the prefix {prefix} means is not said")
        return name

    def begin(self, name: str, full: str, attributes: dict[str, str], names: dict[str, str]) -> None:
        """Start of an element; `names` are its attributes' full names."""

    def end(self, name: str, full: str) -> None:
        """End of an element."""


def check_xmp(packet: bytes) -> None:
    """Check that a packet is valid.

    Raises:
        ValueError: too large or too deep, not well-formed, in an unknown encoding, or with its own entity definitions.
    """
    read_xmp(packet, Listener())


def read_xmp(packet: bytes, listener: Listener) -> None:
    """Parse a packet into a listener.

    Raises:
        ValueError: as for `check_xmp`, or raised by the listener.
    """
    if len(packet) > MAX_BYTES:
        raise ValueError(f"{len(packet):,} bytes are too many")
    if not packet.startswith((b"\xff\xfe", b"<\0")):  # not UTF-16: strip padding zeros
        packet = packet.strip(b"\0")
    parser = defusedxml.sax.make_parser()
    parser.forbid_dtd = True
    parser.setContentHandler(listener)
    try:
        parser.feed(packet)
        parser.close()
    except SAXException as error:
        raise ValueError(error.getMessage()) from error
    except defusedxml.DefusedXmlException as error:
        raise ValueError("it defines entities of its own") from error
    except LookupError as error:  # an unknown encoding, or not a text encoding
        raise ValueError(str(error).split(";")[0]) from error
