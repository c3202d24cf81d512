"""Remote folders (`s3://`, `gs://`, `memory://`, …), for pictures and for results.

Each is mirrored locally by hollow (sparse) files, which have the size and time of the remote ones but take no space:
they are enough to find what is new or has changed. A picture is fetched when its turn comes and processed like any
other; its result is uploaded completely or not at all. fsspec handles the addresses.
"""

import contextlib
import datetime
import hashlib
import os
import re
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from daguerre.archive.manifest import FOLDER
from daguerre.errors import ArchiveError, MissingExtra
from daguerre.problems import problem_in

__all__ = ["Mirror", "address_of"]


def address_of(path: Path) -> str:
    """The address in a path whose two slashes have become one; empty for an ordinary path."""
    found = re.match(r"([a-z][a-z0-9+]+):/(.*)", path.as_posix())
    return f"{found[1]}://{found[2]}".rstrip("/") if found else ""


@dataclass(frozen=True)
class Mirror:
    """A remote folder, and the local folder with its hollow files.

    Args:
        address: such as `s3://bucket/scans`.
        folder: the local folder.
    """

    address: str
    folder: Path

    @classmethod
    def of(cls, address: str) -> "Mirror":
        """The mirror of an address, in the user's cache folder."""
        name = hashlib.sha256(address.encode()).hexdigest()[:16]
        return cls(address, platformdirs.user_cache_path("daguerre") / "places" / name)

    def there(self) -> tuple[Any, str]:
        """The remote file system, and the folder's path in it.

        Raises:
            MissingExtra: the package for such addresses is not installed.
            ArchiveError: the address makes no sense.
        """
        try:
            from fsspec.core import url_to_fs

            system, root = url_to_fs(self.address)
        except ImportError as error:
            raise MissingExtra(f"{self.address} needs a package: {error}") from error
        except ValueError as error:
            raise ArchiveError(f"{self.address} is no address that is known ({error})") from error
        return system, root.rstrip("/")

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """Report any remote error in a line that names the address."""
        try:
            yield
        except (ArchiveError, MissingExtra):
            raise
        except Exception as error:
            raise ArchiveError(f"{self.address}: {problem_in(error)}") from error

    def refresh(self) -> None:
        """Update the hollow files to match the remote files."""
        with self.told():
            system, root = self.there()
            system.invalidate_cache()
            found = system.find(root, detail=True) if system.exists(root) else {}
            seen = set()
            for name, info in found.items():
                inside = name.removeprefix(root).lstrip("/")
                if ".." in inside.split("/") or inside.startswith(f"{FOLDER}/"):
                    continue
                path = self.folder / inside
                seen.add(path)
                self.hollow(path, info)
            for path in list(self.folder.rglob("*")):
                if path.is_file() and path not in seen and FOLDER not in path.relative_to(self.folder).parts:
                    path.unlink()

    def hollow(self, path: Path, info: dict[str, Any] | None = None) -> None:
        """Make a local file the hollow one of a remote file."""
        if info is None:
            system, root = self.there()
            system.invalidate_cache()
            info = system.info(self.name_of(root, path))
        size, changed = int(info["size"]), changed_at(info)
        with contextlib.suppress(OSError):
            found = path.stat()
            if (found.st_size, found.st_mtime_ns, getattr(found, "st_blocks", 0)) == (size, changed, 0):
                return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with path.open("wb") as file:
            file.truncate(size)
        os.utime(path, ns=(changed, changed))

    def name_of(self, root: str, path: Path) -> str:
        return f"{root}/{path.relative_to(self.folder).as_posix()}"

    def shown(self, path: Path) -> str:
        """The address of the remote file that a local file stands for."""
        return self.name_of(self.address, path)

    def fetch(self, path: Path) -> None:
        """Replace a hollow file with the remote file, with the same time."""
        with self.told():
            system, root = self.there()
            changed = path.stat().st_mtime_ns if path.exists() else None
            path.parent.mkdir(parents=True, exist_ok=True)
            system.get_file(self.name_of(root, path), str(path))
            if changed is not None:
                os.utime(path, ns=(changed, changed))

    def put(self, path: Path) -> None:
        """Upload a file completely or not at all, and leave a hollow one here."""
        with self.told():
            self.send(path, path)
            self.hollow(path)

    def send(self, file: Path, path: Path) -> None:
        system, root = self.there()
        name = self.name_of(root, path)
        system.makedirs(name.rpartition("/")[0], exist_ok=True)
        system.put_file(str(file), name)  # an object appears once all of it has arrived

    def fetch_manifests(self, own: str = "") -> None:
        """Fetch the manifests of all runs; the one named `own` only if it is missing here."""
        with self.told():
            system, root = self.there()
            names = system.ls(f"{root}/{FOLDER}", detail=False) if system.exists(f"{root}/{FOLDER}") else []
            for name in names:
                path = self.folder / FOLDER / name.rpartition("/")[2]
                if path.suffix == ".sqlite" and not (path.name == own and path.exists()):
                    self.fetch(path)

    @contextlib.contextmanager
    def lent(self, path: Path) -> Iterator[Path]:
        """A temporary copy of the remote file that a local one stands for, with the same suffix."""
        with tempfile.TemporaryDirectory() as folder, self.told():
            system, root = self.there()
            copy = Path(folder) / f"copy{path.suffix}"
            system.get_file(self.name_of(root, path), str(copy))
            yield copy

    def send_manifest(self, manifest: Path) -> None:
        """Upload a snapshot of a manifest."""
        copy = manifest.with_suffix(".copy")
        with self.told():
            source = sqlite3.connect(manifest)
            with contextlib.closing(source), contextlib.closing(sqlite3.connect(copy)) as target:
                source.backup(target)
            self.send(copy, manifest)
            copy.unlink()


def changed_at(info: dict[str, Any]) -> int:
    """Time of a remote file's last change, in nanoseconds since 1970; 0 if unknown."""
    for name in ("mtime", "LastModified", "last_modified", "updated", "modified", "created"):
        value = info.get(name)
        if isinstance(value, str):
            with contextlib.suppress(ValueError):
                value = datetime.datetime.fromisoformat(value)
        if isinstance(value, datetime.datetime):
            return int(value.timestamp() * 1e6) * 1000
        if isinstance(value, int | float):
            return int(value * 1e6) * 1000
    return 0
