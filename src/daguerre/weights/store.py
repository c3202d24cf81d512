"""Weights on this computer: those that ship, and those in the user's folder."""

import functools
import hashlib
import logging
import os
import re
import shutil
import stat
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path

import platformdirs

from daguerre.errors import WeightsDamaged, WeightsError, WeightsNotFound
from daguerre.files import same_file
from daguerre.options import nearest
from daguerre.weights.archive import extract, find_member, opened
from daguerre.weights.catalog import ModelEntry, catalog
from daguerre.weights.checkpoint import read, read_header, write
from daguerre.weights.construct import check_fits
from daguerre.weights.model import Model, blend, load_file
from daguerre.weights.unknown import what_it_is

__all__ = [
    "adopt",
    "adopt_member",
    "available",
    "checksum",
    "find",
    "import_archive",
    "import_file",
    "interpolate",
    "load",
    "matches",
    "noting",
    "verify",
    "weights_folder",
]

EMBEDDED = Path(__file__).with_name("embedded")
SUFFIX = ".safetensors"
FOREIGN = (".pth", ".pt", ".ckpt", ".npz", ".onnx", ".param", ".bin")
UNPACKED = ".unpacked-"  # prefix of the temporary folders for unpacking archives
ABANDONED = 3600  # seconds after which such a folder counts as abandoned

asked_for: ContextVar[set[str] | None] = ContextVar("asked_for", default=None)

log = logging.getLogger(__name__)


def weights_folder() -> Path:
    """Where fetched and imported weights are kept: $DAGUERRE_WEIGHTS, or the user's data folder."""
    return Path(os.environ.get("DAGUERRE_WEIGHTS") or platformdirs.user_data_path("daguerre", False) / "weights")


def find(name: str | Path) -> Path:
    """The file of weights given as a path, or as a name in the user's folder or among those that ship.

    A published file that the user put into the folder under its published name is verified and converted first.

    Raises:
        WeightsNotFound: says what to do about it.
        WeightsDamaged: the published file in the folder is not what its authors published.
    """
    if (names := asked_for.get()) is not None:
        names.add(str(name))
    if os.path.isfile(name):
        return Path(name)
    if looks_like_a_path(str(name)) or Path(name).is_dir():
        check_is_file(Path(name))
    for folder in (weights_folder(), EMBEDDED):
        if os.path.isfile(path := folder / f"{name}{SUFFIX}"):
            return path
    names_in(weights_folder())  # warns of an unreadable folder
    entry = catalog().get(str(name))
    if entry is None:
        known = {path.stem for path in installed()} | set(catalog())
        raise WeightsNotFound(f"no weights are called {str(name)!r}{nearest(str(name), known)}")
    if os.path.isfile(published := weights_folder() / entry.filename):
        return adopt(entry, published)
    raise WeightsNotFound(f"{name} is not in {weights_folder()}; fetch it with `daguerre models fetch {name}`")


@contextmanager
def noting(names: set[str]) -> Iterator[None]:
    """Add to `names` all weights requested inside the block, in this thread."""
    token = asked_for.set(names)
    try:
        yield
    finally:
        asked_for.reset(token)


def load(name: str | Path) -> Model:
    """Load weights by name or file: the network in evaluation mode, with the header of its weights.

    Raises:
        WeightsError: not found, damaged, or of an unsupported network.
    """
    return load_file(find(name))


def interpolate(first: str | Path, second: str | Path, amount: float) -> Model:
    """Load network interpolation: `amount` of the way from the first weights to the second, each a name or a file.

    Raises:
        OptionError: `amount` is outside [0, 1].
        WeightsError: not found, damaged, or of different architectures.
    """
    return blend(load(first), load(second), amount)


def checksum(name: str | Path) -> str:
    """SHA-256 of a weights file, for provenance records."""
    return sha256_of(find(name))


def available() -> list[ModelEntry]:
    """All weights, local ones first, by name. A damaged file is left out with a warning in the log."""
    entries = {}
    for path in installed():
        try:
            header, size = read_header(path), path.stat().st_size
        except (WeightsDamaged, OSError) as error:
            log.warning("%s", error)
            continue
        listed = catalog().get(path.stem)
        entries[path.stem] = ModelEntry(
            name=path.stem,
            task=header.task,
            scale=header.scale,
            network=header.network,
            licence=header.licence,
            cleans=header.cleans,
            commercial=listed.commercial if listed else True,
            bytes=size,
            note=header.note,
            scores=header.scores,
            path=path,
        )
    missing = [entry for name, entry in sorted(catalog().items()) if name not in entries]
    return [entries[name] for name in sorted(entries)] + missing


def import_file(path: Path, name: str | None = None, *, overwrite: bool = False, labels: Sequence[str] = ()) -> Path:
    """Import a weights file, ours or foreign, into the user's folder under a name.

    The network is detected from names and shapes alone; the weights are written as safetensors in full precision.

    Args:
        name: letters, digits and `._+-`; by default the catalog's for a file at its path in a published archive,
            otherwise made from the file name.
        overwrite: replace weights of that name in the user's folder.
        labels: class names, in the order of the network's outputs.

    Raises:
        WeightsError: not found, damaged, or of an unsupported network; the name is taken or invalid; or the number of
            labels is wrong.
    """
    check_is_file(path)
    unpacked = [entry for entry in catalog().values() if entry.member and lies_at(path, entry.member)]
    if unpacked and name is None:
        (entry,) = unpacked
        check_free(entry.name, overwrite, {held.stem for held in installed()})
        return adopt(entry, path)
    name = re.sub(r"[^a-z0-9._+-]+", "-", path.stem.lower()).strip(".-") if name is None else name
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._+-]*", name):
        raise WeightsError(f"{name!r} cannot be a name for weights; use letters, digits and . _ + -")
    check_free(name, overwrite, {held.stem for held in installed()} | set(catalog()))
    if same_file(path, weights_folder() / f"{name}{SUFFIX}"):
        raise WeightsError(f"{path} is the file of {name!r} itself, which is never replaced; choose another name")
    loaded = load_file(path)
    if labels:
        classes = loaded.header.arguments.get("classes", 0)
        if len(labels) != classes:
            raise WeightsError(f"{path.name} tells {classes} things apart, and there are {len(labels)} labels for them")
        loaded = replace(loaded, header=replace(loaded.header, labels=list(labels)))
    return keep(loaded, name)


def check_free(name: str, overwrite: bool, taken: set[str]) -> None:
    if name in taken and not overwrite:
        raise WeightsError(f"there are weights called {name!r} already; choose another name, or --overwrite")


def import_archive(path: Path, *, overwrite: bool = False) -> list[Path]:
    """Import all weights listed in the catalog from a published zip archive; the rest of it is not read.

    Args:
        overwrite: replace weights in the user's folder; by default they are kept.

    Returns:
        The weights files in the user's folder, including those that existed.

    Raises:
        WeightsNotFound: no such file, or nothing in it is in the catalog.
        WeightsDamaged: not a zip archive, truncated, or not the published contents.
    """
    check_is_file(path, "archive")
    with opened(path) as archive:
        held = [entry for entry in catalog().values() if entry.member and find_member(archive, entry.member)]
        if not held:
            known = ", ".join(entry.member for entry in catalog().values() if entry.member)
            raise WeightsNotFound(
                f"{path} holds none of the weights that are known here: {known}; unpack it and import one file"
            )
        kept = []
        for entry in held:
            there = weights_folder() / f"{entry.name}{SUFFIX}"
            kept.append(there if os.path.isfile(there) and not overwrite else adopt_member(entry, archive))
    return kept


def adopt_member(entry: ModelEntry, archive: zipfile.ZipFile) -> Path:
    """Verify and install one file of a published archive; otherwise as `adopt`.

    Raises:
        WeightsNotFound: it is not in the archive.
    """
    info = find_member(archive, entry.member)
    if info is None:
        raise WeightsNotFound(f"there is no {entry.member} in {archive.filename or entry.url}")
    try:
        weights_folder().mkdir(parents=True, exist_ok=True)
        remove_abandoned()
        with tempfile.TemporaryDirectory(dir=weights_folder(), prefix=UNPACKED) as folder:
            unpacked = Path(folder) / f"{entry.name}{Path(entry.member).suffix}"
            extract(archive, info, unpacked)
            return adopt(entry, unpacked)
    except OSError as error:
        raise WeightsError(
            f"cannot unpack {entry.member} into {weights_folder()} ({error.strerror or error}); is there room, "
            "and permission?"
        ) from error


def adopt(entry: ModelEntry, published: Path) -> Path:
    """Verify a published file, or its member of an archive, and install it as described in the catalog.

    Raises:
        WeightsDamaged: its SHA-256 is not the published one, or it holds another network.
    """
    if entry.member and published.name == entry.filename:
        with opened(published) as archive:
            return adopt_member(entry, archive)
    if entry.sha256 and not matches(entry, published):
        raise WeightsDamaged(f"{published} is not what {entry.url} should hold: its SHA-256 differs; delete it")
    if not entry.pinned:
        log.warning("%s is not verified: its authors publish no whole SHA-256 of it", entry.name)
    loaded = load_file(published)
    if loaded.header.network != entry.network:
        raise WeightsDamaged(f"{published} holds a {loaded.header.network}, not the {entry.network} of {entry.name}")
    header = replace(
        loaded.header,
        arguments={**loaded.header.arguments, **entry.arguments},
        task=entry.task,
        cleans=entry.cleans,
        licence=entry.licence,
        source=entry.url if entry.pinned else f"{entry.url} (not verified: no whole SHA-256 is published)",
        scores=entry.scores,
        note=entry.note,
    )
    return keep(Model(loaded.network, header), entry.name)


def matches(entry: ModelEntry, published: Path) -> bool:
    """Whether a file has the SHA-256 that the catalog gives."""
    return sha256_of(published).startswith(entry.sha256)


def sha256_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsDamaged(f"{path} cannot be read ({error.strerror or error})") from error


def verify(name: str | None = None) -> dict[str, str]:
    """Verify weights completely against their checksums, and their headers against their shapes.

    Args:
        name: a name or a file; by default all local weights.

    Returns:
        By name, the problem; an empty string if there is none.
    """
    result = {}
    for path in list(installed()) if name is None else [find(name)]:
        try:
            state, header = read(path)
            check_fits(header, state, path)
        except WeightsError as error:
            result[path.stem] = str(error)
        else:
            result[path.stem] = ""
    return result


def keep(loaded: Model, name: str) -> Path:
    """Write weights into the user's folder in full precision."""
    path = weights_folder() / f"{name}{SUFFIX}"
    write(path, loaded.network.state_dict(), replace(loaded.header, name=name), half=False)
    return path


def installed() -> Iterator[Path]:
    """Files of all local weights; the user's own replace those that ship under the same name."""
    found = {
        name.removesuffix(SUFFIX): folder / name for folder in (EMBEDDED, weights_folder()) for name in names_in(folder)
    }
    yield from (found[name] for name in sorted(found))


def names_in(folder: Path) -> list[str]:
    """Names of the weights files in a folder; none, with a warning in the log, if it is unreadable."""
    try:
        names = [name for name in os.listdir(folder) if name.endswith(SUFFIX) and not name.startswith(".")]
        return [name for name in names if os.path.isfile(folder / name)]  # opening a pipe may block forever
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        warn(f"cannot look for weights in {folder} ({error.strerror}); $DAGUERRE_WEIGHTS can name another folder")
        return []


@functools.cache
def warn(line: str) -> None:
    """Log a warning once, not for every picture."""
    log.warning("%s", line)


def remove_abandoned() -> None:
    """Remove what an interrupted process left unpacked."""
    for folder in weights_folder().glob(f"{UNPACKED}*"):
        if time.time() - folder.stat().st_mtime > ABANDONED:
            shutil.rmtree(folder, ignore_errors=True)


def check_is_file(path: Path, kind: str = "weights file") -> None:
    """Make sure that this is a regular file; a pipe would block.

    Raises:
        WeightsNotFound: says what is there instead.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        raise WeightsNotFound(f"there is no {kind} {path}") from error
    except (OSError, ValueError) as error:
        raise WeightsNotFound(f"cannot look at {path} ({getattr(error, 'strerror', None) or error})") from error
    if stat.S_ISDIR(mode):
        raise WeightsNotFound(f"{path} {what_it_is(path)}")
    if not stat.S_ISREG(mode):
        raise WeightsNotFound(f"{path} is no file, but a pipe or a device; save the weights first")


def lies_at(path: Path, ending: str) -> bool:
    """Whether a path ends with the components of `ending`."""
    parts = Path(ending).parts
    return path.absolute().parts[-len(parts) :] == parts


def looks_like_a_path(name: str) -> bool:
    return "/" in name or os.sep in name or Path(name).suffix in (*FOREIGN, SUFFIX)
