"""A small archive as Microsoft's are, and a server for it."""

import contextlib
import http.server
import threading
import zipfile

import torch

from daguerre.networks.bringing_old_photos.scratch_unet import ScratchUNet
from daguerre.networks.bringing_old_photos.translation import LatentTranslation
from daguerre.networks.bringing_old_photos.vae import PhotoVAE

FOLDER = "Global/checkpoints"
VAE = "restoration/VAE_A_quality/latest_net_G.pth"
MAPPING = "restoration/mapping_quality/latest_net_mapping_net.pth"
DETECTOR = "detection/FT_Epoch_latest.pt"


def write_archive(path, *, packed=zipfile.ZIP_DEFLATED, beside=200_000, **changed):
    """Three tiny networks and much that nobody wants; `changed` replaces a member's content by its bytes."""
    torch.manual_seed(0)
    contents = {
        VAE: PhotoVAE(features=24, blocks=1).state_dict(),
        MAPPING: LatentTranslation(latent=24, features=32, blocks=1).state_dict(),
        DETECTOR: {"model_state": ScratchUNet(features=2, depth=2).state_dict(), "epoch": 99},
    }
    with zipfile.ZipFile(path, "w", packed) as archive:
        archive.writestr(f"{FOLDER}/restoration/VAE_A_quality/latest_net_D.pth", bytes(range(250)) * (beside // 250))
        for member, content in contents.items():
            name = f"{FOLDER}/{member}"
            if member in changed:
                archive.writestr(name, changed[member])
            else:
                with archive.open(name, "w", force_zip64=True) as file:
                    torch.save(content, file)
    return path


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves the server's `content`, in ranges if `ranges` ("first": one time), and breaks off once at `breaks`."""

    def do_GET(self):
        server, size = self.server, len(self.server.content)
        start, stop = 0, size
        if server.ranges and "Range" in self.headers:
            first, _, last = self.headers["Range"].removeprefix("bytes=").partition("-")
            start, stop = int(first), int(last) + 1 if last else size
            server.ranges = server.ranges is True
        server.asked.append((start, stop))
        if not self.path.endswith(".zip"):
            return self.send_error(404)
        self.send_response(206 if (start, stop) != (0, size) else 200)
        self.send_header("Content-Length", str(stop - start))
        self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
        self.end_headers()
        if server.breaks is not None and start < server.breaks < stop:
            stop, server.breaks = server.breaks, None
        self.wfile.write(server.content[start:stop])

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serving(path, monkeypatch):
    """A server on this computer for one file."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.content, server.ranges, server.breaks, server.asked = path.read_bytes(), True, None, []
        server.url = f"http://127.0.0.1:{server.server_port}/{path.name}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
