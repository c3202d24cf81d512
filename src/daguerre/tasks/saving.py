"""How results are saved: like pictures, optionally with the record beside them, or signed."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from daguerre._version import __version__
from daguerre.errors import OptionError, OutputExists
from daguerre.files import check_name, open_regular, read_small, whole
from daguerre.images import Picture, SaveOptions
from daguerre.options import changed, option
from daguerre.tasks.packet import read_statements
from daguerre.tasks.provenance import SOURCE_TYPES, source_type_of, steps_of
from daguerre.tasks.signing import Signature

__all__ = ["ResultOptions", "check_sidecar", "sidecar_of", "write_sidecar"]

KIND = "urn:daguerre:provenance:1"
APART = ("sidecar", "c2pa_certificate", "c2pa_key")
"""Options that do not shape the picture."""


@dataclass(frozen=True, kw_only=True)
class ResultOptions(SaveOptions):
    """How results are saved; the format follows from the file's extension."""

    bits: Literal[8, 16] | None = option(None, "bits per channel, if the format has them (default: the picture's)")
    sidecar: bool = option(False, "also write the record as RESULT.json: what was done, with which networks, from what")
    c2pa_certificate: Path | None = option(
        None, "sign results with this certificate (Content Credentials); PEM, followed by its chain"
    )
    c2pa_key: Path | None = option(None, "private key of the certificate; PEM, without a password")

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.c2pa_certificate is None) != (self.c2pa_key is None):
            raise OptionError("to sign, both are needed: --c2pa-certificate and --c2pa-key")

    @classmethod
    def of(cls, options: SaveOptions | None) -> "ResultOptions":
        """The same options, of this class."""
        return options if type(options) is cls else cls(**vars(options or SaveOptions()))

    def signature(self) -> Signature | None:
        """Signs results; None unless requested.

        Raises:
            MissingExtra: c2pa-python is not installed.
            OptionError: the key or the certificate cannot be used.
        """
        if self.c2pa_certificate is None or self.c2pa_key is None:
            return None
        return Signature(self.c2pa_certificate, self.c2pa_key)

    def prepared(self, picture: Picture) -> Picture:
        """An opened picture, with the bits per channel that its result shall have."""
        return picture if self.bits is None else picture.saved_with(bits=self.bits)

    def recorded(self) -> dict[str, Any]:
        """The options to record: those that shape the file and differ from the defaults."""
        return {name: value for name, value in changed(self).items() if name not in APART}


def sidecar_of(picture: Path) -> Path:
    """The file for the record of a result: `old-restored.jpg.json`."""
    return picture.with_name(f"{picture.name}.json")


def check_sidecar(picture: Path, *, overwrite: bool) -> None:
    """Make sure, before any work is done, that the record of a result can be written.

    Raises:
        OutputExists: the file exists; one that is not a record is never replaced.
    """
    path = sidecar_of(picture)
    if check_name(path) and not (overwrite and is_record(path)):
        way = "rename it" if overwrite or not is_record(path) else "name another result, or add --overwrite"
        raise OutputExists(f"{path}, where the record of the result would be, exists already; {way}")


def is_record(path: Path) -> bool:
    try:
        told = json.loads(read_small(path, limit=2**24))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(told, dict) and told.get("kind") == KIND


def write_sidecar(picture: Path, xmp: bytes | None, *, overwrite: bool) -> Path:
    """Write the record in a result's XMP, and the result's checksum, to a file beside it."""
    check_sidecar(picture, overwrite=overwrite)
    with open_regular(picture) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    found, kind = read_statements(xmp).found, source_type_of(xmp)
    told = {
        "kind": KIND,
        "program": f"daguerre {__version__}",
        "file": picture.name,
        "sha256": digest,
        "digital_source_type": f"{SOURCE_TYPES}{kind}" if kind else None,
        "document_id": found.get("xmpMM:DocumentID"),
        "instance_id": found.get("xmpMM:InstanceID"),
        "original_document_id": found.get("xmpMM:OriginalDocumentID"),
        "steps": steps_of(xmp),
    }
    path = sidecar_of(picture)
    with whole(path, overwrite=overwrite) as partial:
        partial.write_text(json.dumps(told, indent=2, sort_keys=True) + "\n", encoding="ascii")
    return path
