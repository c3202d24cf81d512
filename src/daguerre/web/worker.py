"""A warm worker process: the page's own process only waits, so that it answers at once.

It is restarted (`spawn`) after a crash, or if it ignores a cancellation for a second.
"""

import asyncio
import importlib
import logging
import multiprocessing
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from daguerre.errors import Cancelled, DaguerreError

__all__ = ["Crashed", "Worker"]

PATIENCE = 1.0  # seconds between asking the process to stop and killing it
CRASHED = "the computation ended unexpectedly, perhaps for want of memory; close other programs, or try a smaller size"

logger = logging.getLogger(__name__)

Report = Callable[[Any], None]
"""Sends an event to the page's process; raises `Cancelled` when the work is to stop."""


class Crashed(DaguerreError):
    """The process has gone."""


class Worker:
    """Calls functions in a separate process, one after the other.

    Args:
        warm: function to call first, such as `daguerre.web.looking:warm`; the first real call waits for it.
    """

    def __init__(self, warm: str = "") -> None:
        self.warm = warm
        self.turn = asyncio.Lock()
        self.spawn = multiprocessing.get_context("spawn")
        self.process: Any = None

    def start(self) -> None:
        """Start the process; returns at once."""
        self.connection, theirs = self.spawn.Pipe()
        self.cancelled, self.enough = self.spawn.Event(), self.spawn.Event()
        arguments = (theirs, self.cancelled, self.enough, self.warm)
        self.process = self.spawn.Process(target=serve, args=arguments, daemon=True)
        self.process.start()
        theirs.close()

    def stop(self) -> None:
        """End the process at once."""
        self.bury()

    def bury(self) -> None:
        """Make sure that an ending process has ended and is not used again."""
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.connection.close()
            self.process = None

    async def call(self, function: str, *arguments: Any, on_event: Report = lambda event: None) -> Any:
        """Call a function in that process.

        Args:
            function: `module:name`; it is called with the arguments and a `Report`.
            on_event: receives its reports.

        Raises:
            DaguerreError: raised by the function; `Crashed` if the process is gone. asyncio.CancelledError: the call
                was cancelled, and with it the work.
        """
        async with self.turn:
            if self.process is None or not self.process.is_alive():
                self.bury()
                self.start()
            self.cancelled.clear()
            self.enough.clear()
            answer = self.asked(function, arguments, on_event)
            try:
                return await asyncio.shield(answer)
            except asyncio.CancelledError:
                await self.end(answer)
                raise
            except Crashed:
                self.bury()
                raise

    def asked(self, function: str, arguments: tuple[Any, ...], on_event: Report) -> "asyncio.Future[Any]":
        """Send a call; returns a future for its answer."""
        loop, answer = asyncio.get_running_loop(), asyncio.get_running_loop().create_future()
        answer.add_done_callback(
            lambda done: done.cancelled() or done.exception()
        )  # so that its exception always counts as retrieved

        def settle(kind: str, value: Any) -> None:
            if answer.done():
                return
            if kind == "event":
                on_event(value)
            elif kind == "value":
                answer.set_result(value)
            else:
                answer.set_exception(value)

        def listen(connection: Connection) -> None:
            kind = "event"
            while kind == "event":
                try:
                    kind, value = connection.recv()
                except (EOFError, OSError):
                    kind, value = "error", Crashed(CRASHED)
                try:
                    loop.call_soon_threadsafe(settle, kind, value)
                except RuntimeError:  # the loop is closed: the program is ending
                    return

        try:
            self.connection.send((function, arguments))
        except OSError:
            answer.set_exception(Crashed(CRASHED))
            return answer
        threading.Thread(target=listen, args=(self.connection,), daemon=True).start()
        return answer

    async def end(self, answer: "asyncio.Future[Any]") -> None:
        """Ask the work to stop, and kill the process if it does not."""
        self.cancelled.set()
        done, _ = await asyncio.wait([answer], timeout=PATIENCE)
        if not done and self.process is not None:
            self.process.kill()
            await asyncio.wait([answer])  # so that listeners have seen its end
            self.bury()
            self.start()


def serve(connection: Connection, cancelled: Any, enough: Any, warm: str) -> None:
    """Main loop of the process: call functions on request, until the other end is gone."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN if number == signal.SIGINT else signal.SIG_DFL)

    def report(event: Any) -> None:
        if cancelled.is_set():
            raise Cancelled("stopped")
        connection.send(("event", event))

    report.enough = enough.is_set  # type: ignore[attr-defined]
    try:
        if warm:
            find(warm)()
        while True:
            function, arguments = connection.recv()
            connection.send(outcome(find(function), arguments, report))
    except (EOFError, OSError):
        return  # the page's process is gone


def outcome(function: Callable[..., Any], arguments: tuple[Any, ...], report: Report) -> tuple[str, Any]:
    """Outcome of a call: its value, or an error to raise."""
    try:
        return "value", function(*arguments, report)
    except DaguerreError as error:
        return "error", error
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        return "error", DaguerreError(str(error))
    except MemoryError:
        return "error", Crashed(CRASHED)
    except Exception as error:
        logger.exception("an error that nobody foresaw")
        return "error", DaguerreError(f"something went wrong that nobody foresaw ({type(error).__name__}: {error})")


def find(name: str) -> Callable[..., Any]:
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(module), function)  # type: ignore[no-any-return]
