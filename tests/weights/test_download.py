import hashlib
import http.server
import threading

import pytest
import requests
import torch

from daguerre import weights
from daguerre.errors import Cancelled, WeightsDamaged, WeightsError, WeightsNotFound
from daguerre.networks.srvgg import SRVGGNetCompact
from daguerre.weights.catalog import ModelEntry


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves the server's `content`, ranges too unless it is told not to, broken off after `breaks` bytes once."""

    def do_GET(self):
        server = self.server
        start = int(self.headers.get("Range", "bytes=0-")[6:-1]) if server.ranges else 0
        server.starts.append(start)
        if self.path != "/tiny_v1.pth":
            return self.send_error(404)
        if start >= len(server.content):
            return self.send_error(416)
        self.send_response(206 if start else 200)
        if server.announce:
            self.send_header("Content-Length", str(len(server.content) - start))
        self.end_headers()
        self.wfile.write(server.content[start : server.breaks])
        server.breaks = None

    def log_message(self, *_):
        pass


@pytest.fixture
def server(folder, tmp_path, monkeypatch):
    """A server on this computer that publishes one tiny network, which is all that the catalog lists."""
    torch.manual_seed(0)
    torch.save({"params": SRVGGNetCompact(scale=2, features=16, convs=32).state_dict()}, tmp_path / "published.pth")
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.content = (tmp_path / "published.pth").read_bytes()
        server.breaks, server.ranges, server.starts, server.announce = None, True, [], True
        server.entry = {
            "name": "tiny",
            "task": "upscale",
            "scale": 2,
            "network": "SRVGGNetCompact",
            "licence": "MIT",
            "url": f"http://127.0.0.1:{server.server_port}/tiny_v1.pth",
            "sha256": hashlib.sha256(server.content).hexdigest(),
        }
        for module in ("store", "download"):
            monkeypatch.setattr(f"daguerre.weights.{module}.catalog", lambda: {"tiny": ModelEntry(**server.entry)})
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def names(folder):
    return sorted(file.name for file in folder.iterdir())


def test_fetched_weights_are_verified_converted_and_kept(server, folder):
    seen = []
    path = weights.fetch("tiny", progress=seen.append)
    assert path == folder / "tiny.safetensors"
    assert names(folder) == ["tiny.safetensors"]
    header = weights.load("tiny").header
    assert (header.licence, header.source) == ("MIT", server.entry["url"])
    assert (seen[-1].step, seen[-1].done, seen[-1].total) == ("fetching tiny", len(server.content), len(server.content))
    assert [progress.done for progress in seen] == sorted(progress.done for progress in seen)


def test_sound_weights_are_not_fetched_again_but_damaged_ones_are(server, folder):
    path = weights.fetch("tiny")
    weights.fetch("tiny")
    assert len(server.starts) == 1
    path.write_bytes(path.read_bytes()[:-1])
    weights.fetch("tiny")
    assert weights.verify("tiny") == {"tiny": ""}
    assert len(server.starts) == 2


def test_a_download_that_broke_off_says_so_and_goes_on_where_it_stopped(server, folder):
    server.breaks = 100_000
    with pytest.raises(WeightsError, match="run this again to go on where it stopped"):
        weights.fetch("tiny")
    assert names(folder) == ["tiny_v1.pth.part"]
    seen = []
    weights.fetch("tiny", progress=seen.append)
    assert server.starts[1] > 0
    assert seen[0].done > server.starts[1]
    assert seen[-1].done == seen[-1].total == len(server.content)
    assert weights.verify("tiny") == {"tiny": ""}


def test_a_whole_piece_that_was_never_renamed_is_taken(server, folder):
    (folder / "tiny_v1.pth.part").write_bytes(server.content)
    weights.fetch("tiny")
    assert weights.verify("tiny") == {"tiny": ""}


@pytest.mark.parametrize("ranges", [True, False], ids=["wrong piece", "server without ranges"])
def test_a_piece_that_does_not_fit_is_thrown_away_and_all_fetched_anew(server, folder, ranges):
    server.ranges = ranges
    (folder / "tiny_v1.pth.part").write_bytes(b"something else" if ranges else server.content[:1000])
    weights.fetch("tiny")
    assert server.starts[-1] == 0
    assert names(folder) == ["tiny.safetensors"]


def test_something_else_than_was_published_is_not_kept(server, folder):
    server.content = b"x" * 1000
    with pytest.raises(WeightsDamaged, match="sent something else than was published"):
        weights.fetch("tiny")
    assert names(folder) == []


def test_a_file_that_is_gone_names_the_file_the_address_and_the_folder(server, folder):
    server.entry["url"] = server.entry["url"].replace("tiny_v1", "moved")
    with pytest.raises(WeightsError, match=r"moved\.pth from http://127.*answered 404.*put it into .*weights"):
        weights.fetch("tiny")


def test_being_offline_names_the_file_the_address_and_the_folder(server, folder):
    server.entry["url"] = "http://127.0.0.1:1/tiny_v1.pth"  # nobody listens there
    with pytest.raises(WeightsError, match=r"tiny_v1\.pth from http://127.*no connection.*put it into .*weights"):
        weights.fetch("tiny")


def test_a_file_put_there_by_hand_is_used_and_left(server, folder):
    (folder / "tiny_v1.pth").write_bytes(server.content)
    weights.fetch("tiny")
    assert server.starts == []
    assert names(folder) == ["tiny.safetensors", "tiny_v1.pth"]


def test_weights_not_for_commercial_use_are_not_fetched_unasked(server, folder):
    server.entry |= {"commercial": False, "licence": "CC-BY-NC-4.0"}
    with pytest.raises(WeightsError, match=r"CC-BY-NC-4\.0.*--accept-licence"):
        weights.fetch("tiny")
    assert server.starts == []
    weights.fetch("tiny", accept_licence=True)


def test_a_download_can_be_cancelled(server, folder):
    def stop(progress):
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        weights.fetch("tiny", progress=stop)
    assert "tiny.safetensors" not in names(folder)


def test_a_folder_that_cannot_be_written_is_reported(server, folder, monkeypatch):
    (folder / "file").write_bytes(b"")
    monkeypatch.setenv("DAGUERRE_WEIGHTS", str(folder / "file" / "inside"))
    with pytest.raises(WeightsError, match="cannot write"):
        weights.fetch("tiny")


def test_an_unknown_name_is_answered_with_the_nearest(server):
    with pytest.raises(WeightsNotFound, match=r"'tinny'; did you mean 'tiny'\?"):
        weights.fetch("tinny")


@pytest.mark.parametrize("stated", [True, False], ids=["announced", "unannounced"])
def test_a_download_stops_at_the_size_in_the_catalog(server, folder, stated):
    server.entry["bytes"] = len(server.content) - 1
    server.announce = stated
    with pytest.raises(WeightsDamaged, match=r"sends [\d,]+ bytes or more, but [\d,]+ at most can be right"):
        weights.fetch("tiny")
    assert names(folder) == []


def test_a_download_of_unknown_size_stops_at_a_limit(server, folder, monkeypatch):
    monkeypatch.setattr("daguerre.weights.download.LARGEST", 1000)
    with pytest.raises(WeightsDamaged, match="but 1,000 at most can be right"):
        weights.fetch("tiny")
    assert names(folder) == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/tiny_v1.pth", "moved"])
def test_a_fetch_that_fails_leaves_nothing_empty(server, folder, url):
    server.entry["url"] = url if url.startswith("http") else server.entry["url"].replace("tiny_v1", url)
    with pytest.raises(WeightsError, match="cannot fetch"):
        weights.fetch("tiny")
    assert names(folder) == []


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (requests.exceptions.SSLError(), "certificate cannot be trusted"),
        (requests.Timeout(), "does not answer"),
        (requests.ConnectionError(), "no connection"),
        (requests.exceptions.InvalidSchema(), "leads to an address that is not encrypted"),
    ],
)
def test_failures_of_the_connection_are_told_apart(server, monkeypatch, error, words):
    def fail(*_):
        raise error

    monkeypatch.setattr("daguerre.weights.download.get", fail)
    with pytest.raises(WeightsError, match=words):
        weights.fetch("tiny")
