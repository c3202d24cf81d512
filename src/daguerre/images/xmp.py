"""XMP packets read as what they are: XML that anybody may have made.

Nothing is looked up or expanded that a packet refers to (defusedxml), and a packet is read as a stream, so that neither
its depth nor the number of its names costs more than their bytes. ISO 16684-1.
"""

from collections import defaultdict
from xml.sax import SAXException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl

import defusedxml.sax

__all__ = ["Listener", "check_xmp", "read_xmp"]

LARGEST = 2**20
"""Bytes of a packet: read in half a second, with 30 MB, even if it is nothing but tags; JPEG files hold 65,502."""

DEEPEST = 100
"""Elements within one another; what programs write needs about ten."""


class Listener(ContentHandler):
    """Hears what a packet holds, with names as they stand there (`dc:title`) and in full (`{http://purl.org/…}title`)."""

    def __init__(self) -> None:
        super().__init__()
        self.spaces = defaultdict(list, {"xml": ["http://www.w3.org/XML/1998/namespace"]})
        self.opened: list[list[str]] = []

    def startElement(self, name: str, attrs: "AttributesImpl[str]") -> None:
        """Note the prefixes that an element introduces, and hand it to `begin`."""
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
            ValueError: nobody said what its prefix means.
        """
        prefix, _, local = name.rpartition(":")
        if self.spaces[prefix]:
            return f"{{{self.spaces[prefix][-1]}}}{local}"
        if prefix:
            raise ValueError(f"what the prefix {prefix} means is not said")
        return name

    def begin(self, name: str, full: str, attributes: dict[str, str], names: dict[str, str]) -> None:
        """An element begins; `names` are those of its attributes in full."""

    def end(self, name: str, full: str) -> None:
        """An element ends."""


def check_xmp(packet: bytes) -> None:
    """Make sure that a packet is sound.

    Raises:
        ValueError: too large or too deep, not well formed, in an unknown encoding, or with definitions of its own.
    """
    read_xmp(packet, Listener())


def read_xmp(packet: bytes, listener: Listener) -> None:
    """Tell a listener what a packet holds.

    Raises:
        ValueError: as `check_xmp` has it, or what the listener raises.
    """
    if len(packet) > LARGEST:
        raise ValueError(f"{len(packet):,} bytes are too many")
    if not packet.startswith((b"\xff\xfe", b"<\0")):  # padded with zeros, unless it is UTF-16, half of which are zeros
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
    except LookupError as error:  # an encoding that Python does not know, or that is none of texts
        raise ValueError(str(error).split(";")[0]) from error
