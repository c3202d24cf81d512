"""Fetching published weights from their authors' addresses."""

import os
from pathlib import Path

import pooch
import requests

from daguerre.errors import WeightsDamaged, WeightsError, WeightsNotFound
from daguerre.options import nearest
from daguerre.progress import Progress, ProgressCallback, silent
from daguerre.weights.catalog import ModelEntry, catalog
from daguerre.weights.checkpoint import read
from daguerre.weights.store import adopt, matches, weights_folder

__all__ = ["fetch"]


def fetch(name: str, *, accept_licence: bool = False, progress: ProgressCallback = silent) -> Path:
    """Fetch published weights, verify and convert them, and keep them in the user's folder.

    A download that was interrupted goes on where it stopped (pooch alone would begin anew).

    Args:
        name: from the catalog.
        accept_licence: fetch also what may not be used commercially.
        progress: called with the bytes so far; `Cancelled` raised in it stops the download.

    Returns:
        The weights file, which is left alone if it is there and sound.

    Raises:
        WeightsNotFound: the catalog has no such name.
        WeightsDamaged: what came is not what was published.
        WeightsError: the licence was not accepted, no connection, no room; says where to put the file by hand.
    """
    entry = catalog().get(name)
    if entry is None:
        raise WeightsNotFound(f"no published weights are called {name!r}{nearest(name, catalog())}")
    kept = weights_folder() / f"{name}.safetensors"
    if kept.is_file() and is_sound(kept):
        return kept
    if not (entry.commercial or accept_licence):
        raise WeightsError(
            f"{name} may not be used commercially ({entry.licence}); fetch it with --accept-licence if that suits you"
        )
    published = weights_folder() / entry.filename
    if published.is_file():  # put there by hand, and not ours to remove
        return adopt(entry, published)
    download(entry, published, progress)
    kept = adopt(entry, published)
    published.unlink()
    return kept


def download(entry: ModelEntry, path: Path, progress: ProgressCallback) -> None:
    """Download to `path` with a verified SHA-256; what came so far waits in `path` + `.part`."""
    part = path.with_name(f"{path.name}.part")
    while True:
        try:
            part.parent.mkdir(parents=True, exist_ok=True)
            with part.open("ab") as file:
                resumed = file.tell() > 0
                append(entry, file.tell(), file, progress)
        except requests.RequestException as error:
            raise WeightsError(
                f"cannot fetch {path.name} from {entry.url} ({reason(error)}); run this again to go on where it "
                f"stopped, or get the file in any other way and put it into {path.parent}"
            ) from error
        except OSError as error:
            raise WeightsError(f"cannot write {part} ({error.strerror}); is there room, and permission?") from error
        if matches(entry, part):
            os.replace(part, path)
            return
        part.unlink()
        if not resumed:
            raise WeightsDamaged(f"{entry.url} sent something else than was published: its SHA-256 differs; not kept")
        # The piece from an earlier attempt did not fit, so once more from the beginning.


def append(entry: ModelEntry, start: int, file: object, progress: ProgressCallback) -> None:
    """Download what comes after the first `start` bytes."""
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    bar = Bar(f"fetching {entry.name}", start, progress)
    try:
        pooch.HTTPDownloader(progressbar=bar, chunk_size=1 << 16, headers=headers)(entry.url, file, None)
    except requests.HTTPError as error:
        # 416: there is nothing after `start`. The checksum decides whether the file is whole.
        if start == 0 or error.response is None or error.response.status_code != 416:
            raise


class Bar:
    """What pooch calls a progress bar: passes bytes on to our callback."""

    def __init__(self, step: str, start: int, progress: ProgressCallback) -> None:
        self.step, self.start, self.progress = step, start, progress
        self.total = 0  # pooch sets it to what the server announces
        self.done = 0

    def update(self, count: int) -> None:
        self.done = min(self.done + count, self.total)
        self.progress(Progress(step=self.step, done=self.start + self.done, total=self.start + self.total))

    def reset(self) -> None:
        self.done = 0

    def close(self) -> None:
        pass


def is_sound(path: Path) -> bool:
    """Whether a weights file of ours reads to the last byte."""
    try:
        read(path)
    except WeightsDamaged:
        return False
    return True


def reason(error: requests.RequestException) -> str:
    """What went wrong, in a few words."""
    if error.response is not None:
        return f"the server answered {error.response.status_code}"
    if isinstance(error, requests.Timeout):
        return "the server does not answer"
    return "no connection, or it broke off"
