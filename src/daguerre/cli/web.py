"""`daguerre web`: a page in the browser, for everything that the command line does."""

import contextlib
from collections.abc import Sequence

from daguerre.cli.flags import parse
from daguerre.cli.standard import passing
from daguerre.cli.terminal import say
from daguerre.errors import MissingExtra
from daguerre.web.folder import PhotoFolder
from daguerre.web.options import WebOptions

__all__ = ["run"]


def web(serving: WebOptions) -> int:
    """Restore, upscale and stylize photographs on a page in the browser.

    $ daguerre web                          for this computer alone; nothing is kept
    $ daguerre web --keep restored/         keep photographs and results
    $ daguerre web --host 0.0.0.0 --origin https://photos.example

    The last is for others, too; the environment variable DAGUERRE_PASSWORD has the password that they need.

    The page is served on this computer, to this computer. It loads nothing from the internet, and sends nothing there.
    """
    try:
        from daguerre.web.serving import serve
    except ImportError as error:
        raise MissingExtra(f"the page needs {error.name}; install it with `pip install 'daguerre[web]'`") from error
    folder = PhotoFolder(serving.keep or passing(), kept=serving.keep is not None)
    with contextlib.suppress(KeyboardInterrupt):
        serve(serving, folder, say)
    return 0


def run(words: Sequence[str]) -> int:
    return parse(web, "web", words)
