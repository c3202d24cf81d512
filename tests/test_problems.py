import errno

import pytest

from daguerre.errors import DeviceError
from daguerre.problems import problem_in


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (DeviceError("no device"), "no device"),
        (MemoryError(), "there is not enough memory for this; close other programs, or allow more (`ulimit -v`)"),
        (ImportError("libx.so: failed to map segment from shared object"), "there is not enough memory for this"),
        (RuntimeError("could not create a primitive"), "there is not enough memory for this"),
        (PermissionError(errno.EACCES, "Permission denied", "no/a.jpg"), "Permission denied: no/a.jpg"),
        (OSError(errno.ENAMETOOLONG, "File name too long", "aaa"), "File name too long: aaa"),
        (OSError(errno.ENOSPC, "No space left on device"), "no room left to write to; make some, or write elsewhere"),
        (ZeroDivisionError("division by zero"), "unforeseen: ZeroDivisionError: division by zero; --debug shows where"),
        (AssertionError(), "unforeseen: AssertionError: ; --debug shows where"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whatever_goes_wrong_is_one_line(error, line):
    assert problem_in(error).startswith(line)
    assert "\n" not in problem_in(error)
