"""What a task makes: a picture with the record of how in it, and pictures on the way to it."""

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
        origin: the file that it was made from, if it was made from one.
    """

    picture: Picture
    record: Record
    origin: Source | None = None

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
        """Save the picture, with its record at least where a format has no room for all its XMP; as `Picture.save`.

        Args:
            options: how; `ResultOptions` also write the record beside it, or sign it.

        Raises:
            MissingExtra: it is to be signed, and c2pa-python is not installed.
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
    """A result with the record in it of what was done, after what the original says was done before.

    How much was changed is measured here. What changed nothing claims nothing.
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
    """A share in [0, 1] in percent; what is more than nothing stays so."""
    return round(100 * share, 2) or (0.01 if share else 0.0)


def measure_change(picture: Picture, original: Picture, progress: ProgressCallback = silent) -> tuple[float, float]:
    """How much of a picture differs from another of its size, and by how much on average: both in [0, 1].

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
    """The file that a picture was read from, unless it already says that it was made from that."""
    source = original.source
    if source is None or not source.whole:
        return None
    digest = source.sha256()
    known = input_of(steps_of(original.xmp))
    if known and known.sha256 == digest:  # an earlier step of the same work changed nothing
        return None
    return Input(name=source.path.name, sha256=digest, page=source.page)


def checksums(options: Any, models: Mapping[str, str]) -> dict[str, str]:
    """SHA-256 of the files that options name, such as masks, by name; networks have theirs already."""
    files = sorted(path for path in files_in(options) if path.name not in models and path.is_file())
    return {path.name: Source(path=path).sha256() for path in files}


def chosen(options: Any) -> dict[str, Any]:
    """The options to record: those that differ from the defaults, but not where it was computed, nor folders' names.

    The precision is recorded where it is not exact, whoever chose it.
    """
    found = changed(with_paths(options, lambda path: Path(path.name)))
    found.pop("device", None)
    precision = found.pop("precision", getattr(options, "precision", "float32"))
    if precision != "float32" and choose_device(options.device, precision).dtype != torch.float32:
        found["precision"] = "bfloat16"
    return {name: plain(value) for name, value in found.items()}


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)  # one number is written in one way
    return value.name if isinstance(value, Path) else value


def records_of(source: PictureLike) -> list[dict[str, object]]:
    """What a picture says was done to it by Daguerre, in order, each with its options and the networks' checksums.

    Args:
        source: a picture in any form, mostly a file's name.
    """
    return steps_of(as_picture(source).xmp)
