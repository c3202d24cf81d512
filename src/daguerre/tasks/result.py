"""What a task makes: a picture with the record of how in it, and pictures on the way to it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daguerre.images import Picture, PictureLike, SaveOptions, as_picture
from daguerre.options import changed, with_paths
from daguerre.progress import ProgressCallback, silent
from daguerre.tasks.provenance import Record, add_step, fitted, steps_of

__all__ = ["Result", "StageCallback", "chosen", "recorded", "records_of"]

StageCallback = Callable[[str, Picture], None]
"""Called with a picture on the way to a result, and its name; each task says which it has. A dictionary keeps them:

    stages: dict[str, Picture] = {}
    task(photo, on_stage=stages.__setitem__)
"""


@dataclass(frozen=True, kw_only=True)
class Result:
    """A picture, and what was done to it.

    Args:
        picture: the result; its XMP holds the record, after those of earlier work.
        record: what was done.
    """

    picture: Picture
    record: Record

    def findings(self) -> dict[str, Any]:
        """What there is to say about it, as JSON values; numbers have their unit in their names."""
        return dict(self.record.measured)

    def save(
        self,
        path: Path | str,
        *,
        overwrite: bool = False,
        options: SaveOptions | None = None,
        progress: ProgressCallback = silent,
    ) -> Path:
        """Save the picture, with its record at least where a format has no room for all its XMP; as `Picture.save`."""
        xmp = fitted(self.picture.xmp, Path(path))
        return self.picture.save(path, overwrite=overwrite, options=options, xmp=xmp, progress=progress)


def recorded(picture: Picture, record: Record, original: Picture) -> Picture:
    """A result with the record in it of what was done, after what the original says was done before."""
    return picture.saved_with(xmp=add_step(original.xmp, record))


def chosen(options: Any) -> dict[str, Any]:
    """The options to record: those that differ from the defaults, but not where it was computed, nor folders' names."""
    found = changed(with_paths(options, lambda path: Path(path.name)))
    found.pop("device", None)
    return {name: plain(value) for name, value in found.items()}


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value.name if isinstance(value, Path) else value


def records_of(source: PictureLike) -> list[dict[str, object]]:
    """What a picture says was done to it by Daguerre, in order, each with its options and the networks' checksums.

    Args:
        source: a picture in any form, mostly a file's name.
    """
    return steps_of(as_picture(source).xmp)
