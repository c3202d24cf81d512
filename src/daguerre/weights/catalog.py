"""What can be had: published weights, their addresses, checksums and licenses, as `catalog.toml` lists them."""

import functools
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["ModelEntry", "catalog"]


@dataclass(frozen=True, kw_only=True)
class ModelEntry:
    """One set of weights, on this computer or to be fetched.

    Args:
        name: what it is called.
        task: what it is for, such as `upscale`.
        scale: output pixels per input pixel.
        network: name of the network in `registry`.
        arguments: those of its arguments that its weights do not show.
        licence: SPDX name, or a sentence.
        cleans: as in the weights' header.
        commercial: False if the license forbids commercial use.
        bytes: size of the file on this computer, or of the weights as published; None if it is not known.
        note: what it is good for.
        scores: measured quality, by name of measure.
        path: the file on this computer, or None.
        url: address of the download; empty for what has none.
        member: end of the path of the weights in the zip archive at `url`; empty if the file there holds them alone.
        sha256: of the weights as published, or the beginning of it; empty if nobody has published it.
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
        """Whether all of the published file's SHA-256 is known, so that no other file can be taken for it."""
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
