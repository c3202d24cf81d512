"""How work is stopped: Ctrl-C, and what systems send that shut down, terminals that are closed, `kill` and `timeout`.

Python hears signals in the main thread alone; elsewhere nothing here has an effect.
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
"""What Ctrl-C sends."""

END = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""What asks a program to end."""

ALL = (*INTERRUPT, *END)

heard: list[int] = []
"""Signals that have raised `Ended`; on its way it may have met C code, which makes another exception of it, or none."""


class Ended(KeyboardInterrupt):
    """A signal asked the program to end; whoever cleans up after Ctrl-C does so now.

    Args:
        signal: its number.
    """

    def __init__(self, signal: int) -> None:
        super().__init__(signal)
        self.signal = signal


def heard_here() -> bool:
    """Whether signals can be listened to."""
    return threading.current_thread() is threading.main_thread()


@contextmanager
def ending() -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and SIGHUP raise `Ended`, unless somebody has them ignored (`nohup`) or listens already.

    Where a signal meets Python code that is called from C, a callback or `__del__`, what it raises is lost. So it is
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
    """Let the signals that `ending` hears end the process on the spot, while nothing is half made.

    An exception that meets the C++ of a library as it is imported may end the process by abort.

    Args:
        told: called with the signal's number before.
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
    """From now on ignore what would stop the program."""
    for number in ALL if heard_here() else ():
        signal.signal(number, signal.SIG_IGN)


class Asked(threading.Event):
    """Set once an end is asked for; `signal` is what asked for it, if one did."""

    signal: int | None = None


@contextmanager
def interruptible(*signals: int, told: Callable[[], None] = lambda: None) -> Iterator[Asked]:
    """Let the first signal ask for an end, which the work heeds when it suits, and the second stop it at once.

    Args:
        signals: which to listen to; `INTERRUPT` unless given. One that is ignored stays so.
        told: called when the first comes.

    Yields:
        The event that the first one sets; outside the main thread only the caller can.
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
    """A time in which signals wait: between making a file and the place where it is tidied away, and while it is.

    Those whose handlers are the system's own do not wait.
    """

    def __init__(self) -> None:
        self.before: dict[int, Any] = {}
        self.came: list[int] = []

    def begin(self) -> None:
        """From now on signals wait."""
        for number in ALL if heard_here() else ():
            handler = signal.getsignal(number)
            if callable(handler) and handler != self.note:
                self.before[number] = handler
                signal.signal(number, self.note)

    def note(self, number: int, _frame: Any) -> None:
        self.came.append(number)

    def end(self) -> None:
        """From now on they are heard, and those that came meanwhile at once."""
        while self.before:
            signal.signal(*self.before.popitem())
        while self.came:
            signal.raise_signal(self.came.pop())
