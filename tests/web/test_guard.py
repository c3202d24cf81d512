import base64

import pytest

pytest.importorskip("starlette")

from starlette.datastructures import Headers

from daguerre.web.guard import GuardedApp

ORIGIN = "http://127.0.0.1:7860"
HOST = {"host": "127.0.0.1:7860"}


async def nothing(scope, receive, send): ...


def status(method="GET", path="/api/jobs", password="", **headers):
    guard = GuardedApp(nothing, origins=[ORIGIN], token="secret", password=password)
    named = HOST | {name.replace("_", "-"): value for name, value in headers.items()}
    refused = guard.refusal(method, path, Headers(named))
    return refused.status_code if refused else 200


def test_a_name_that_somebody_pointed_at_this_computer_is_refused():
    assert status() == 200
    assert status(host="evil.example:7860") == 421
    assert status(host="127.0.0.1") == 421
    assert status(host="") == 421


def test_another_site_can_neither_ask_nor_change():
    assert status(sec_fetch_site="cross-site") == 403
    assert status(path="/", sec_fetch_site="cross-site") == 200  # a link to the page
    assert status("POST", "/", sec_fetch_site="cross-site", x_token="secret") == 403
    assert status("POST", origin="https://evil.example", x_token="secret") == 403
    assert status("POST", origin="null", x_token="secret") == 403


@pytest.mark.parametrize("sign", ["origin", "sec_fetch_site", "referer", "cookie"])
def test_a_browser_needs_the_token_to_change_something(sign):
    signs = {sign: {"origin": ORIGIN, "sec_fetch_site": "same-origin"}.get(sign, "x")}
    assert status("POST", **signs) == 403
    assert status("DELETE", **signs, x_token="guess") == 403
    assert status("POST", **signs, x_token="secret") == 200


def test_a_program_needs_no_token():
    assert status("POST") == 200


def test_a_password_is_asked_for_and_compared():
    def given(text):
        return {"authorization": "Basic " + base64.b64encode(text.encode()).decode()}

    assert status(password="rosebud") == 401
    assert status(password="rosebud", **given("anybody:wrong")) == 401
    assert status(password="rosebud", authorization="Basic !!!") == 401
    assert status(password="rosebud", **given("anybody:rosebud")) == 200
