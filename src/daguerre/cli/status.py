"""`daguerre status`: progress of the work on a folder."""

import json
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import tyro

from daguerre.archive.manifest import Manifest, Row, State
from daguerre.archive.places import Mirror, address_of
from daguerre.archive.report import write_report
from daguerre.cli.archive import span
from daguerre.cli.flags import parse
from daguerre.cli.streams import printable, show
from daguerre.cli.terminal import say

__all__ = ["run"]

SPEED_WINDOW = 600.0  # seconds over which the speed is measured
STATE_WORDS = {State.KEPT: "left as they were", State.WAITING: "to be done", State.RUNNING: "being done"}


def status(
    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FOLDER")],
    report: Path | None = None,
    failed: bool = False,
    json: bool = False,
) -> int:
    """Show the progress of the work on a folder of results.

    $ daguerre status restored/                  how many are done, the time left
    $ daguerre status restored/ --failed         what failed, and why
    $ daguerre status restored/ --report a.html  one page for all shards

    You can run this while the work goes on, from any computer that sees the folder.

    Args:
        folder: the results, given as -o to the command that makes them.
        report: write a report to this HTML file.
        failed: list the pictures that failed, and why.
        json: print one line of JSON, for programs.
    """
    with tempfile.TemporaryDirectory() as apart:
        address = address_of(folder)
        mirror = Mirror(address, Path(apart)) if address else None
        if mirror:
            mirror.fetch_manifests()
        return told_of(mirror.folder if mirror else folder, mirror, report, failed, json)


def told_of(folder: Path, mirror: Mirror | None, report: Path | None, failed: bool, json: bool) -> int:
    rows = Manifest.all_rows(folder)
    told = measured(rows, time.time())
    if json:
        show(dumped(told | ({"errors": errors_of(rows)} if failed else {})))
    else:
        for line in lines(told):
            show(line)
        for error in errors_of(rows) if failed else ():
            show(printable(f"{error['input']}: {error['error']}"))
    if report:
        write_report(folder, report, mirror=mirror)
        if not json:
            say(f"{report}  the report")
    return 1 if told["failed"] else 0


def measured(rows: Sequence[Row], now: float) -> dict[str, Any]:
    """Counts, and the time left in seconds if work is in progress."""
    counts = Counter(row.state for row in rows)
    left = counts[State.WAITING] + counts[State.RUNNING]
    times = sorted(
        row.changed for row in rows if row.state in (State.DONE, State.FAILED) and row.changed > now - SPEED_WINDOW
    )
    seconds = None
    if left and counts[State.RUNNING] and len(times) > 1:
        seconds = left * (now - times[0]) / len(times)
    return {state.value: counts[state] for state in State} | {"total": len(rows), "seconds_left": seconds}


def lines(told: dict[str, Any]) -> list[str]:
    """The same as lines of text."""
    done = [f"{told['done']:,} of {told['total']:,} done"]
    parts = [
        f"{told[state]:,} {STATE_WORDS.get(state, state.value)}" for state in State if state != "done" and told[state]
    ]
    found = [", ".join(done + parts)]
    if told["seconds_left"]:
        found.append(f"about {span(told['seconds_left'])} left")
    return found


def errors_of(rows: Sequence[Row]) -> list[dict[str, Any]]:
    return [{"input": row.source, "error": row.error} for row in rows if row.state is State.FAILED]


def dumped(told: dict[str, Any]) -> str:
    return json.dumps(told)


def run(words: Sequence[str]) -> int:
    return parse(status, "status", words)
