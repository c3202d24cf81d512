import socket

import pytest

pytest.importorskip("uvicorn")

from daguerre.errors import OptionError
from daguerre.web.options import WebOptions
from daguerre.web.serving import listen


def test_a_free_port_is_taken_unless_one_was_asked_for():
    with listen(WebOptions(port=0)) as first:
        port = first.getsockname()[1]
        assert first.getsockname()[0] == "127.0.0.1"
        with pytest.raises(OptionError, match=f"{port}"), listen(WebOptions(port=port)):
            pass


def test_the_usual_port_gives_way_to_a_free_one():
    with socket.socket() as other:
        try:
            other.bind(("127.0.0.1", WebOptions().port))
            other.listen()
        except OSError:
            pass  # somebody else has it, which is just as well
        with listen(WebOptions()) as made:
            assert made.getsockname()[1] != WebOptions().port
