"""HTTP requests for published weights; https is never downgraded."""

from urllib.parse import urljoin, urlsplit

import requests

__all__ = ["LARGEST", "Secure", "get"]

PATIENCE = 30  # seconds without a byte before a timeout
LARGEST = 4 << 30
"""Largest download in bytes if the catalog has no size."""


class Secure(requests.Session):
    """Follows redirects, but from https to https only."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """The target of a redirect, if any.

        Raises:
            requests.exceptions.InvalidSchema: a redirect from https to something else.
        """
        target = super().get_redirect_target(resp)
        if target and urlsplit(resp.url).scheme == "https" and urlsplit(urljoin(resp.url, target)).scheme != "https":
            raise requests.exceptions.InvalidSchema(f"{resp.url} leads to an address that is not https")
        return target


def get(url: str, first: int = 0, stop: int | None = None) -> requests.Response:
    """Request a file, or its bytes from `first` to `stop`; the body is streamed.

    Raises:
        requests.RequestException: no connection, or no such file.
    """
    headers = {"Accept-Encoding": "identity"}
    if first or stop is not None:
        headers["Range"] = f"bytes={first}-{'' if stop is None else stop - 1}"
    answer = Secure().get(url, headers=headers, stream=True, timeout=PATIENCE)
    answer.raise_for_status()
    return answer
