"""Messages and a progress bar on standard error."""

import logging
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from daguerre.cli.streams import give_up, printable
from daguerre.progress import Progress, ProgressCallback, silent

__all__ = ["Lines", "Screen", "complain", "errors", "naming", "say", "shown_progress", "shown_total"]


class Stderr:
    """The current standard error; output that it cannot take is lost."""

    def write(self, text: str) -> int:
        try:
            stream().write(text)
        except (OSError, ValueError):
            give_up(stream())
        return len(text)

    def flush(self) -> None:
        try:
            stream().flush()
        except (OSError, ValueError):
            give_up(stream())

    def __getattr__(self, name: str) -> Any:
        return getattr(stream(), name)


def stream() -> Any:
    """Standard error itself, also while a progress bar wraps it."""
    return getattr(sys.stderr, "rich_proxied_file", sys.stderr)


class Screen(Console):
    """A console that raises on a broken pipe; rich would end the program."""

    def on_broken_pipe(self) -> None:
        raise


errors = Screen(file=Stderr(), highlight=False, soft_wrap=True)  # type: ignore[arg-type]


def say(line: str, style: str | None = None) -> None:
    """Print a line for people, on standard error."""
    errors.print(printable(line), style=style, markup=False)


def complain(problem: str) -> None:
    """Print an error message."""
    say(f"daguerre: {problem}", style="red")


class Lines(logging.Handler):
    """Shows log messages, one line each, with their tracebacks if any."""

    def emit(self, record: logging.LogRecord) -> None:
        say(f"daguerre: {record.getMessage()}")
        if record.exc_info:
            for line in "".join(traceback.format_exception(*record.exc_info)).splitlines():
                say(f"    {line}")


def columns() -> tuple[ProgressColumn, ...]:
    """The columns of a progress bar."""
    return (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )


@contextmanager
def shown_progress(total: int, *, quiet: bool = False) -> Iterator[list[ProgressCallback]]:
    """A progress bar over `total` pictures, or over each step of a single one.

    The number of steps of a picture is not known in advance: a picture counts in its first step, and the bar waits for
    the others.

    Yields:
        One callback for each picture, in order.
    """
    if quiet or not errors.is_terminal:
        yield [silent] * total
        return
    with Bar(*columns(), console=errors, transient=True) as bar:
        task = bar.add_task("", total=total, note="")
        step, reached = "", 0.0

        def callback_of(number: int) -> ProgressCallback:
            def show(progress: Progress) -> None:
                nonlocal step, reached
                of = f" ({number + 1} of {total})" if total > 1 else ""
                share = progress.done / progress.total if progress.total else 1.0
                if total == 1 and progress.step != step:
                    bar.reset(task)  # so that the time left is that of this step
                    reached = 0.0
                step, reached = progress.step, max(reached, number + share)
                bar.update(task, completed=reached, description=step + of, note=printable(progress.note))

            return show

        yield [callback_of(number) for number in range(total)]


@contextmanager
def shown_total(total: int, *, quiet: bool = False) -> Iterator[Callable[[float, str], None]]:
    """A progress bar over many pictures, several of them in progress at a time, with the time left.

    Yields:
        A callback for the number done, including parts of pictures, and a note.
    """
    if quiet or not errors.is_terminal:
        yield lambda done, note: None
        return
    with Bar(*columns(), console=errors, transient=True, speed_estimate_period=600) as bar:
        task = bar.add_task("", total=total, note="")

        def show(done: float, note: str) -> None:
            bar.update(task, completed=done, description=f"{int(done)} of {total}", note=printable(note))

        yield show


@contextmanager
def naming(source: str) -> Iterator[None]:
    """Prefix warnings with the name of the current picture, unless they contain it."""

    def name(record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if source not in message:
            record.msg, record.args = f"{source}: {message}", ()
        return True

    handlers = list(logging.getLogger().handlers)
    for handler in handlers:
        handler.addFilter(name)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(name)
