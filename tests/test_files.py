import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from daguerre import files
from daguerre.errors import OutputExists, UnwritablePicture
from daguerre.files import check_free, check_regular, part, read_small, same_file, whole


def test_what_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")

    def write_half():
        with whole(path) as name:
            name.write_text("new")
            raise ValueError("half written")

    with pytest.raises(ValueError, match="half"):
        write_half()
    assert [file.name for file in tmp_path.iterdir()] == ["table.csv"]
    assert path.read_text() == "old"


def test_what_succeeds_takes_its_place(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with whole(path) as name:
        assert name.suffix == ".csv"
        name.write_text("new")
    assert [file.read_text() for file in tmp_path.iterdir()] == ["new"]


def test_a_file_that_came_in_the_meantime_is_not_replaced_unasked(tmp_path):
    path = tmp_path / "table.csv"

    def meet():
        with part(path, overwrite=False) as name:
            name.write_text("mine")
            path.write_text("theirs")

    with pytest.raises(OutputExists):
        meet()
    assert [file.read_text() for file in tmp_path.iterdir()] == ["theirs"]


def test_what_the_system_refuses_is_a_line(tmp_path):
    with (
        pytest.raises(UnwritablePicture, match=r"cannot write .*a\.csv \(No such file"),
        whole(tmp_path / "no" / "a.csv") as n,
    ):
        n.write_text("text")


def test_what_cannot_be_written_is_told_before_any_work(tmp_path):
    (tmp_path / "there.csv").write_text("mine")
    with pytest.raises(OutputExists, match=r"there\.csv exists already; name another file, or add --overwrite"):
        check_free(tmp_path / "there.csv")
    check_free(tmp_path / "there.csv", ".csv", overwrite=True)
    with pytest.raises(UnwritablePicture, match=r"there\.csv does not end in \.png"):
        check_free(tmp_path / "there.csv", ".png", overwrite=True)
    with pytest.raises(UnwritablePicture, match="is a folder"):
        check_free(tmp_path, overwrite=True)
    with pytest.raises(UnwritablePicture, match=r"cannot write .* \(File name too long\); name another file"):
        check_free(tmp_path / ("x" * 300))
    with pytest.raises(UnwritablePicture, match=r"there is no folder .*no to write a\.csv in"):
        check_free(tmp_path / "no" / "a.csv")


WRITER = """
import sys, time
from pathlib import Path
from daguerre.files import part
with part(Path(sys.argv[1]), overwrite=True) as name:
    name.write_text("half")
    print("writing", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def writer(tmp_path):
    """Another process in the middle of writing `a.png`."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, tmp_path / "a.png"], stdout=subprocess.PIPE, text=True
    ) as process:
        process.stdout.readline()
        yield process
        process.kill()


def write(path, text="whole"):
    files.sweep.cache_clear()  # as in a new run
    with part(path, overwrite=True) as name:
        name.write_text(text)


@pytest.mark.skipif(sys.platform == "win32", reason="files that are open cannot be removed there anyway")
def test_what_a_killed_process_left_is_removed_by_the_next_that_writes_there(tmp_path, writer):
    (left,) = tmp_path.iterdir()
    assert left.name.endswith(".daguerre-part.png")
    write(tmp_path / "b.png")
    assert left.read_text() == "half"  # its writer lives
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    write(tmp_path / "b.png")
    assert [path.name for path in tmp_path.iterdir()] == ["b.png"]


def test_nothing_else_is_taken_for_a_leftover(tmp_path):
    names = [".part.png", ".0123456789abcdef.part.png", "a.daguerre-part.png", ".0123.daguerre-part.png", ".hidden"]
    for name in names:
        (tmp_path / name).touch()
    (tmp_path / ".0123456789abcdef.daguerre-part").mkdir()
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / ".fedcba9876543210.daguerre-part.png").symlink_to(tmp_path / "mine.txt")
    (tmp_path / ".fedcba9876543210.daguerre-part").touch()
    before = {path.name for path in tmp_path.iterdir()}
    write(tmp_path / "b.png")
    assert {path.name for path in tmp_path.iterdir()} == before - {".fedcba9876543210.daguerre-part"} | {"b.png"}


def test_a_name_that_is_swept_away_before_it_is_locked_is_made_anew(tmp_path, monkeypatch):
    hold, swept = files.hold, []

    def late(descriptor):
        if not swept:
            swept.extend(tmp_path.iterdir())
            swept[0].unlink()
        return hold(descriptor)

    monkeypatch.setattr(files, "hold", late)
    write(tmp_path / "a.png")
    assert swept
    assert (tmp_path / "a.png").read_text() == "whole"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_file_and_its_folder_are_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    done, fsync, replace = [], os.fsync, Path.replace

    def flush(descriptor):
        done.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).suffix)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", flush)
    monkeypatch.setattr(Path, "replace", lambda self, path: done.append("named") or replace(self, path))
    write(tmp_path / "a.png")
    assert done == [".png", "named", ""]


def test_a_disk_that_cannot_flush_or_lock_is_written_to_all_the_same(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(os, "fsync", refuse)
    monkeypatch.setattr("fcntl.flock", refuse)
    (tmp_path / ".0123456789abcdef.daguerre-part").touch()
    write(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_text() == "whole"
    assert (tmp_path / ".0123456789abcdef.daguerre-part").exists()  # perhaps somebody's


def test_a_long_name_leaves_room_for_the_name_of_the_part(tmp_path):
    write(tmp_path / ("x" * 251 + ".png"))
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_is_the_same_by_whatever_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d").mkdir()
    (tmp_path / "link").symlink_to("d")
    (tmp_path / "d" / "a.jpg").touch()
    (tmp_path / "d" / "b.jpg").symlink_to("a.jpg")
    os.link(tmp_path / "d" / "a.jpg", tmp_path / "hard.jpg")
    for name in ("d/a.jpg", "./d/../d/a.jpg", "link/a.jpg", "d/b.jpg", "hard.jpg", tmp_path / "d" / "a.jpg"):
        assert same_file(Path(name), Path("d/a.jpg"))
    assert same_file(Path("link/new.jpg"), Path("d/new.jpg"))
    (tmp_path / "loop").symlink_to("loop")
    for name in ("d", "d/new.jpg", "loop", "a" * 300):
        assert not same_file(Path(name), Path("d/a.jpg"))


def test_only_files_with_an_end_are_read(tmp_path):
    (tmp_path / "a.toml").write_bytes(b"x" * 100)
    assert read_small(tmp_path / "a.toml", 100) == b"x" * 100
    with pytest.raises(OSError, match="more than 99 bytes"):
        read_small(tmp_path / "a.toml", 99)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="it is a named pipe, not a file"):
        read_small(tmp_path / "pipe")
    with pytest.raises(OSError, match="it is a device, not a file"):
        check_regular(Path("/dev/zero"))
    with pytest.raises(IsADirectoryError, match="it is a folder"):
        check_regular(tmp_path)
    with pytest.raises(FileNotFoundError):
        check_regular(tmp_path / "nobody")
