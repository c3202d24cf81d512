"""Any exception as one line for people."""

import errno
import logging

from daguerre.errors import DaguerreError

__all__ = ["problem_in"]

log = logging.getLogger(__name__)


def problem_in(error: Exception) -> str:
    """An error as one line; its traceback is logged for `--debug`."""
    log.debug("this is where:", exc_info=error)
    if isinstance(error, DaguerreError):
        return str(error)
    first = next(iter(str(error).splitlines()), "")
    if lacks_memory(error):
        return "there is not enough memory for this; close other programs, or allow more (`ulimit -v`)"
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return f"no room left to write {error.filename or 'to'}; make some, or write elsewhere"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return f"unforeseen: {type(error).__name__}: {first}; --debug shows where; please report it"


LACKING = (
    *("allocate memory", "out of memory", "insufficient memory", "bad_alloc", "alloc failed", "start new thread"),
    "failed to map segment",  # a library cannot be mapped
    "could not create a primitive",  # oneDNN, which computes torch's convolutions
)
"""Messages of libraries that lack memory; torch raises RuntimeError for everything, OpenCV its own error."""


def lacks_memory(error: Exception) -> bool:
    """Whether the error is a lack of memory."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    return any(words in str(error).lower() for words in LACKING)
