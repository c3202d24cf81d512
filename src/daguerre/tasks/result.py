"""What a task makes: a picture, and the record of how, which goes into the file."""

from dataclasses import dataclass
from pathlib import Path

from daguerre.images import Picture, SaveOptions
from daguerre.progress import ProgressCallback, silent
from daguerre.tasks.provenance import Record, add_step, fitted

__all__ = ["Result"]


@dataclass(frozen=True, kw_only=True)
class Result:
    """A picture, and the record of what was done to it.

    Args:
        picture: the result.
        step: the record that a saved file carries.
    """

    picture: Picture
    step: Record

    def save(
        self,
        path: Path | str,
        *,
        overwrite: bool = False,
        options: SaveOptions | None = None,
        progress: ProgressCallback = silent,
    ) -> Path:
        """Save the picture with a record in it of what was done; for the rest as `Picture.save`."""
        xmp = fitted(add_step(self.picture.xmp, self.step), Path(path))
        return self.picture.save(path, overwrite=overwrite, options=options, xmp=xmp, progress=progress)
