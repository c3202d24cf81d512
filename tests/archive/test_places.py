import contextlib
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import fsspec
import pytest
from images.drawn import photo

from daguerre.archive.places import Mirror, address_of, changed_at
from daguerre.errors import ArchiveError, MissingExtra
from daguerre.images import Picture


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A folder elsewhere with two files, and its mirror."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    system = fsspec.filesystem("memory")
    system.pipe({"/box/a.png": b"12345", "/box/deep/b.png": b"123"})
    yield system
    system.rm("/box", recursive=True)


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("s3://bucket/scans/", "s3://bucket/scans"),
        ("memory://box", "memory://box"),
        ("album/a.jpg", ""),
        ("/a:/b", ""),
        ("C:/scans", ""),
    ],
)
def test_a_path_that_is_an_address_is_known(path, address):
    assert address_of(Path(path)) == address


def test_hollow_files_have_size_and_time_and_follow_what_changes(elsewhere):
    mirror = Mirror.of("memory://box")
    mirror.refresh()
    a, b = mirror.folder / "a.png", mirror.folder / "deep/b.png"
    assert (a.stat().st_size, b.stat().st_size, a.stat().st_blocks) == (5, 3, 0)
    assert a.stat().st_mtime_ns == changed_at(elsewhere.info("/box/a.png"))
    elsewhere.pipe("/box/a.png", b"1234567")
    elsewhere.rm("/box/deep/b.png")
    mirror.refresh()
    assert (a.stat().st_size, b.exists()) == (7, False)


def test_a_file_is_fetched_and_put_back(elsewhere):
    mirror = Mirror.of("memory://box")
    mirror.refresh()
    a = mirror.folder / "a.png"
    before = a.stat().st_mtime_ns
    mirror.fetch(a)
    assert (a.read_bytes(), a.stat().st_mtime_ns) == (b"12345", before)
    mirror.hollow(a)
    assert a.read_bytes() == b"\0" * 5
    made = mirror.folder / "new/c.png"
    made.parent.mkdir()
    made.write_bytes(b"made")
    mirror.put(made)
    assert elsewhere.cat("/box/new/c.png") == b"made"
    assert made.stat().st_blocks == 0
    assert mirror.shown(made) == "memory://box/new/c.png"


def test_names_that_lead_out_are_passed_over(elsewhere):
    elsewhere.store["/box/../../x.png"] = elsewhere.store["/box/a.png"]
    mirror = Mirror.of("memory://box")
    mirror.refresh()
    assert sorted(path.name for path in mirror.folder.rglob("*.png")) == ["a.png", "b.png"]
    del elsewhere.store["/box/../../x.png"]


def test_what_is_missing_is_told_in_a_line(monkeypatch):
    with pytest.raises(ArchiveError, match=r"nonsense://x is no address that is known"):
        Mirror.of("nonsense://x").there()
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(MissingExtra, match=r"s3://bucket needs a package: .*s3fs"):
        Mirror.of("s3://bucket").there()


@pytest.mark.parametrize(
    ("info", "seconds"),
    [
        ({"mtime": 10.5}, 10.5),
        ({"updated": "1970-01-01T00:00:10+00:00"}, 10),
        ({"size": 3}, 0),
    ],
)
def test_times_are_told_in_many_ways(info, seconds):
    assert changed_at(info) == seconds * 10**9


@pytest.mark.slow
def test_pictures_come_from_a_bucket_and_results_go_to_one(tmp_path):
    pytest.importorskip("moto.server")
    s3fs = pytest.importorskip("s3fs")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    where = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "XDG_CACHE_HOME": str(tmp_path),
    }
    server = subprocess.Popen([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)])
    try:
        system = s3fs.S3FileSystem(
            key="test", secret="test", endpoint_url=where["AWS_ENDPOINT_URL"], skip_instance_cache=True
        )
        for _ in range(100):
            with contextlib.suppress(OSError):
                system.mkdir("scans")
                break
            time.sleep(0.1)
        system.mkdir("made")
        pictures = {
            name: Picture.from_array(photo(20, 30, seed=seed)) for seed, name in enumerate(("a.png", "b/c.png"))
        }
        for name, picture in pictures.items():
            system.pipe(f"scans/{name}", picture.to_bytes("png"))
        command = [sys.executable, "-m", "daguerre", "upscale", "s3://scans", "-o", "s3://made", "--scale", "2"]
        changed = []
        for _ in range(2):
            subprocess.run(command, env=os.environ | where, capture_output=True, check=True)
            system.invalidate_cache()
            made = [name for name in system.find("made") if name.endswith(".png")]
            changed.append([system.info(name)["LastModified"] for name in made])
            time.sleep(1.1)  # times have whole seconds
        assert changed[0] == changed[1]
        assert made == ["made/a-2x.png", "made/b/c-2x.png"]
        assert (Picture.from_bytes(system.cat(made[0])).height, len(system.find("scans"))) == (40, 2)
    finally:
        server.terminate()
        server.wait()
