"""Options of the page: where it is served, to whom, and what is kept."""

import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from daguerre.errors import OptionError
from daguerre.options import check_range, option

__all__ = ["PASSWORD", "WebOptions"]

PASSWORD = "DAGUERRE_PASSWORD"
"""Environment variable with the password."""


@dataclass(frozen=True, kw_only=True)
class WebOptions:
    """How the page is served."""

    keep: Path | None = option(
        None, "keep photographs and results in this folder (default: all is deleted at the end)", metavar="FOLDER"
    )
    port: int = option(7860, "port; 0 takes a free one")
    host: str = option("127.0.0.1", "address to listen on; any beyond this computer needs --origin and a password")
    origin: str = option("", "public address of the page, if not this computer's own", metavar="https://NAME")
    max_megabytes: int = option(1000, "largest accepted file, in megabytes")
    max_megapixels: int = option(400, "largest accepted photograph, in megapixels")
    quiet: bool = option(False, "do not open a browser; print only the address")

    def __post_init__(self) -> None:
        check_range("port", self.port, 0, 65535)
        check_range("max_megabytes", self.max_megabytes, 1, 1_000_000)
        check_range("max_megapixels", self.max_megapixels, 1, 4000)
        if self.origin and not (urlsplit(self.origin).scheme in ("http", "https") and urlsplit(self.origin).hostname):
            raise OptionError(f"origin is {self.origin!r}; it must look like https://photos.example")
        if not self.local and not (self.origin and self.password):
            raise OptionError(
                f"others can reach the page at {self.host}; name the address that they use with --origin, and set a "
                f"password in the environment variable {PASSWORD}"
            )

    @property
    def local(self) -> bool:
        """Whether only this computer can reach the page."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def password(self) -> str:
        """The password that visitors have to give; empty if none."""
        return os.environ.get(PASSWORD, "")

    @property
    def max_bytes(self) -> int:
        return self.max_megabytes * 1_000_000

    @property
    def max_pixels(self) -> int:
        return self.max_megapixels * 1_000_000
