import http.server
import threading

import pytest
import requests

from daguerre.weights.web import PATIENCE, Secure, get


def redirected(source, target):
    answer = requests.Response()
    answer.status_code, answer.url, answer.headers["Location"] = 302, source, target
    return Secure().get_redirect_target(answer)


@pytest.mark.parametrize("target", ["https://b.org/y", "/y", "//b.org/y", "y"])
def test_redirects_within_https_are_followed(target):
    assert redirected("https://a.org/x", target) == target


@pytest.mark.parametrize("target", ["http://a.org/x", "HTTP://a.org/x", "ftp://a.org/x", "file:///etc/passwd"])
def test_https_is_never_left_by_a_redirect(target):
    with pytest.raises(requests.exceptions.InvalidSchema, match="leads to an address that is not https"):
        redirected("https://a.org/x", target)


def test_what_was_never_encrypted_may_lead_anywhere():
    assert redirected("http://a.org/x", "http://b.org/y") == "http://b.org/y"


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with what it was asked for."""

    def do_GET(self):
        if self.path == "/gone":
            return self.send_error(410)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{self.headers['Range']} {self.headers['Accept-Encoding']}".encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def address(monkeypatch):
    """Of a server on this computer."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("first", "stop", "wanted"),
    [(0, None, "None"), (5, None, "bytes=5-"), (0, 10, "bytes=0-9"), (5, 6, "bytes=5-5")],
)
def test_a_part_is_asked_for_as_bytes_and_never_packed(address, first, stop, wanted):
    with get(f"{address}/file", first, stop) as answer:
        assert answer.text == f"{wanted} identity"


def test_a_file_that_is_gone_is_an_error(address):
    with pytest.raises(requests.HTTPError, match="410"):
        get(f"{address}/gone")


def test_a_server_that_does_not_answer_is_not_waited_for_longer_than_patience(monkeypatch):
    def ask(session, url, **how):
        raise requests.Timeout(str(how["timeout"]))

    monkeypatch.setattr(Secure, "get", ask)
    with pytest.raises(requests.Timeout, match=str(PATIENCE)):
        get("https://a.org/x")
