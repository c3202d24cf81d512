"""What a command shows while it works: one progress bar, on standard error, only where a person is watching."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from daguerre.progress import Progress, ProgressCallback, silent

__all__ = ["errors", "naming", "shown_progress"]

errors = Console(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def shown_progress(total: int, *, quiet: bool = False) -> Iterator[list[ProgressCallback]]:
    """A bar over `total` pictures, or over each step in turn of a single one.

    How many steps a picture takes is not known beforehand: it counts in its first, and the bar waits for the others.

    Yields:
        One callback for each picture, in order.
    """
    if quiet or not errors.is_terminal:
        yield [silent] * total
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Bar(*columns, console=errors, transient=True) as bar:
        task = bar.add_task("", total=total, note="")
        step, reached = "", 0.0

        def callback_of(number: int) -> ProgressCallback:
            def show(progress: Progress) -> None:
                nonlocal step, reached
                of = f" ({number + 1} of {total})" if total > 1 else ""
                share = progress.done / progress.total if progress.total else 1.0
                if total == 1 and progress.step != step:
                    bar.reset(task)  # so that the time left is this step's
                    reached = 0.0
                step, reached = progress.step, max(reached, number + share)
                bar.update(task, completed=reached, description=step + of, note=progress.note)

            return show

        yield [callback_of(number) for number in range(total)]


@contextmanager
def naming(source: Path) -> Iterator[None]:
    """Let warnings begin with the name of the picture that they are about, unless they have it."""

    def name(record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if str(source) not in message:
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
