import json
import multiprocessing
import pickle
import shutil
import subprocess
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from images.drawn import photo

import daguerre
from daguerre import devices, weights
from daguerre.images import Picture
from daguerre.tasks.faces.refiner import FaceRefiner
from daguerre.tasks.packet import SPACES
from daguerre.tasks.pipeline import Pipeline
from daguerre.tasks.registry import TASKS, make_task, options_of
from daguerre.tasks.result import chosen, measure_change, percent, records_of
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
    assert (record["task"], record["options"]) == ("upscale", {"scale": 2})


def test_recorded_are_options_that_were_chosen_without_folders_and_devices():
    options = StylizeOptions(style=(Path("/home/me/a.png"),), mask=(Path("b/c.png"),), model="d/e.pth", device="cpu")
    exact = {"precision": "float32"}
    assert chosen(replace(options, **exact)) == {"style": ["a.png"], "mask": ["c.png"], "model": "e.pth"}
    assert chosen(UpscaleOptions(model="compact-x1.5", scale=1.5, **exact)) == {"model": "compact-x1.5", "scale": 1.5}
    assert json.dumps(chosen(UpscaleOptions(scale=2.0, **exact))) == json.dumps(
        chosen(UpscaleOptions(scale=2, **exact))
    )


@pytest.mark.parametrize("exact", [True, False])
def test_a_precision_that_is_not_exact_is_recorded_even_if_nobody_chose_it(exact, monkeypatch):
    monkeypatch.setattr(devices, "multiplies_bfloat16", lambda device: not exact)
    assert chosen(UpscaleOptions(device="cpu")) == ({} if exact else {"precision": "bfloat16"})


def test_how_much_is_changed_is_measured_in_what_can_be_seen():
    before = np.zeros((10, 20, 4), np.uint8)
    before[:5, :, 3] = 255
    after = before.copy()
    after[:5, :10, 1] = 51  # a fifth of the range, in one channel of three, in half of what can be seen
    after[5:, :, 0] = 255
    share, mean = measure_change(Picture.from_array(after), Picture.from_array(before))
    assert (share, mean) == (0.5, pytest.approx(0.5 * 0.2 / 3))
    assert measure_change(Picture.from_array(after), Picture.from_array(after)) == (0, 0)


def test_half_a_level_is_no_change_and_the_smallest_change_is_not_rounded_away():
    eight = Picture.from_array(np.full((200, 300), 100, np.uint8))
    sixteen = np.full((200, 300), 25700, np.uint16)
    sixteen[0, 0] += 120
    assert measure_change(Picture.from_array(sixteen), eight) == (0, pytest.approx(0, abs=1e-7))
    assert percent(1 / 60_000) == 0.01
    assert percent(0.0) == 0


def test_the_file_is_recorded_once_however_many_steps_there_are(desk):
    source = Picture.from_array(photo(48, 64)).save(desk / "plain.png")  # without a face, so nothing is changed
    made = Pipeline(FaceRefiner(**EXACT), FaceRefiner(**EXACT), Upscaler(scale=2, **EXACT))(source)
    first, *others = records_of(made.picture)
    assert first["input"] == {"name": "plain.png", "sha256": sha256(source.read_bytes()).hexdigest()}
    assert not any("input" in record for record in others)
    assert [record["source_type"] for record in (first, *others)] == [None, None, "algorithmicallyEnhanced"]
    assert made.origin.path == source


def test_what_was_never_a_file_has_no_checksum(picture):
    assert "input" not in records_of(Upscaler(scale=2, **EXACT)(picture).picture)[0]
    assert "input" not in records_of(Upscaler(scale=2, **EXACT)(picture.to_pil()).picture)[0]


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


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")
def test_exiftool_reads_the_record_in_every_format_that_holds_it(desk):
    caption = (
        f'<rdf:RDF xmlns:rdf="{SPACES["rdf"]}"><rdf:Description rdf:about="" '
        f'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:i="{SPACES["Iptc4xmpExt"]}" i:DigitalSourceType="'
        'http://cv.iptc.org/newscodes/digitalsourcetype/print"><dc:title><rdf:Alt><rdf:li xml:lang="x-default">'
        "Großmutter</rdf:li></rdf:Alt></dc:title></rdf:Description></rdf:RDF>"
    )
    source = Picture.from_array(photo(16, 20)).save(desk / "a.tif", xmp=caption.encode())
    made = Upscaler(scale=2, **EXACT)(source)
    files = [made.save(desk / f"made.{ending}") for ending in ("jpg", "png", "tif", "webp", "avif")]
    command = ["exiftool", "-json", "-G1", "-struct", "-api", "largefilesupport=1", *files]
    told = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert len(told) == len(files)
    for file in told:
        assert file["XMP-iptcExt:DigitalSourceType"].endswith("/algorithmicallyEnhanced")
        assert file["XMP-dc:Title"] == "Großmutter"
        assert file["XMP-xmpMM:DerivedFrom"]["FilePath"] == "a.tif"
        assert [event["Action"] for event in file["XMP-xmpMM:History"]] == ["derived", "resized"]
        assert sha256(source.read_bytes()).hexdigest() in file["XMP-xmpMM:History"][0]["Parameters"]
        (step,) = json.loads(file["XMP-daguerre:Steps"])
        assert step["models"] == {"compact-x2": weights.checksum("compact-x2")}
        assert step["measured"]["agreement_db"] == made.record.measured["agreement_db"]
