import gc

import numpy as np
import pytest

from daguerre.errors import UnwritablePicture
from daguerre.images import Picture, pages
from daguerre.tiling import Window


@pytest.fixture
def room(monkeypatch):
    """Room for 1000 bytes beside what is alive."""
    gc.collect()
    monkeypatch.setattr(pages, "MEMORY_LIMIT", pages.room.taken + 1000)


def on_disk(array):
    return isinstance(array, np.memmap)


def test_arrays_lie_in_memory_while_there_is_room_for_all_of_them(room):
    first = pages.blank((10, 20, 3), 8)
    second = pages.blank((10, 10, 3), 16)
    assert (on_disk(first), on_disk(second)) == (False, True)
    assert not first.any()
    assert not second.any()


def test_room_is_given_back_when_nobody_holds_an_array_or_a_picture_of_it(room):
    picture = Picture.from_levels(pages.blank((10, 20, 3), 8))
    assert on_disk(pages.blank((10, 20, 3), 8))
    del picture
    gc.collect()
    assert not on_disk(pages.blank((10, 20, 3), 8))


def test_pages_that_were_let_go_hold_what_was_written(room, monkeypatch):
    monkeypatch.setattr(pages, "RESIDENT_LIMIT", 1000)
    levels = pages.blank((100, 100, 3), 16)
    values = np.arange(30000, dtype=np.uint16).reshape(100, 100, 3)
    for row in range(100):
        levels[row] = values[row]
        pages.touch(levels, levels[row].nbytes)
    picture = Picture.from_levels(levels)
    strips = [picture.fetch(Window(top, 0, 10, 100)) for top in range(0, 100, 10)]
    assert (np.concatenate(strips) == values).all()


def test_a_full_disk_is_reported_with_the_way_out(room, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pages.os, "posix_fallocate", full, raising=False)
    with pytest.raises(UnwritablePicture, match="set TMPDIR to a folder with more"):
        pages.blank((100, 100, 3), 8)
