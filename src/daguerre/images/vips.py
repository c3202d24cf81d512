"""libvips, configured to cache and print nothing; refused in a process that cannot use it."""

import atexit
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from daguerre.errors import DaguerreError

# Read once, when libvips starts: nothing can catch its warnings while the program ends.
os.environ.setdefault("VIPS_WARNING", "1")

import pyvips

__all__ = ["begin_use", "complaints", "pyvips"]

CRITICAL_AND_WARNING = 1 << 3 | 1 << 4
"""GLib's log levels of warnings, such as those about a resolution beyond the range of a property."""

# Warnings of libvips and GLib, which our own errors explain; pyvips sends them to this logger.
logger = logging.getLogger("pyvips")
logger.propagate = False


def decoded(text: Any) -> str:
    """A C string as Python's: libvips quotes file contents in its messages, which may be in any encoding."""
    return "" if text == pyvips.ffi.NULL else pyvips.ffi.string(text).decode("utf-8", errors="replace")


# Both raise what nobody can catch, or hide what went wrong, if a message is not UTF-8.
pyvips._to_string = pyvips.error._to_string = decoded


def hush(domain: bytes) -> None:
    """Redirect the warnings of another GLib domain to where pyvips sends those of libvips."""
    identity = pyvips.glib_lib.g_log_set_handler(domain, CRITICAL_AND_WARNING, pyvips._log_handler_cb, pyvips.ffi.NULL)
    # Python can no longer be called when the libraries are unloaded.
    atexit.register(pyvips.glib_lib.g_log_remove_handler, domain, identity)


for domain in (b"GLib", b"GLib-GObject"):
    hush(domain)


@contextmanager
def complaints() -> Iterator[list[str]]:
    """Collect libvips' warnings in this thread."""
    heard: list[str] = []
    handler, thread = logging.Handler(logging.WARNING), threading.get_ident()
    handler.emit = lambda record: heard.append(record.getMessage()) if record.thread == thread else None  # type: ignore[method-assign]
    logger.addHandler(handler)
    try:
        yield heard
    finally:
        logger.removeHandler(handler)


users: set[int] = set()
"""Of this process and those it was forked from, the ones that have used libvips."""


def begin_use() -> None:
    """Make sure that libvips can be used here, and caches nothing.

    Raises:
        DaguerreError: this process was forked from one that had used it. Its threads, and torch's, were not copied, and
            waiting for them would block forever.
    """
    if users - {os.getpid()}:
        raise DaguerreError(
            "this process was forked from one that had used daguerre already, whose threads are missing here; "
            "start it anew, with multiprocessing.get_context('spawn')"
        )
    users.add(os.getpid())
    # It caches the last hundred operations by file name: a file replaced meanwhile would be read in its old state, and
    # the pixels of finished pictures would be kept.
    pyvips.cache_set_max(0)
