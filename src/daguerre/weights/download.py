"""Fetch published weights from their authors' addresses."""

import contextlib
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

import requests

from daguerre.errors import WeightsDamaged, WeightsError, WeightsNotFound
from daguerre.options import nearest
from daguerre.progress import Progress, ProgressCallback, silent
from daguerre.weights.archive import NoRanges, RemoteFile, find_member, opened, span
from daguerre.weights.catalog import ModelEntry, catalog
from daguerre.weights.checkpoint import read
from daguerre.weights.store import adopt, adopt_member, import_archive, matches, weights_folder
from daguerre.weights.web import LARGEST, get

__all__ = ["fetch"]


def fetch(name: str, *, accept_licence: bool = False, progress: ProgressCallback = silent) -> Path:
    """Fetch published weights, verify and convert them, and keep them in the user's folder.

    An interrupted download resumes where it stopped. Of an archive only the necessary part is fetched, if the server
    supports that.

    Args:
        name: from the catalog.
        accept_licence: also fetch weights that may not be used commercially.
        progress: called with the bytes so far; stops the download by raising.

    Returns:
        The weights file; an intact existing one is kept.

    Raises:
        WeightsNotFound: the name is not in the catalog.
        WeightsDamaged: the download is not the published file.
        WeightsError: the license was not accepted, no connection, or a full disk; says where to put the file by hand.
    """
    entry = catalog().get(name)
    if entry is None:
        raise WeightsNotFound(f"no published weights are called {name!r}{nearest(name, catalog())}")
    kept = weights_folder() / f"{name}.safetensors"
    if os.path.isfile(kept) and is_sound(kept):
        return kept
    if not (entry.commercial or accept_licence):
        raise WeightsError(
            f"{name} may not be used commercially ({entry.licence}); fetch it with --accept-licence if that suits you"
        )
    published = weights_folder() / entry.filename
    if os.path.isfile(published):  # put there by the user, so not ours to remove
        return adopt(entry, published)
    if entry.member:
        try:
            return fetch_member(entry, progress)
        except NoRanges:
            return fetch_archive(entry, progress)
    download(entry, published, lambda part: matches(entry, part), progress)
    kept = adopt(entry, published)
    published.unlink()
    return kept


def fetch_member(entry: ModelEntry, progress: ProgressCallback) -> Path:
    """Fetch one file out of a published archive.

    Raises:
        NoRanges: the server does not support ranges.
    """
    with explained(entry), opened(RemoteFile(entry.url)) as archive:
        info = find_member(archive, entry.member)
        if info is None:
            raise WeightsNotFound(f"there is no {entry.member} in {entry.url}")
        piece, place = weights_folder() / f"{entry.name}.zip", span(archive, info)
        if not os.path.isfile(piece):
            download(entry, piece, lambda part: part.stat().st_size == place[1] - place[0], progress, place)
        with piece.open("rb") as file, removed_if_damaged(piece):
            cast(RemoteFile, archive.fp).hold(*place, file)
            kept = adopt_member(entry, archive)
    piece.unlink()
    return kept


def fetch_archive(entry: ModelEntry, progress: ProgressCallback) -> Path:
    """Fetch a whole published archive and keep all the weights in it, so that the others need not be fetched."""
    published = weights_folder() / entry.filename
    download(entry, published, zipfile.is_zipfile, progress)
    kept = weights_folder() / f"{entry.name}.safetensors"
    kept.unlink(missing_ok=True)  # damaged, or there would be nothing to fetch
    with removed_if_damaged(published):
        import_archive(published)
    published.unlink()
    if not os.path.isfile(kept):
        raise WeightsNotFound(f"there is no {entry.member} in {entry.url}")
    return kept


@contextlib.contextmanager
def removed_if_damaged(path: Path) -> Iterator[None]:
    """Remove a damaged download, which would otherwise be resumed forever."""
    try:
        yield
    except WeightsDamaged:
        path.unlink()
        raise


def download(
    entry: ModelEntry,
    path: Path,
    sound: Callable[[Path], bool],
    progress: ProgressCallback,
    place: tuple[int, int | None] = (0, None),
) -> None:
    """Download the entry's address to `path`; a partial download is kept in `path` + `.part`.

    Args:
        sound: whether a downloaded file is the right one.
        place: first byte and end of the part wanted.
    """
    part = path.with_name(f"{path.name}.part")
    while True:
        try:
            part.parent.mkdir(parents=True, exist_ok=True)
            with part.open("ab") as file, removed_if_useless(part), explained(entry):
                resumed = file.tell() > 0
                append(entry, file, progress, place)
        except OSError as error:
            raise WeightsError(f"cannot write {part} ({error.strerror}); is there room, and permission?") from error
        if sound(part):
            os.replace(part, path)
            return
        part.unlink()
        if not resumed:
            raise WeightsDamaged(f"{entry.url} sent something else than was published; it was not kept")
        # The part from an earlier attempt did not match, so start again.


@contextlib.contextmanager
def explained(entry: ModelEntry) -> Iterator[None]:
    """Turn connection failures into one line that says what to do."""
    try:
        yield
    except requests.RequestException as error:
        raise WeightsError(
            f"cannot fetch {entry.filename} from {entry.url} ({reason(error)}); run this again to go on where it "
            f"stopped, or get the file in any other way and put it into {weights_folder()}"
        ) from error


@contextlib.contextmanager
def removed_if_useless(part: Path) -> Iterator[None]:
    """Keep a failed download only if it can be resumed."""
    try:
        yield
    except WeightsDamaged:
        part.unlink()
        raise
    except BaseException:
        if part.stat().st_size == 0:
            part.unlink()
        raise


def append(entry: ModelEntry, file: BinaryIO, progress: ProgressCallback, place: tuple[int, int | None]) -> None:
    """Download the rest of the requested part, after what `file` already holds.

    Raises:
        NoRanges: the server does not support ranges, and a part was requested.
        WeightsDamaged: the server sends more than expected.
    """
    done, stop = file.tell(), place[1]
    if stop is not None and place[0] + done >= stop:
        return
    known = entry.bytes if stop is None and not entry.member else stop and stop - place[0]
    most = min(known or LARGEST, LARGEST)
    try:
        answer = get(entry.url, place[0] + done, stop)
    except requests.HTTPError as error:
        if done and error.response is not None and error.response.status_code == requests.codes.range_not_satisfiable:
            return  # Nothing is left. Whether the file is complete is checked later.
        raise
    with contextlib.closing(answer):
        if answer.status_code != requests.codes.partial_content:
            if place != (0, None):
                raise NoRanges(entry.url)
            file.truncate(0)
            done = 0
        expected = done + int(answer.headers.get("Content-Length", 0))
        check_size(entry, expected, most)
        for chunk in answer.iter_content(1 << 16):
            done += len(chunk)
            check_size(entry, done, most)
            file.write(chunk)
            progress(Progress(step=f"fetching {entry.name}", done=done, total=max(done, expected)))


def check_size(entry: ModelEntry, size: int, most: int) -> None:
    """Stop a download that is larger than the published file."""
    if size > most:
        raise WeightsDamaged(f"{entry.url} sends {size:,} bytes or more, but {most:,} at most can be right; not kept")


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
    if isinstance(error, requests.exceptions.SSLError):
        return "the server's certificate cannot be trusted"
    if isinstance(error, requests.exceptions.InvalidSchema):
        return "the server leads to an address that is not encrypted"
    return "no connection, or it broke off"
