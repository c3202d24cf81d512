import sys
from pathlib import Path

import fsspec
import pytest

from daguerre.archive.places import Mirror, address_of, changed_at
from daguerre.errors import ArchiveError, MissingExtra


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
