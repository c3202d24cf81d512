"""Access control: checks before every request is handled, and headers on every answer.

Another site's page in the same browser can send requests here, too. It can neither read answers nor forge the headers
that browsers add; so every change needs our own Origin and the token that only our page has. Programs such as curl send
none of these headers, and need none. A foreign name that points to this computer (DNS rebinding) shows in the Host
header.
"""

import base64
import binascii
import hmac
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["HEADERS", "GuardedApp"]

SAFE = ("GET", "HEAD", "OPTIONS")
SIGNS = ("origin", "sec-fetch-site", "referer", "cookie")
"""Headers that reveal a browser."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class GuardedApp:
    """An application protected by these checks.

    Args:
        origins: addresses of the page, such as `http://127.0.0.1:7860`.
        token: sent by our page as `X-Token` with every change.
        password: required from visitors; none if empty.
    """

    def __init__(self, app: ASGIApp, *, origins: Iterable[str], token: str, password: str = "") -> None:
        self.app, self.token, self.password = app, token, password
        self.origins = frozenset(origin.rstrip("/").lower() for origin in origins)
        self.hosts = frozenset(urlsplit(origin).netloc for origin in self.origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        refused = self.refusal(scope["method"], scope["path"], Headers(scope=scope))
        await (refused or self.app)(scope, receive, answer)

    def refusal(self, method: str, path: str, headers: Headers) -> Response | None:
        """Why a request is refused; None if it is accepted."""
        if headers.get("host", "").lower() not in self.hosts:
            return refuse(421, "this address is not the page's own; open the one that `daguerre web` printed")
        if self.password and not self.knows_password(headers.get("authorization", "")):
            ask = {"WWW-Authenticate": 'Basic realm="Daguerre", charset="UTF-8"'}
            return refuse(401, "the password is missing or wrong", ask)
        elsewhere = headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
        if elsewhere and not (method in SAFE and path == "/"):
            return refuse(403, "another site asked for this")
        if method in SAFE:
            return None
        if "origin" in headers and headers["origin"].lower() not in self.origins:
            return refuse(403, "another site asked for this")
        browser = any(sign in headers for sign in SIGNS)
        if browser and not hmac.compare_digest(headers.get("x-token", "").encode(), self.token.encode()):
            return refuse(403, "the page is out of date; load it again")
        return None

    def knows_password(self, authorization: str) -> bool:
        scheme, _, encoded = authorization.partition(" ")
        try:
            given = base64.b64decode(encoded, validate=True).partition(b":")[2]
        except (binascii.Error, ValueError):
            return False
        return scheme.lower() == "basic" and hmac.compare_digest(given, self.password.encode())


def refuse(status: int, reason: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": reason}, status_code=status, headers=headers)
