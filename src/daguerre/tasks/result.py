"""Results of tasks: a picture that contains the record of how it was made."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from daguerre.devices import choose_device
from daguerre.files import whole
from daguerre.images import Picture, PictureLike, SaveOptions, as_picture, check_target
from daguerre.images.source import Source
from daguerre.options import changed, files_in, with_paths
from daguerre.progress import ProgressCallback, silent
from daguerre.tasks.provenance import Input, Record, add_step, fitted, input_of, steps_of, with_saving
from daguerre.tasks.saving import ResultOptions, check_sidecar, write_sidecar
from daguerre.tiling import Window, plan_windows, run_windows

__all__ = ["Result", "StageCallback", "checksums", "chosen", "measure_change", "percent", "recorded", "records_of"]

SIDE = 2048  # pixels of the windows in which pictures are compared

StageCallback = Callable[[str, Picture], None]
"""Called with the name of a stage and the intermediate picture; each task documents its own. To keep them in a
dictionary:

    stages: dict[str, Picture] = {}
    task(photo, on_stage=stages.__setitem__)
"""


@dataclass(frozen=True, kw_only=True)
class Result:
    """A picture, and what was done to it.

    Args:
        picture: the result; its XMP holds the record, after those of earlier work.
        record: what was done.
        origin: the file that it was made from, if any.
    """

    picture: Picture
    record: Record
    origin: Source | None = None

    def findings(self) -> dict[str, Any]:
        """Findings, as JSON values; numbers have their unit in their names."""
        return dict(self.record.measured)

    def save(
        self,
        path: Path | str,
        *,
        overwrite: bool = False,
        options: SaveOptions | None = None,
        progress: ProgressCallback = silent,
    ) -> Path:
        """Save the picture like `Picture.save`; if a format has no room for all its XMP, at least with its record.

        Args:
            options: saving options; `ResultOptions` can also write the record beside it, or sign it.

        Raises:
            MissingExtra: signing was requested, and c2pa-python is not installed.
        """
        path = Path(path)
        how = ResultOptions.of(options)
        xmp = fitted(with_saving(self.picture.xmp, how.recorded()), path)
        if how.sidecar:
            check_sidecar(path, overwrite=overwrite)
        if (signature := how.signature()) is None:
            self.picture.save(path, overwrite=overwrite, options=options, xmp=xmp, progress=progress)
        else:
            with tempfile.TemporaryDirectory(prefix="daguerre-") as folder:
                plain = Path(folder, f"unsigned{path.suffix}")
                check_target(path, overwrite=overwrite)
                self.picture.save(plain, options=options, xmp=xmp, progress=progress)
                with whole(path, overwrite=overwrite) as signed:
                    signature.sign(plain, signed, title=path.name, origin=self.origin, steps=steps_of(xmp))
        if how.sidecar:
            write_sidecar(path, xmp, overwrite=overwrite)
        return path


def recorded(picture: Picture, record: Record, original: Picture, progress: ProgressCallback = silent) -> Result:
    """A result with its record, appended to the records that the original has already.

    How much changed is measured here. A step that changed nothing claims nothing.
    """
    changes, source_type = {}, record.source_type
    if (picture.height, picture.width) == (original.height, original.width):
        share, mean = (0.0, 0.0) if picture is original else measure_change(picture, original, progress)
        changes = {"changed_percent": percent(share), "mean_change_percent": percent(mean)}
        source_type = source_type if share else None
    record = replace(
        record, measured=dict(record.measured) | changes, source_type=source_type, input=input_from(original)
    )
    made = picture.saved_with(xmp=add_step(original.xmp, record))
    return Result(picture=made, record=record, origin=original.source)


def percent(share: float) -> float:
    """A fraction in [0, 1] in percent; what is above zero stays above zero."""
    return round(100 * share, 2) or (0.01 if share else 0.0)


def measure_change(picture: Picture, original: Picture, progress: ProgressCallback = silent) -> tuple[float, float]:
    """The fraction of a picture that differs from another of its size, and the mean difference: both in [0, 1].

    A pixel differs if one of its channels does by more than half a level; fully transparent ones do not count.
    """
    level = 0.5 / (2 ** min(picture.bits, original.bits) - 1)
    differing, total, count = 0, 0.0, 0

    def read(window: Window) -> tuple[Tensor, Tensor, Tensor]:
        return picture.read(window), original.read(window), original.read_alpha(window)

    def compute(_: Window, pictures: tuple[Tensor, Tensor, Tensor]) -> tuple[int, float, int]:
        made, before, alpha = pictures
        visible = alpha > 0
        change = (made - before).abs() * visible
        return int((change.amax(1) > level).sum()), float(change.mean(1).sum(dtype=torch.float64)), int(visible.sum())

    def add(_: Window, found: tuple[int, float, int]) -> None:
        nonlocal differing, total, count
        differing, total, count = differing + found[0], total + found[1], count + found[2]

    windows = plan_windows(picture.height, picture.width, SIDE)
    run_windows(windows, read=read, compute=compute, write=add, step="comparing", progress=progress)
    return (differing / count, total / count) if count else (0.0, 0.0)


def input_from(original: Picture) -> Input | None:
    """The file that a picture was read from, unless its record names that file already."""
    source = original.source
    if source is None or not source.whole:
        return None
    digest = source.sha256()
    known = input_of(steps_of(original.xmp))
    if known and known.sha256 == digest:  # an earlier step of the same work changed nothing
        return None
    return Input(name=source.path.name, sha256=digest, page=source.page)


def checksums(options: Any, models: Mapping[str, str]) -> dict[str, str]:
    """SHA-256 of the files that options name, such as masks, by name; those of networks are recorded elsewhere."""
    files = sorted(path for path in files_in(options) if path.name not in models and path.is_file())
    return {path.name: Source(path=path).sha256() for path in files}


def chosen(options: Any) -> dict[str, Any]:
    """The options to record: those that differ from the defaults, without the device and the names of folders.

    The precision is recorded wherever it is not exact, even if chosen automatically.
    """
    found = changed(with_paths(options, lambda path: Path(path.name)))
    found.pop("device", None)
    precision = found.pop("precision", getattr(options, "precision", "float32"))
    if precision != "float32" and choose_device(options.device, precision).dtype != torch.float32:
        found["precision"] = "bfloat16"
    return {name: plain(value) for name, value in found.items()}


def plain(value: Any) -> Any:
    """A value in JSON's types."""
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)  # the same number is always written the same way
    return value.name if isinstance(value, Path) else value


def records_of(source: PictureLike) -> list[dict[str, object]]:
    """Daguerre's records in a picture, in order, each with its options and the networks' checksums.

    Args:
        source: a picture in any form, usually a file name.
    """
    return steps_of(as_picture(source).xmp)
