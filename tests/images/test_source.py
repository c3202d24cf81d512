import os
import socket
from pathlib import Path

import numpy as np
import pytest
from images.drawn import photo
from images.refusals import refused

from daguerre.errors import OptionError, UnreadablePicture
from daguerre.images import Picture
from daguerre.images.source import Source


def test_a_missing_file_is_named(tmp_path):
    refused(tmp_path / "nobody.jpg", "there is no file .*; check its name")


def test_a_folder_is_no_picture(tmp_path):
    refused(tmp_path, "is a folder")


def test_an_empty_file_is_called_empty(tmp_path):
    (tmp_path / "a.jpg").touch()
    refused(tmp_path / "a.jpg", r"is empty \(0 bytes\)")


def test_a_name_that_the_system_refuses(tmp_path):
    refused(tmp_path / ("x" * 300 + ".jpg"), "cannot open .*: File name too long")


def test_what_has_no_end_is_no_picture(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    refused(tmp_path / "pipe.jpg", r"cannot open .*pipe\.jpg: it is a named pipe, not a file")
    (tmp_path / "device.jpg").symlink_to("/dev/zero")
    refused(tmp_path / "device.jpg", r"cannot open .*device\.jpg: it is a device, not a file")
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(tmp_path / "s.jpg"))
        refused(tmp_path / "s.jpg", r"cannot open .*s\.jpg: ")


def test_brackets_spaces_and_foreign_letters_in_names_are_just_letters(tmp_path):
    for name in ("photo[1].png", "my photo, 1925.png", "Käthe.png", "写真.png", "a\udcff.png"):
        path = Picture.from_array(photo()).save(tmp_path / name)
        assert np.array_equal(Picture.open(path).array(), photo())


@pytest.mark.parametrize("options", [{"max_pixels": 0}, {"max_pixels": -5}, {"page": 0}, {"page": -1}])
def test_limits_and_pages_begin_at_one(tmp_path, options):
    path = Picture.from_array(photo()).save(tmp_path / "a.png")
    with pytest.raises(OptionError, match=r"(max_pixels|page) is (0|-5|-1); it must be at least 1"):
        Picture.open(path, **options)


def test_bytes_in_memory_are_read_as_their_file_is(tmp_path):
    path = Picture.from_array(photo()).save(tmp_path / "a.png")
    data = path.read_bytes()
    for source in (Source(path=path), Source(path=Path("a.png"), data=data)):
        assert source.look() == (len(data), data[:2048])
        assert np.array_equal(source.load("pngload").numpy(), photo())
    with pytest.raises(UnreadablePicture, match=r"a\.png is empty \(0 bytes\)"):
        Source(path=Path("a.png"), data=b"").look()


def test_a_zero_byte_in_a_name_is_no_traceback():
    with pytest.raises(UnreadablePicture, match=r"cannot open .*null byte"):
        Source(path=Path("a\0.png")).open()


def test_a_file_is_found_from_other_folders_too_and_bytes_keep_their_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Source(path=Path("a.png"), page=2).absolute() == Source(path=tmp_path / "a.png", page=2)
    assert Source(path=Path("a.png"), data=b"x").absolute().path == Path("a.png")
