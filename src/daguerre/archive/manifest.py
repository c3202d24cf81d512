"""The manifest of a folder of results: a row for each, in an SQLite file at `FOLDER/.daguerre/manifest.sqlite`.

One process writes a manifest, holding its lock; any number may read it meanwhile, also on other computers. For that,
and for shared disks, the journal is SQLite's ordinary one, not its write-ahead log. Every change is on disk before the
call returns: after `kill -9` or a power cut, unfinished rows are `running`, and `recover` lets them be done again. With
`--shard` each shard has a file of its own; `Manifest.all_rows` reads all of them as one.
"""

import contextlib
import functools
import json
import os
import re
import sqlite3
import threading
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from daguerre._version import __version__
from daguerre.errors import ArchiveError

if TYPE_CHECKING:  # the page's own process reads manifests but imports no networks
    from daguerre.archive.work import Work

__all__ = ["FOLDER", "Manifest", "Outcome", "Row", "Shard", "Stamp", "State"]

FOLDER = ".daguerre"
"""Folder inside a folder of results for everything that is not a result."""

VERSION = 1  # of the tables' layout
PATIENCE = 60.0  # seconds to wait for another process that reads or writes

TABLES = """
CREATE TABLE works (id INTEGER PRIMARY KEY, options TEXT NOT NULL UNIQUE);
CREATE TABLE networks (id INTEGER PRIMARY KEY, checksums TEXT NOT NULL UNIQUE);
CREATE TABLE results (
    id INTEGER PRIMARY KEY,
    place REAL NOT NULL,
    source TEXT NOT NULL,
    target TEXT NOT NULL UNIQUE,
    work INTEGER NOT NULL REFERENCES works,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    changed REAL NOT NULL,
    seconds REAL,
    error TEXT,
    warnings TEXT NOT NULL DEFAULT '[]',
    report TEXT,
    version TEXT,
    work_key TEXT,
    networks INTEGER REFERENCES networks,
    input_sha256 TEXT,
    input_size INTEGER,
    input_mtime_ns INTEGER,
    result_sha256 TEXT,
    result_size INTEGER,
    result_mtime_ns INTEGER
);
CREATE INDEX by_state ON results (state, place);
CREATE INDEX by_place ON results (place);
"""


class State(StrEnum):
    """State of a row."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    KEPT = "kept"
    """Left as it is: the result's name belongs to a file that was not made here, or has been changed since."""


@dataclass(frozen=True)
class Stamp:
    """What identifies the contents of a file.

    Args:
        sha256: of its contents; empty if they have not been read.
        size: in bytes.
        mtime_ns: time of the last change; None if it was so recent that another change could get the same time.
    """

    sha256: str
    size: int
    mtime_ns: int | None

    def matches(self, found: os.stat_result) -> bool:
        """Whether a file has this size and time, so that it need not be read again."""
        return self.mtime_ns is not None and (self.size, self.mtime_ns) == (found.st_size, found.st_mtime_ns)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What is known about a finished row.

    Args:
        report: returned by `Work.run`.
        work_key: key of the work.
        source, result: stamps of both files.
        seconds: that it took.
        warnings: a line each.
    """

    report: dict[str, Any]
    work_key: str
    source: Stamp
    result: Stamp
    seconds: float
    warnings: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Row:
    """One result, finished or to be made.

    Args:
        id: its number in its manifest.
        source: the picture's file, absolute, or its address.
        target: the result's path in the folder, with slashes.
        options: the work, as `Work.dumps` writes it.
        state: its state.
        place: rows are processed in the order of this number.
        attempts: how often it was started.
        changed: when the state last changed, in seconds since 1970.
        seconds: that it took.
        error: why it failed.
        warnings: a line each.
        report: returned by `Work.run`, without the networks.
        version: of daguerre that made it.
        work_key, networks, input, result: the work, networks, input and file of the result; known once it has been
            made.
    """

    id: int
    source: str
    target: str
    options: str
    state: State
    place: float
    attempts: int = 0
    changed: float = 0.0
    seconds: float | None = None
    error: str | None = None
    warnings: tuple[str, ...] = ()
    report: dict[str, Any] | None = None
    version: str | None = None
    work_key: str | None = None
    networks: Mapping[str, str] = field(default_factory=dict)
    input: Stamp | None = None
    result: Stamp | None = None

    @property
    def work(self) -> "Work":
        """The work to be done.

        Raises:
            RecipeError: an option that this version does not know.
        """
        return work_of(self.options)


@functools.lru_cache(maxsize=256)
def work_of(options: str) -> "Work":
    from daguerre.archive.work import Work

    return Work.loads(options)


@dataclass(frozen=True)
class Shard:
    """One shard of the work.

    Args:
        index: from 1.
        count: how many there are.
    """

    index: int
    count: int

    @property
    def name(self) -> str:
        """Name of its manifest's file."""
        return f"manifest-{self.index:05}-of-{self.count:05}.sqlite"

    def holds(self, path: PurePath) -> bool:
        """Whether a picture belongs to it; decided by its path alone, so that new pictures change nothing."""
        return zlib.crc32(os.fsencode(path.as_posix())) % self.count == self.index - 1


class Manifest:
    """The manifest of a folder, or of one shard of its work.

    Safe to use from several threads of one process.

    Args:
        folder: folder of the results; created if missing.
        shard: the shard; by default all of the work.

    Raises:
        ArchiveError: the file cannot be used, or is of a newer version.
    """

    def __init__(self, folder: Path, shard: Shard | None = None) -> None:
        self.folder, self.shard = folder, shard
        self.path = folder / FOLDER / (shard.name if shard else "manifest.sqlite")
        self.guard = threading.RLock()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ArchiveError(f"cannot make the folder {self.path.parent} ({error.strerror}); name another") from error
        self.lock = FileLock(self.path.with_suffix(".lock"), thread_local=False)
        with self.told():
            self.database = opened(self.path)
            with self.database:
                if version_of(self.database, self.path) == 0:
                    self.database.execute("BEGIN IMMEDIATE")
                    if version_of(self.database, self.path) == 0:  # check again, now that nobody else can write
                        for statement in TABLES.split(";"):
                            self.database.execute(statement)
                        self.database.execute(f"PRAGMA user_version = {VERSION}")

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold this manifest's lock; rows that a killed run left running wait again.

        Raises:
            ArchiveError: another process holds it.
        """
        try:
            self.lock.acquire(timeout=0)
        except Timeout:
            way_out = "wait for it, see `daguerre status`, or share the work with --shard"
            raise ArchiveError(f"another run works on {self.folder} already; {way_out}") from None
        except OSError as error:
            raise ArchiveError(f"cannot write {self.lock.lock_file} ({error.strerror}); name another folder") from error
        try:
            self.recover()
            yield
        finally:
            self.lock.release()

    def recover(self) -> None:
        """Set running rows to waiting again."""
        with self.writing() as database:
            database.execute("UPDATE results SET state = 'waiting' WHERE state = 'running'")

    def close(self) -> None:
        """Close the file."""
        self.database.close()

    # Writing: a run or the page.

    def add(self, source: str | Path, target: str | Path, work: "Work | str") -> int:
        """Add a row at the end, or set the existing row of that target to waiting, with this source and work.

        Args:
            source: a file, made absolute, or an address.
            target: path in the folder.
            work: what to do, as an object or as `Work.dumps` writes it.

        Returns:
            Its id.
        """
        (number,) = self.add_all([(source, target, work)])
        return number

    def add_all(self, rows: "Iterable[tuple[str | Path, str | Path, Work | str]]") -> list[int]:
        """Like `add`, for many rows at once."""
        numbers = []
        with self.writing() as database:
            (last,) = database.execute("SELECT coalesce(max(place), 0) FROM results").fetchone()
            known: dict[Work | str, int] = {}
            for number, (source, target, work) in enumerate(rows, start=1):
                if work not in known:
                    known[work] = interned(
                        database, "works", "options", work if isinstance(work, str) else work.dumps()
                    )
                (row,) = database.execute(
                    "INSERT INTO results (place, source, target, work, state, changed) VALUES (?, ?, ?, ?, ?, ?) "
                    "ON CONFLICT (target) DO UPDATE SET source = excluded.source, work = excluded.work, "
                    "state = excluded.state, changed = excluded.changed, attempts = 0, error = NULL RETURNING id",
                    (
                        last + number,
                        stored(source if isinstance(source, str) else source.absolute()),
                        stored(target if isinstance(target, str) else target.as_posix()),
                        known[work],
                        State.WAITING,
                        time.time(),
                    ),
                ).fetchone()
                numbers.append(row)
        return numbers

    def begin(self, number: int) -> None:
        """Mark a row as running; from now on, the file of its target's name is ours."""
        self.set(number, state=State.RUNNING, more="attempts = attempts + 1")

    def finish(self, number: int, outcome: Outcome) -> None:
        """Mark a row as done."""
        report = dict(outcome.report)
        with self.writing() as database:
            networks = interned(database, "networks", "checksums", json.dumps(report.pop("networks", {})))
            self.set(
                number,
                state=State.DONE,
                seconds=outcome.seconds,
                error=None,
                warnings=json.dumps(list(outcome.warnings)),
                report=json.dumps(report),
                version=__version__,
                work_key=outcome.work_key,
                networks=networks,
                **columns("input", outcome.source),
                **columns("result", outcome.result),
            )

    def fail(self, number: int, error: str, *, seconds: float | None = None, warnings: Sequence[str] = ()) -> None:
        """Mark a row as failed, with the reason."""
        self.set(number, state=State.FAILED, error=error, seconds=seconds, warnings=json.dumps(list(warnings)))

    def keep(self, number: int, reason: str) -> None:
        """Mark a row whose target is an existing file that is kept, with the reason."""
        self.set(number, state=State.KEPT, error=reason)

    def cancel(self, number: int) -> None:
        """Cancel a row."""
        self.set(number, state=State.CANCELLED)

    def wait(self, number: int) -> None:
        """Set a row to waiting again."""
        self.set(number, state=State.WAITING, error=None)

    def confirm(self, number: int, *, source: str | Path, input: Stamp) -> None:
        """Keep a row as done although its picture has a new name or time."""
        self.set(number, source=stored(source), **columns("input", input))

    def move(self, number: int, before: int | None = None) -> None:
        """Move a row before another, or to the front."""
        with self.writing() as database:
            if before is None:
                (place,) = database.execute("SELECT min(place) - 1 FROM results").fetchone()
            else:
                (upper,) = database.execute("SELECT place FROM results WHERE id = ?", (before,)).fetchone()
                (lower,) = database.execute(
                    "SELECT max(place) FROM results WHERE place < ? AND id != ?", (upper, number)
                ).fetchone()
                place = upper - 1 if lower is None else (lower + upper) / 2
            database.execute("UPDATE results SET place = ? WHERE id = ?", (place, number))

    def remove(self, number: int) -> None:
        """Delete a row; its files stay."""
        with self.writing() as database:
            database.execute("DELETE FROM results WHERE id = ?", (number,))

    def adopt(self, rows: Iterable[Row]) -> None:
        """Copy rows of other shards whose targets this manifest does not have."""
        with self.writing() as database:
            for row in rows:
                work = interned(database, "works", "options", row.options)
                networks = interned(database, "networks", "checksums", json.dumps(dict(row.networks)))
                taken = {
                    "place": row.place,
                    "source": stored(row.source),
                    "target": stored(row.target),
                    "work": work,
                    "state": row.state,
                    "attempts": row.attempts,
                    "changed": row.changed,
                    "seconds": row.seconds,
                    "error": row.error,
                    "warnings": json.dumps(row.warnings),
                    "report": row.report and json.dumps(row.report),
                    "version": row.version,
                    "work_key": row.work_key,
                    "networks": networks,
                    **(columns("input", row.input) if row.input else {}),
                    **(columns("result", row.result) if row.result else {}),
                }
                names, marks = ", ".join(taken), ", ".join("?" * len(taken))
                database.execute(f"INSERT OR IGNORE INTO results ({names}) VALUES ({marks})", [*taken.values()])

    # Reading: anybody.

    def row(self, number: int) -> Row:
        """A row by its id.

        Raises:
            KeyError: there is none.
        """
        for row in self.select("WHERE results.id = ?", (number,)):
            return row
        raise KeyError(number)

    def row_of(self, target: str | Path) -> Row | None:
        """The row of a result, by its path in the folder."""
        name = stored(target if isinstance(target, str) else target.as_posix())
        return next(iter(self.select("WHERE target = ?", (name,))), None)

    def rows(self, *states: State, limit: int = -1, offset: int = 0) -> list[Row]:
        """Rows in order, optionally only those in the given states."""
        wanted = f"WHERE state IN ({', '.join('?' * len(states))})" if states else ""
        return self.select(f"{wanted} ORDER BY place, results.id LIMIT ? OFFSET ?", (*states, limit, offset))

    def next(self) -> Row | None:
        """The row to be processed next."""
        return next(iter(self.rows(State.WAITING, limit=1)), None)

    def counts(self) -> dict[State, int]:
        """Number of rows in each state."""
        with self.told(), self.guard:
            found = dict(self.database.execute("SELECT state, count(*) FROM results GROUP BY state"))
        return {state: found.get(state, 0) for state in State}

    @classmethod
    def files(cls, folder: Path) -> list[Path]:
        """The manifests of a folder: of an undivided run, and of each shard."""
        names = re.compile(r"manifest(-\d+-of-\d+)?\.sqlite")
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            found = os.listdir(folder / FOLDER)
            return sorted(folder / FOLDER / name for name in found if names.fullmatch(name))
        return []

    @classmethod
    def all_rows(cls, folder: Path, *states: State) -> list[Row]:
        """Rows of all manifests of a folder, by target; the latest if there are several.

        Reads only, so the folder may be on a read-only disk.

        Raises:
            ArchiveError: there is no manifest, or one cannot be read.
        """
        files = cls.files(folder)
        if not files:
            raise ArchiveError(f"{folder} has no manifest; `daguerre run PICTURES -o {folder}` makes one")
        return [row for row in merged(files) if not states or row.state in states]

    def done_elsewhere(self) -> list[Row]:
        """Rows done by runs with other shards, or with none; other shards of the same count have no pictures in common
        with this one.

        Raises:
            ArchiveError: one of their manifests cannot be read.
        """
        same = f"-of-{self.shard.count:05}.sqlite" if self.shard else self.path.name
        files = [path for path in self.files(self.folder) if not path.name.endswith(same)]
        return [row for row in merged(files) if row.state is State.DONE]

    # Internals.

    def set(self, number: int, *, more: str = "", **values: Any) -> None:
        if "state" in values:
            values["changed"] = time.time()
        settings = ", ".join([*(f"{name} = ?" for name in values), *([more] if more else [])])
        with self.writing() as database:
            database.execute(f"UPDATE results SET {settings} WHERE id = ?", (*values.values(), number))

    def select(self, rest: str, values: Sequence[Any]) -> list[Row]:
        with self.told(), self.guard:
            return selected(self.database, rest, values)

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction, or part of the one in progress."""
        with self.told(), self.guard:
            if self.database.in_transaction:
                yield self.database
                return
            with self.database:
                self.database.execute("BEGIN IMMEDIATE")
                yield self.database

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise ArchiveError(
                f"cannot use the manifest {self.path} ({error}); if it is damaged, move it away, and the results that "
                "are there are kept"
            ) from error


def opened(path: Path, *, write: bool = True) -> sqlite3.Connection:
    address = f"{path.absolute().as_uri()}?mode={'rwc' if write else 'ro'}"
    database = sqlite3.connect(
        address, uri=True, timeout=PATIENCE, isolation_level=None, check_same_thread=False, cached_statements=64
    )
    if write:
        database.execute("PRAGMA synchronous = EXTRA")  # FULL, and the folder's entries, too
    return database


def version_of(database: sqlite3.Connection, path: Path) -> int:
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise ArchiveError(f"{path} was written by a newer daguerre than {__version__}; install that, or name another")
    return int(version)


def read(path: Path) -> list[Row]:
    """All rows of another process's manifest."""
    try:
        # After a crash SQLite first rolls back, for which it must be allowed to write.
        with contextlib.closing(opened(path, write=os.access(path.parent, os.W_OK))) as database:
            return selected(database, "", ()) if version_of(database, path) else []
    except sqlite3.Error as error:
        raise ArchiveError(f"cannot read the manifest {path} ({error}); move it away if it is damaged") from error


def merged(files: Iterable[Path]) -> list[Row]:
    """Rows of several manifests, by target; if there are several, the latest that is not merely waiting."""
    latest: dict[str, Row] = {}
    for path in files:
        for row in read(path):
            before = latest.get(row.target)
            if before is None or (row.state is not State.WAITING, row.changed) > (
                before.state is not State.WAITING,
                before.changed,
            ):
                latest[row.target] = row
    return [latest[target] for target in sorted(latest)]


PLAIN = ("id", "place", "attempts", "changed", "seconds", "error", "version", "work_key")
STAMPED = ("sha256", "size", "mtime_ns")


def selected(database: sqlite3.Connection, rest: str, values: Sequence[Any]) -> list[Row]:
    names = [f"results.{name}" for name in (*PLAIN, "source", "target", "state", "warnings", "report")]
    names += [f"results.{file}_{name}" for file in ("input", "result") for name in STAMPED]
    cursor = database.execute(
        f"SELECT {', '.join(names)}, works.options, networks.checksums FROM results "
        f"JOIN works ON works.id = results.work LEFT JOIN networks ON networks.id = results.networks {rest}",
        values,
    )
    rows = []
    for found in cursor:
        said = dict(zip(PLAIN, found, strict=False))
        source, target, state, warnings, report, *stamps, options, networks = found[len(PLAIN) :]
        rows.append(
            Row(
                **said,
                source=os.fsdecode(source),
                target=os.fsdecode(target),
                options=options,
                state=State(state),
                warnings=tuple(json.loads(warnings)),
                report=report and json.loads(report),
                networks=loaded(networks),
                input=None if stamps[0] is None else Stamp(*stamps[:3]),
                result=None if stamps[3] is None else Stamp(*stamps[3:]),
            )
        )
    return rows


@functools.lru_cache(maxsize=64)
def loaded(networks: str | None) -> Mapping[str, str]:
    found: dict[str, str] = json.loads(networks or "{}")
    return found


def interned(database: sqlite3.Connection, table: str, column: str, text: str) -> int:
    """The id of a text in a table of unique texts."""
    database.execute(f"INSERT OR IGNORE INTO {table} ({column}) VALUES (?)", (text,))
    (number,) = database.execute(f"SELECT id FROM {table} WHERE {column} = ?", (text,)).fetchone()
    return int(number)


def columns(file: str, stamp: Stamp) -> dict[str, Any]:
    return {f"{file}_{name}": getattr(stamp, name) for name in STAMPED}


def stored(path: str | Path) -> str | bytes:
    """A name as SQLite stores it: as text, or as bytes if it is not UTF-8."""
    name = str(path)
    try:
        name.encode()
    except UnicodeEncodeError:
        return os.fsencode(name)
    return name
