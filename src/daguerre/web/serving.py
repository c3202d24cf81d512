"""Start the server, report its address, and wait."""

import socket
import threading
import webbrowser
from collections.abc import Callable

import uvicorn

from daguerre.errors import OptionError
from daguerre.web.app import Page, make_app
from daguerre.web.folder import PhotoFolder
from daguerre.web.options import WebOptions

__all__ = ["serve"]


def serve(options: WebOptions, folder: PhotoFolder, say: Callable[[str], None]) -> None:
    """Serve the page until the process is told to stop.

    Args:
        say: prints a line.

    Raises:
        OptionError: the port is not available.
        ArchiveError: another process works on this folder.
    """
    listening = listen(options)
    port = listening.getsockname()[1]
    names = [options.host, "127.0.0.1", "localhost"] if options.local else []
    shown = {f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}" for name in names}
    origins = [options.origin.rstrip("/")] if options.origin else []
    address = origins[0] if origins else next(iter(sorted(shown, key=lambda name: options.host not in name)))
    app = make_app(Page(options, folder), [*origins, *shown])
    config = uvicorn.Config(
        app, log_level="critical", timeout_graceful_shutdown=1, server_header=False, date_header=False, lifespan="on"
    )
    server = uvicorn.Server(config)
    say(f"The page is at {address} - press Ctrl-C to end it.")
    where = f"kept in {folder.root}" if folder.kept else "deleted at the end; --keep FOLDER keeps them"
    say(f"Photographs and results are {where}.")
    if not options.quiet:
        threading.Timer(0.5, webbrowser.open, (address,)).start()
    server.run(sockets=[listening])


def listen(options: WebOptions) -> socket.socket:
    """A socket on the port, or on another one if it is taken and was not requested explicitly."""
    kind = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    for port in (options.port, 0):
        made = socket.socket(kind)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind((options.host, port))
            made.listen(128)
            return made
        except OSError as error:
            made.close()
            if port != WebOptions().port:
                raise OptionError(f"cannot listen on {options.host}:{port} ({error.strerror}); try --port 0") from error
    raise AssertionError
