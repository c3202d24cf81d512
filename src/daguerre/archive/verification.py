"""Repeat what a picture's record says, and compare: is a result what it claims to be?"""

import math
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from daguerre import weights
from daguerre._version import __version__
from daguerre.archive.work import Work, sha256_of
from daguerre.config import build
from daguerre.errors import PictureError, RecipeError, UnreadablePicture, WeightsError
from daguerre.images import Picture
from daguerre.options import files_in, with_paths
from daguerre.progress import ProgressCallback, silent
from daguerre.tasks.provenance import input_of
from daguerre.tasks.registry import TaskOptions, options_of
from daguerre.tasks.result import records_of
from daguerre.tasks.saving import ResultOptions
from daguerre.tiling import Window, plan_windows, run_windows

__all__ = ["Verdict", "Verification", "verify"]

Verdict = Literal["same file", "same picture", "nearly the same picture", "another picture", "another original"]

INVISIBLE_PSNR = 45.0  # decibels above which no difference is visible
SIDE = 2048  # pixels of the windows in which pictures are compared


@dataclass(frozen=True, kw_only=True)
class Verification:
    """Outcome of a verification.

    Args:
        verdict: how the two results compare.
        reasons: why they may differ, a line each.
        differing: fraction of the pixels that differ, in [0, 1].
        agreement: PSNR of the two in dB; infinite if all pixels are the same.
        where: left, top, right and bottom of the differing area, in pixels.
    """

    verdict: Verdict
    reasons: tuple[str, ...] = ()
    differing: float = 0.0
    agreement: float = math.inf
    where: tuple[int, int, int, int] | None = None

    @property
    def holds(self) -> bool:
        """Whether every pixel matches the record."""
        return self.verdict in ("same file", "same picture")


def verify(
    result: Path, original: Path, *, files: Sequence[Path] = (), progress: ProgressCallback = silent
) -> Verification:
    """Repeat what the record of a result says, from the original, and compare.

    Args:
        result: a picture with a record.
        original: the file that it was made from.
        files: folders to search for other files, such as masks, besides those of the two pictures.

    Raises:
        PictureError: there is no record, or a file that it names is missing.
        WeightsError: a network that was used is missing.
    """
    steps = last_run(records_of(result))
    if not steps:
        raise PictureError(f"{result} has no record of what was done, so there is nothing to do again")
    origin, digest = input_of(steps), checksum_of(original)
    if origin and digest != origin.sha256:
        told = f"it was made from {origin.name} with SHA-256 {origin.sha256}; {original.name} has {digest}"
        return Verification(verdict="another original", reasons=(told,))
    reasons = [*other_programs(steps), *other_networks(steps)]
    folders = [*files, original.parent, result.parent]
    saving = build(ResultOptions, dict(last_of(steps, "saving")), "saving.")
    work = Work(
        steps=tuple(options_from(step, folders) for step in steps), saving=saving, page=origin.page if origin else None
    )
    with tempfile.TemporaryDirectory(prefix="daguerre-") as folder:
        again = Path(folder, original.name).with_suffix(result.suffix)
        work.run(original, again, progress=progress)
        if again.read_bytes() == result.read_bytes():
            return Verification(verdict="same file")
        return compared(Picture.open(result), Picture.open(again), reasons, progress)


def last_run(steps: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The steps since a file was last read."""
    starts = [number for number, step in enumerate(steps) if step.get("input")]
    return list(steps[starts[-1] if starts else 0 :])


def last_of(steps: Sequence[Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    found = steps[-1].get(name)
    return found if isinstance(found, dict) else {}


def checksum_of(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        raise UnreadablePicture(f"cannot read {path} ({error.strerror})") from error


def other_programs(steps: Iterable[Mapping[str, Any]]) -> list[str]:
    mine = f"daguerre {__version__}"
    others = {str(step.get("program")) for step in steps} - {mine}
    return [f"it was made by {name}; this is {mine}" for name in sorted(others)]


def other_networks(steps: Iterable[Mapping[str, Any]]) -> list[str]:
    """Networks that are missing here, or differ from those used."""
    reasons = []
    for name, digest in {name: digest for step in steps for name, digest in step.get("models", {}).items()}.items():
        try:
            if weights.checksum(name) != digest:
                reasons.append(f"the network {name} is another one here: its weights had SHA-256 {digest}")
        except WeightsError:
            reasons.append(f"the network {name} is not here under that name; its weights had SHA-256 {digest}")
    return reasons


def options_from(step: Mapping[str, Any], folders: Iterable[Path]) -> TaskOptions:
    """Options of a step, from its record.

    Raises:
        PictureError: this version does not know them, or they name a missing file.
    """
    table = {name: value for name, value in dict(step.get("options", {})).items() if name != "record"}
    try:
        kind = options_of(str(step.get("task")), alone=True)
        if hasattr(kind, "precision"):
            table = {"precision": "float32"} | table
        options: TaskOptions = build(kind, table, "")
    except RecipeError as error:
        raise PictureError(f"this version cannot do it again: {error}") from error
    places = {path: located(path, step, folders) for path in files_in(options)}
    return with_paths(options, lambda path: places.get(path, path))


def located(path: Path, step: Mapping[str, Any], folders: Iterable[Path]) -> Path:
    """A file named in the record.

    Raises:
        PictureError: it is in none of the folders, or its contents differ.
    """
    digest = step.get("files", {}).get(path.name) or step.get("models", {}).get(path.name)
    if digest is None:
        return path  # a word, such as auto
    found = [folder / path.name for folder in folders if (folder / path.name).is_file()]
    for candidate in found:
        if path.name in step.get("models", {}) or sha256_of(candidate) == digest:
            return candidate
    if not found and path.name in step.get("models", {}):
        return path
    problem = f"{found[0]} is another file now" if found else f"{path.name} is not beside it"
    raise PictureError(
        f"the record names {path.name} with SHA-256 {digest}, and {problem}; give its folder with --files"
    )


def compared(
    result: Picture, again: Picture, reasons: Sequence[str], progress: ProgressCallback = silent
) -> Verification:
    """Compare two pictures whose files differ."""
    if (result.height, result.width) != (again.height, again.width):
        sizes = [f"{picture.width} x {picture.height} pixels" for picture in (result, again)]
        return Verification(
            verdict="another picture",
            reasons=(*reasons, f"it has {sizes[0]}, not {sizes[1]}"),
            differing=1.0,
            agreement=0.0,
        )
    level = 0.5 / (2 ** min(result.bits, again.bits) - 1)
    total, count = 0.0, 0
    boxes: list[tuple[int, int, int, int]] = []

    def compute(_: Window, pictures: tuple[Tensor, Tensor]) -> Tensor:
        return (pictures[0] - pictures[1]).abs()

    def add(window: Window, difference: Tensor) -> None:
        nonlocal total, count
        places = (difference.amax(1)[0] > level).nonzero()
        total, count = total + float(difference.square().sum(dtype=torch.float64)), count + len(places)
        if len(places):
            (top, left), (bottom, right) = places.amin(0).tolist(), places.amax(0).tolist()
            boxes.append((window.left + left, window.top + top, window.left + right + 1, window.top + bottom + 1))

    windows = plan_windows(result.height, result.width, SIDE)
    read = lambda window: (result.read(window), again.read(window))  # noqa: E731
    run_windows(windows, read=read, compute=compute, write=add, step="comparing", progress=progress)
    if not count:
        told = "its pixels are the same; what else is in the file, such as captions, was changed or signed afterwards"
        return Verification(verdict="same picture", reasons=(*reasons, told))
    pixels = result.height * result.width
    agreement = -10 * math.log10(total / (3 * pixels))
    left, top = (min(box[side] for box in boxes) for side in (0, 1))
    right, bottom = (max(box[side] for box in boxes) for side in (2, 3))
    near = agreement >= INVISIBLE_PSNR
    other = "another kind of processor, or another version of PyTorch, may compute it a little differently"
    edited = "it was probably edited afterwards, or made by something else than its record says"
    return Verification(
        verdict="nearly the same picture" if near else "another picture",
        reasons=tuple(reasons) or (other if near else edited,),
        differing=count / pixels,
        agreement=agreement,
        where=(left, top, right, bottom),
    )
