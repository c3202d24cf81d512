"""One progress event for every front end: terminal bar, web page, batch log."""

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Progress", "ProgressCallback", "silent"]


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Progress of one step of the work.

    Args:
        step: what is being done, in plain words ("upscaling").
        done, total: amount of work in the step's own unit (windows, bytes, iterations); 0 <= done <= total.
        note: a short remark, such as the current loss; may be empty.
    """

    step: str
    done: int
    total: int
    note: str = ""


ProgressCallback = Callable[[Progress], None]
"""Called at intervals; raise `daguerre.errors.Cancelled` in it to stop the work."""


def silent(progress: Progress) -> None:
    """Ignore progress; the default of every task."""
