"""One progress event for every front end (terminal bar, web page, batch log), and how work is stopped by a signal."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

__all__ = [
    "END",
    "INTERRUPT",
    "Ended",
    "Progress",
    "ProgressCallback",
    "ending",
    "interruptible",
    "silent",
    "stop_listening",
]

INTERRUPT = (signal.SIGINT,)
"""What Ctrl-C sends."""

END = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""What a system sends that shuts down, a terminal that is closed, `kill`, `timeout`."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far one step of the work is.

    Args:
        step: what is being done, in plain words ("upscaling").
        done, total: amount of work, in the step's own unit (windows, bytes, iterations); 0 <= done <= total.
        note: a short remark beside it, such as the current loss; may be empty.
    """

    step: str
    done: int
    total: int
    note: str = ""


ProgressCallback = Callable[[Progress], None]
"""Called from time to time; raise `daguerre.errors.Cancelled` in it to stop the work."""


def silent(progress: Progress) -> None:
    """Ignore progress; the default of every task."""


class Ended(KeyboardInterrupt):
    """A signal asked the program to end; whoever cleans up after Ctrl-C does so now.

    Args:
        signal: its number.
    """

    def __init__(self, signal: int) -> None:
        super().__init__(signal)
        self.signal = signal


def heard_here() -> bool:
    """Whether signals can be listened to: Python hears them in the main thread alone."""
    return threading.current_thread() is threading.main_thread()


@contextmanager
def ending() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise `Ended`, unless somebody has them ignored (`nohup`) or listens already.

    Where a signal, also Ctrl-C, meets Python code that is called from C, a callback or `__del__`, what it raises
    is lost. So it is raised again a little later.
    """
    theirs = [number for number in END if heard_here() and signal.getsignal(number) is signal.SIG_DFL]
    report = sys.unraisablehook

    def end(number: int, _frame: Any) -> None:
        raise Ended(number)

    def raise_again(lost: Any) -> None:
        if not issubclass(lost.exc_type, KeyboardInterrupt):
            report(lost)
            return
        number = lost.exc_value.signal if isinstance(lost.exc_value, Ended) else signal.SIGINT
        threading.Timer(0.01, signal.raise_signal, (number,)).start()

    for number in theirs:
        signal.signal(number, end)
    sys.unraisablehook = raise_again
    try:
        yield
    finally:
        sys.unraisablehook = report
        for number in theirs:
            signal.signal(number, signal.SIG_DFL)


def stop_listening() -> None:
    """From now on ignore what would stop the program."""
    for number in (*INTERRUPT, *END) if heard_here() else ():
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def interruptible(*signals: int, told: Callable[[], None] = lambda: None) -> Iterator[threading.Event]:
    """Let the first signal ask for an end, which the work heeds when it suits, and the second stop it at once.

    Outside the main thread nothing is heard, and the event is set by nobody but the caller.

    Args:
        signals: which to listen to; `INTERRUPT` unless given. One that is ignored stays so.
        told: called when the first comes.

    Yields:
        The event that the first one sets.
    """
    asked = threading.Event()
    before = {
        number: signal.getsignal(number)
        for number in signals or INTERRUPT
        if heard_here() and signal.getsignal(number) is not signal.SIG_IGN
    }

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def ask(*_: Any) -> None:
        asked.set()
        restore()
        told()

    for number in before:
        signal.signal(number, ask)
    try:
        yield asked
    finally:
        restore()
