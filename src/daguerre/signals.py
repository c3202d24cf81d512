"""How work is stopped: by Ctrl-C, a system shutdown, a closed terminal, `kill` or `timeout`.

Python handles signals only in the main thread; elsewhere nothing here has an effect.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = [
    "END",
    "INTERRUPT",
    "Asked",
    "Ended",
    "Undisturbed",
    "check_ended",
    "ending",
    "ending_at_once",
    "interruptible",
    "stop_listening",
]

INTERRUPT = (signal.SIGINT,)
"""The signal of Ctrl-C."""

END = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""The signals that ask a program to end."""

ALL = (*INTERRUPT, *END)

heard: list[int] = []
"""Signals that have raised `Ended`; C code on its way may have turned it into another exception, or none."""


class Ended(KeyboardInterrupt):
    """A signal asked the program to end; code that cleans up after Ctrl-C does so now.

    Args:
        signal: its number.
    """

    def __init__(self, signal: int) -> None:
        super().__init__(signal)
        self.signal = signal


def heard_here() -> bool:
    """Whether signals can be handled in this thread."""
    return threading.current_thread() is threading.main_thread()


@contextmanager
def ending() -> Iterator[None]:
    """Make Ctrl-C, SIGTERM and SIGHUP raise `Ended`, unless they are ignored (`nohup`) or handled already.

    If a signal arrives in Python code that is called from C, a callback or `__del__`, its exception is lost. So it is
    raised again a little later.
    """
    usual = (signal.SIG_DFL, signal.default_int_handler)
    before = {number: signal.getsignal(number) for number in ALL if heard_here()}
    before = {number: handler for number, handler in before.items() if handler in usual}
    report = sys.unraisablehook
    heard.clear()

    def end(number: int, _frame: Any) -> None:
        heard.append(number)
        raise Ended(number)

    def raise_again(lost: Any) -> None:
        if isinstance(lost.exc_value, Ended):
            threading.Timer(0.01, signal.raise_signal, (lost.exc_value.signal,)).start()
        else:
            report(lost)

    for number in before:
        signal.signal(number, end)
    sys.unraisablehook = raise_again
    try:
        yield
    finally:
        sys.unraisablehook = report
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def ending_at_once(told: Callable[[int], object]) -> Iterator[None]:
    """Let the signals of `ending` end the process at once, while there is no partial output.

    An exception inside a library's C++ code, while it is imported, may abort the process.

    Args:
        told: called with the signal's number first.
    """
    before = {number: signal.getsignal(number) for number in ALL if heard_here()}
    listening = {number: handler for number, handler in before.items() if callable(handler)}

    def end(number: int, _frame: Any) -> None:
        told(number)
        os._exit(128 + number)

    for number in listening:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in listening.items():
            signal.signal(number, handler)


def check_ended() -> None:
    """Raise `Ended` again if it was raised and became another exception.

    Raises:
        Ended: a signal asked the program to end.
    """
    if heard:
        raise Ended(heard[0])


def stop_listening() -> None:
    """Ignore all signals that would stop the program, from now on."""
    for number in ALL if heard_here() else ():
        signal.signal(number, signal.SIG_IGN)


class Asked(threading.Event):
    """Set once an end is requested; `signal` is the signal that did, if any."""

    signal: int | None = None


@contextmanager
def interruptible(*signals: int, told: Callable[[], None] = lambda: None) -> Iterator[Asked]:
    """Let the first signal request an end, which the work may delay, and the second stop it at once.

    Args:
        signals: those to handle, `INTERRUPT` by default. An ignored one stays ignored.
        told: called on the first one.

    Yields:
        The event that the first one sets; outside the main thread only the caller can set it.
    """
    asked = Asked()
    before = {
        number: signal.getsignal(number)
        for number in signals or INTERRUPT
        if heard_here() and signal.getsignal(number) is not signal.SIG_IGN
    }

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def ask(number: int, _frame: Any) -> None:
        asked.signal = number
        asked.set()
        restore()
        told()

    for number in before:
        signal.signal(number, ask)
    try:
        yield asked
    finally:
        restore()


class Undisturbed:
    """A period in which signals wait: while a file exists but its cleanup is not yet set up, and during cleanup.

    Signals with the system's default handlers do not wait.
    """

    def __init__(self) -> None:
        self.before: dict[int, Any] = {}
        self.came: list[int] = []

    def begin(self) -> None:
        """Hold signals back from now on."""
        for number in ALL if heard_here() else ():
            handler = signal.getsignal(number)
            if callable(handler) and handler != self.note:
                self.before[number] = handler
                signal.signal(number, self.note)

    def note(self, number: int, _frame: Any) -> None:
        self.came.append(number)

    def end(self) -> None:
        """Handle signals again, and at once those that arrived meanwhile."""
        while self.before:
            signal.signal(*self.before.popitem())
        while self.came:
            signal.raise_signal(self.came.pop())
