"""`daguerre web`: a page in the browser that does everything the command line does."""

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

    $ daguerre web                          for this computer only; keeps nothing
    $ daguerre web --keep restored/         keep photographs and results
    $ daguerre web --host 0.0.0.0 --origin https://photos.example

    The last one serves other computers, too; their users need the password in the environment variable
    DAGUERRE_PASSWORD.

    By default the page can be reached from this computer only. It loads nothing from the internet and sends nothing
    there.
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
