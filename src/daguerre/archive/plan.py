"""Plan the work on an archive: what is new, and what has changed since it was processed."""

import functools
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from daguerre.archive.manifest import Manifest, Row, Stamp, State
from daguerre.archive.places import Mirror
from daguerre.archive.runner import Order, stamp
from daguerre.archive.work import Work, sha256_of, unchanged

__all__ = ["Plan", "Reason", "Wanted", "enter", "plan"]

FOREIGN = "there was a file of this name already, which was not made here; --overwrite replaces it"
EDITED = "it was changed since it was made here; --overwrite makes it anew"


class Reason(StrEnum):
    """Why a picture has to be processed."""

    NEW = "new"
    UNFINISHED = "not finished"
    INPUT = "picture changed"
    OPTIONS = "options changed"
    NETWORKS = "networks changed"
    GONE = "result gone"
    ASKED = "made anew"


@dataclass(frozen=True)
class Wanted:
    """A result that should exist.

    Args:
        source: the picture.
        target: path of the result in the archive's folder, with slashes.
        work: what is to be done.
        come, go: as in `Order`.
    """

    source: Path
    target: str
    work: Work
    come: Mirror | None = None
    go: Mirror | None = None

    @property
    def origin(self) -> str:
        """The picture's absolute path, or its address."""
        return self.come.shown(self.source) if self.come else str(self.source.absolute())


@dataclass(frozen=True)
class Plan:
    """What is to be done, and what is not.

    Args:
        todo: what has to be done, in order, and why.
        current: what is done and up to date.
        kept: results whose files are not ours, and why each is left.
        moved: current ones whose picture has a new name or time: the row, and the new stamp.
    """

    todo: list[tuple[Wanted, Reason]] = field(default_factory=list)
    current: list[Wanted] = field(default_factory=list)
    kept: list[tuple[Wanted, str]] = field(default_factory=list)
    moved: list[tuple[int, Wanted, Stamp]] = field(default_factory=list)

    def reasons(self) -> Counter[Reason]:
        """Number of pictures for each reason."""
        return Counter(reason for _, reason in self.todo)


def plan(folder: Path, rows: Iterable[Row], wanted: Iterable[Wanted], *, overwrite: bool = False) -> Plan:
    """Compare what should exist with what exists; writes nothing.

    A picture is read only if its size or time has changed.

    Args:
        folder: folder of the results.
        rows: rows of its manifest.
        overwrite: whether to do everything again, and replace files that were not made here.
    """
    made, known = Plan(), {row.target: row for row in rows}
    same = functools.cache(lambda networks: unchanged(dict(networks)))
    for one in wanted:
        row = known.get(one.target)
        path = folder / one.target
        there = os.path.lexists(path)
        if overwrite:
            made.todo.append((one, Reason.ASKED))
        elif there and (reason := not_ours(path, row)):
            made.kept.append((one, reason))
        elif row is None:
            made.todo.append((one, Reason.NEW))
        elif row.state is not State.DONE:
            made.todo.append((one, Reason.UNFINISHED))
        elif not there:
            made.todo.append((one, Reason.GONE))
        elif row.work_key != one.work.key:
            made.todo.append((one, Reason.OPTIONS))
        elif not same(tuple(row.networks.items())):
            made.todo.append((one, Reason.NETWORKS))
        elif (found := looked_at(one.source, row)) is None:
            made.todo.append((one, Reason.INPUT))
        else:
            made.current.append(one)
            if (one.origin, found) != (row.source, row.input):
                made.moved.append((row.id, one, found))
    return made


def enter(manifest: Manifest, made: Plan) -> list[Order]:
    """Write a plan into the manifest; returns the orders for what has to be done."""
    with manifest.writing():
        for number, one, found in made.moved:
            manifest.confirm(number, source=one.origin, input=found)
        for one, reason in made.kept:
            (number,) = manifest.add_all([(one.origin, one.target, one.work)])
            manifest.keep(number, reason)
        numbers = manifest.add_all((one.origin, one.target, one.work) for one, _ in made.todo)
    return [
        Order(number, one.work, one.source, manifest.folder / one.target, True, one.come, one.go)
        for number, (one, _) in zip(numbers, made.todo, strict=True)
    ]


def not_ours(path: Path, row: Row | None) -> str:
    """Why an existing file must not be replaced; empty if it was made here and has not changed since."""
    if row is None or (row.attempts == 0 and row.result is None):
        return FOREIGN
    if row.result is None or (row.state is not State.DONE and row.attempts):
        return ""  # it may have been made by a run that ended before it could record it
    try:
        intact = row.result.matches(path.stat()) or sha256_of(path) == row.result.sha256
    except OSError:
        intact = False
    return "" if intact else EDITED


def looked_at(source: Path, row: Row) -> Stamp | None:
    """The stamp of a row's picture; None if the picture has changed."""
    try:
        if row.input is None or row.input.matches(source.stat()):
            return row.input
        found = stamp(source)
    except OSError:
        return None
    return found if found.sha256 == row.input.sha256 else None
