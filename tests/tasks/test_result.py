import multiprocessing
import pickle

import numpy as np
from images.drawn import photo

from daguerre.images import Picture
from daguerre.tasks.provenance import steps_of
from daguerre.tasks.upscaling.upscaler import Upscaler


def test_results_travel_between_processes_with_all_that_is_in_them(desk):
    source = Picture.from_array(photo(16, 20)).save(desk / "a.png")
    made = Upscaler(scale=2)(source, invented=True)
    there = pickle.loads(pickle.dumps(made))
    assert np.array_equal(there.picture.array(), made.picture.array())
    assert np.array_equal(there.invented.array(), made.invented.array())
    assert (there.step, there.agreement, there.models) == (made.step, made.agreement, made.models)
    saved = there.save(desk / "b.png")
    assert saved.read_bytes() == made.save(desk / "c.png").read_bytes()
    assert len(steps_of(Picture.open(saved).xmp)) == 1


def enlarged(path):
    return Upscaler(scale=2)(path)


def test_a_pool_that_is_spawned_takes_names_and_gives_results(desk):
    source = Picture.from_array(photo(16, 20)).save(desk / "a.png")
    here = enlarged(source).picture.array()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        (there,) = pool.map(enlarged, [source])
    assert np.array_equal(there.picture.array(), here)


def test_a_file_without_room_for_a_large_packet_holds_the_record_at_least(desk, caplog):
    packet = b"<a xmlns='urn:a'>" + b"x" * 70_000 + b"</a>"
    source = Picture.from_array(photo(16, 20)).save(desk / "a.png", xmp=packet)
    made = enlarged(source)
    assert b"xxxx" in Picture.open(made.save(desk / "b.png")).xmp
    again = Picture.open(made.save(desk / "b.jpg"))
    assert b"xxxx" not in again.xmp
    assert len(steps_of(again.xmp)) == 1
    assert "only the record of steps is kept" in caplog.text
