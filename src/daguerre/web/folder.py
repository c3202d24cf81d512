"""The page's folder: results, with everything that belongs to them in a hidden folder.

    FOLDER/old-restored.jpg             a result
    FOLDER/.daguerre/manifest.sqlite    what was done, as in an archive
    FOLDER/.daguerre/web/photos/ID/     an uploaded photograph, and thumbnails of it
    FOLDER/.daguerre/web/jobs/ID/       thumbnails of a result, its mask, the losses
    FOLDER/.daguerre/web/styles/        styles: drawn by us, and uploaded
    FOLDER/.daguerre/web/masks/         painted masks

Nothing outside is read or written, whatever a request names: ids and names must match patterns, and files are looked up
by them.
"""

import json
import os
import re
import secrets
import shutil
from pathlib import Path
from typing import Any

from daguerre.errors import DaguerreError

__all__ = ["PhotoFolder", "clean_name"]

LONGEST = 120  # characters of a name
PHOTO = re.compile(r"[0-9a-f]{16}")
SIDE = re.compile(r"[a-z]+(-[0-9]+)?\.(jpg|png|json)")
REFERENCE = re.compile(r"(styles|masks)/[a-z0-9][a-z0-9-]*\.(png|jpg|jpeg|webp|tif|tiff|avif|bmp|gif)")
INFO = "info.json"


def clean_name(name: str, ending: str = ".jpg") -> str:
    """A safe file name: without folders or control characters, not hidden, not too long."""
    last = re.split(r"[/\\]", name)[-1]
    kept = "".join(c for c in last if c.isprintable() and c not in '<>:"|?*').encode("utf-8", "ignore").decode()
    stem, suffix = os.path.splitext(kept.strip(" .") or "photograph")
    suffix = suffix if 1 < len(suffix) <= 6 else ending
    return stem.strip(" .")[:LONGEST].encode()[: 2 * LONGEST].decode("utf-8", "ignore") + suffix


class PhotoFolder:
    """The folder and its layout.

    Args:
        root: folder of the results; created if missing.
        kept: whether it stays when the server ends.
    """

    def __init__(self, root: Path, *, kept: bool) -> None:
        self.root, self.kept = root.absolute(), kept
        self.own = self.root / ".daguerre" / "web"
        try:
            for name in ("photos", "jobs", "styles", "masks"):
                (self.own / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DaguerreError(f"cannot make the folder {self.own} ({error.strerror}); name another") from error

    def token(self) -> str:
        """A secret of this folder's page, the same after a restart."""
        path = self.own / "token"
        if not path.is_file():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(24))
        return path.read_text()

    def new_photo(self) -> Path:
        """A new folder for a photograph."""
        folder = self.own / "photos" / secrets.token_hex(8)
        folder.mkdir()
        return folder

    def photos(self) -> list[dict[str, Any]]:
        """Information on all photographs, in order of arrival."""
        found = [info for folder in (self.own / "photos").iterdir() if (info := self.info(folder.name))]
        return sorted(found, key=lambda info: (info["added"], info["id"]))

    def info(self, photo: str) -> dict[str, Any] | None:
        """Information on a photograph; None if there is none."""
        if not PHOTO.fullmatch(photo):
            return None
        try:
            said: dict[str, Any] = json.loads((self.own / "photos" / photo / INFO).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return said | {"id": photo}

    def write_info(self, folder: Path, info: dict[str, Any]) -> None:
        (folder / INFO).write_text(json.dumps(info), encoding="utf-8")

    def photo(self, photo: str) -> Path | None:
        """The photograph's file."""
        info = self.info(photo)
        return self.own / "photos" / photo / info["name"] if info else None

    def photo_of(self, source: str) -> str:
        """The id of the photograph with this file; empty if it is not one of the page's."""
        folder = Path(source).parent
        return folder.name if folder.parent == self.own / "photos" else ""

    def forget(self, photo: str) -> None:
        """Remove a photograph; results stay."""
        if PHOTO.fullmatch(photo):
            shutil.rmtree(self.own / "photos" / photo, ignore_errors=True)

    def job(self, number: int) -> Path:
        """The folder of files that belong to a result."""
        folder = self.own / "jobs" / str(number)
        folder.mkdir(exist_ok=True)
        return folder

    def side(self, kind: str, name: str, file: str) -> Path | None:
        """A thumbnail, or other file, of a photograph (`photos`) or a result (`jobs`); None if there is none."""
        if not SIDE.fullmatch(file) or file == INFO or not (PHOTO.fullmatch(name) or name.isdecimal()):
            return None
        path = self.own / kind / name / file
        return path if path.is_file() else None

    def referable(self, reference: str) -> Path | None:
        """The path of a reference such as `styles/waves.png` or `masks/0a1b.png`; None if it is not one."""
        return self.own / reference if REFERENCE.fullmatch(reference) else None

    def referred(self, reference: str) -> Path | None:
        """The file of such a reference; None if there is none."""
        path = self.referable(reference)
        return path if path and path.is_file() else None

    def result(self, target: str) -> Path | None:
        """A result, by its name in the manifest."""
        path = self.root / target
        inside = path.parent == self.root and not path.is_symlink() and path.is_file()
        return path if inside else None

    def free_target(self, stem: str, ending: str, taken: set[str]) -> str:
        """A free name for a result: `old-restored.jpg`, or `old-restored-2.jpg`."""
        name, number = f"{stem}{ending}", 1
        while name in taken or os.path.lexists(self.root / name):
            number += 1
            name = f"{stem}-{number}{ending}"
        return name
