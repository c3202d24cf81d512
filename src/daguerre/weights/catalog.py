"""The catalog of published weights: addresses, checksums and licenses, from `catalog.toml`."""

import functools
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["ModelEntry", "catalog"]


@dataclass(frozen=True, kw_only=True)
class ModelEntry:
    """One set of weights, on this computer or to be fetched.

    Args:
        name: its name.
        task: such as `upscale`.
        scale: output pixels per input pixel.
        network: name of the network in `registry`.
        arguments: those arguments that cannot be inferred from the weights.
        licence: SPDX name, or a sentence.
        cleans: as in the weights' header.
        commercial: False if the license forbids commercial use.
        bytes: size of the local file, or of the published weights; None if unknown.
        note: its purpose.
        scores: measured quality, by metric.
        path: the file on this computer, or None.
        url: address of the download, or empty.
        member: end of the weights' path in the zip archive at `url`; empty if `url` is the weights file.
        sha256: of the published weights, or its beginning; empty if it is not published.
    """

    name: str
    task: str
    scale: int
    network: str
    licence: str
    cleans: bool = False
    commercial: bool = True
    bytes: int | None = None
    note: str = ""
    scores: dict[str, float] = field(default_factory=dict)
    arguments: dict[str, int] = field(default_factory=dict)
    path: Path | None = None
    url: str = ""
    member: str = ""
    sha256: str = ""

    @property
    def installed(self) -> bool:
        return self.path is not None

    @property
    def pinned(self) -> bool:
        """Whether the full SHA-256 of the published file is known, so that no other file can pass for it."""
        return len(self.sha256) == 64

    @property
    def filename(self) -> str:
        """Name of the file at `url`."""
        return self.url.rpartition("/")[2]


@functools.cache
def catalog() -> dict[str, ModelEntry]:
    """Published weights that can be fetched, by name."""
    text = Path(__file__).with_name("catalog.toml").read_text(encoding="utf-8")
    return {name: ModelEntry(name=name, **entry) for name, entry in tomllib.loads(text).items()}
