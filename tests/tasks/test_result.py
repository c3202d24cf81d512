import multiprocessing
import pickle
from pathlib import Path

import numpy as np
import pytest
from images.drawn import photo

import daguerre
from daguerre.images import Picture
from daguerre.tasks.registry import TASKS, make_task, options_of
from daguerre.tasks.result import chosen, records_of
from daguerre.tasks.stylization.stylizer import StylizeOptions
from daguerre.tasks.upscaling.upscaler import UpscaleOptions, Upscaler

EXACT = {"device": "cpu", "precision": "float32"}


@pytest.fixture
def picture(desk, small_style):
    Picture.from_array(photo(40, 50, seed=1)).save(desk / "painting.png")
    return Picture.from_array(photo(48, 64))


@pytest.mark.parametrize("name", TASKS)
def test_every_task_is_called_alike_and_its_picture_holds_its_record_alone(name, picture):
    style = {"style": (Path("painting.png"),)} if name == "stylize" else {}
    told, stages = [], {}
    task = make_task(options_of(name)(**EXACT, **style))
    result = task(picture.to_bytes("png"), on_stage=stages.__setitem__, progress=told.append)
    assert [record["task"] for record in records_of(result.picture)] == [name] == [result.record.task]
    assert all(isinstance(stage, Picture) for stage in stages.values())
    assert records_of(result.save("made.png")) == records_of(result.picture)


@pytest.mark.parametrize("name", TASKS)
def test_every_task_refuses_by_name_what_is_no_picture(name, picture):
    style = {"style": (Path("painting.png"),)} if name == "stylize" else {}
    task = make_task(options_of(name)(**EXACT, **style))
    with pytest.raises(TypeError, match="a list of pictures: call it once for each; it takes a path, bytes"):
        task([picture, picture])


def test_a_record_comes_after_those_of_earlier_work(picture, tmp_path):
    upscaler = Upscaler(scale=2, **EXACT)
    twice = upscaler(upscaler(picture).picture)
    assert [record["options"]["scale"] for record in records_of(twice.picture)] == [2, 2]
    assert records_of(picture) == []


def test_functions_give_pictures_with_the_record_in_them(picture):
    (record,) = daguerre.records_of(daguerre.upscale(picture, scale=2, **EXACT).to_bytes("png"))
    assert (record["task"], record["options"]) == ("upscale", {"scale": 2, "precision": "float32"})


def test_recorded_are_options_that_were_chosen_without_folders_and_devices():
    options = StylizeOptions(style=(Path("/home/me/a.png"),), mask=(Path("b/c.png"),), model="d/e.pth", device="cpu")
    assert chosen(options) == {"style": ["a.png"], "mask": ["c.png"], "model": "e.pth"}
    assert chosen(UpscaleOptions(model="compact-x1.5", scale=1.5)) == {"model": "compact-x1.5", "scale": 1.5}


def test_damage_and_faces_are_found_in_whatever_holds_a_picture():
    examples = Path(__file__).parents[2] / "examples"
    (face,) = daguerre.find_faces((examples / "astronaut.jpg").read_bytes(), min_size=60)
    assert face.side > 60
    mask = daguerre.detect_damage(photo(), sensitivity=0.1)
    assert (mask.height, mask.width, mask.grey) == (40, 60, True)


def test_results_travel_between_processes_with_all_that_is_in_them(desk):
    source = Picture.from_array(photo(16, 20)).save(desk / "a.png")
    made = Upscaler(scale=2)(source)
    there = pickle.loads(pickle.dumps(made))
    assert np.array_equal(there.picture.array(), made.picture.array())
    assert (there.record, there.agreement, there.models) == (made.record, made.agreement, made.models)
    saved = there.save(desk / "b.png")
    assert saved.read_bytes() == made.save(desk / "c.png").read_bytes()
    assert records_of(saved) == records_of(made.picture)


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
    assert len(records_of(again)) == 1
    assert "only the record of steps is kept" in caplog.text
