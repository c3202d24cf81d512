import subprocess
import sys

import pytest
from images.drawn import photo

from daguerre.images import Picture
from daguerre.images.vips import complaints, pyvips

LATE = """
import atexit
def save():
    image = pyvips.Image.black(1, 1)
    image.set_type(pyvips.GValue.blob_type, "xmp-data", bytes(70_000))
    image.jpegsave_buffer()  # warns that it has no room
atexit.register(save)
from daguerre.images.vips import pyvips
save()
"""


def test_what_libvips_warns_of_stays_silent_to_the_end_of_the_program():
    """By then Python's handlers are gone."""
    done = subprocess.run([sys.executable, "-c", LATE], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


FORK = """
import multiprocessing, sys
import daguerre.images
from daguerre.errors import DaguerreError
from daguerre.images import Picture

def height(path):
    return Picture.open(path).read().shape[2]

def inherited(_):
    return picture.read().shape[2]

if __name__ == "__main__":
    path, warm = sys.argv[1:]
    if warm == "warm":
        picture = Picture.open(path)
        picture.read()
    with multiprocessing.get_context("fork").Pool(2) as pool:
        for work in (height, inherited)[: 1 + (warm == "warm")]:
            try:
                print(pool.map(work, [path, path]))
            except DaguerreError as error:
                print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is forked there")
@pytest.mark.parametrize("state", ["cold", "warm"])
def test_a_pool_that_is_forked_too_late_says_so_instead_of_waiting_for_ever(tmp_path, state):
    path = Picture.from_array(photo(400, 400)).save(tmp_path / "a.png")
    (tmp_path / "pool.py").write_text(FORK)
    command = [sys.executable, tmp_path / "pool.py", path, state]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    if state == "cold":
        assert done.stdout == "[400, 400]\n"
    else:
        assert (
            done.stdout.splitlines()
            == [
                "this process was forked from one that had used daguerre already, whose threads are missing here; "
                "start it anew, with multiprocessing.get_context('spawn')"
            ]
            * 2
        )


def test_what_libvips_complains_of_is_heard_while_somebody_listens(caplog):
    image = pyvips.Image.black(1, 1)
    image.set_type(pyvips.GValue.blob_type, "xmp-data", bytes(70_000))
    with complaints() as heard:
        image.jpegsave_buffer()
    assert len(heard) == 1
    image.jpegsave_buffer()
    assert len(heard) == 1


def test_a_message_in_another_encoding_is_decoded_as_far_as_it_can_be():
    """libvips quotes the names of a PNG's fields, which are Latin-1."""
    for to_string in (pyvips._to_string, pyvips.error._to_string):
        assert to_string(pyvips.ffi.new("char[]", b"M\xfcnchen")) == "M\N{REPLACEMENT CHARACTER}nchen"
        assert to_string(pyvips.ffi.NULL) == ""
