import pickle
from pathlib import Path

import numpy as np
import pytest

from daguerre import weights
from daguerre.archive.work import Work, sha256_of, unchanged
from daguerre.degradation.aging import AgeOptions
from daguerre.errors import Cancelled, OptionError, OutputExists, RecipeError
from daguerre.images import Picture, SaveOptions
from daguerre.tasks.faces.refiner import FaceOptions
from daguerre.tasks.restoration.damage_detection import ScratchOptions
from daguerre.tasks.stylization.options import StylizeOptions
from daguerre.tasks.upscaling.upscaler import UpscaleOptions, Upscaler

UPSCALE = UpscaleOptions(model="small-x2", scale=2, device="cpu", precision="float32")


@pytest.fixture(autouse=True)
def photograph(desk):
    levels = np.random.default_rng(0).integers(0, 256, (24, 30, 3), dtype=np.uint8)
    Picture.from_array(levels).save("photo.png")


def test_the_result_is_the_tasks_and_the_report_says_what_was_done():
    report = Work(steps=(UPSCALE,)).run(Path("photo.png"), Path("large.png"))
    Upscaler(UPSCALE)("photo.png").save("expected.png")
    assert Path("large.png").read_bytes() == Path("expected.png").read_bytes()
    (step,) = report["steps"]
    assert (report["width"], report["height"], step["task"]) == (60, 48, "upscale")
    found = {"agreement_db": step["measured"]["agreement_db"], "models": ["small-x2"], "content": "photo"}
    assert step["found"] == found
    assert report["networks"] == {"small-x2": weights.checksum("small-x2")}


def test_several_steps_are_a_chain_and_each_says_what_it_found():
    work = Work(steps=(UPSCALE, FaceOptions(device="cpu")))
    report = work.run(Path("photo.png"), Path("large.png"))
    assert [step["task"] for step in report["steps"]] == ["upscale", "faces"] == list(work.tasks)
    assert report["steps"][1]["found"] == {"faces": []}
    assert set(report["networks"]) == {"small-x2", "faces", "face-detection"}


@pytest.mark.parametrize("options", [AgeOptions(kind="studio", seed=3), ScratchOptions(device="cpu")])
def test_tasks_that_stand_alone_are_work_too(options):
    work = Work.loads(Work(steps=(options,)).dumps())
    report = work.run(Path("photo.png"), Path("made.png"))
    assert work.steps == (options,)
    assert report["steps"][0]["found"]["damaged_percent"] >= 0
    assert Picture.open("made.png").width == 30


def test_work_survives_json_and_pickling_and_leaves_its_networks_behind():
    style = StylizeOptions(style=(Path("a.png"), Path("b.png")), share=(1.0, 2.0))
    work = Work(steps=(UPSCALE, style), saving=SaveOptions(quality=80), page=2, max_pixels=10**6)
    again = Work.loads(work.dumps())
    assert again.steps[1].style == (Path("a.png").absolute(), Path("b.png").absolute())
    assert (again.steps[0], again.saving, again.page, again.max_pixels) == (UPSCALE, work.saving, 2, 10**6)
    alone = Work(steps=(UPSCALE,))
    assert alone.ready is alone.ready
    copy = pickle.loads(pickle.dumps(alone))
    assert copy == alone
    assert "ready" not in vars(copy)


def test_an_option_that_nobody_knows_is_named():
    with pytest.raises(RecipeError, match=r"'upscale\.scael'"):
        Work.loads('{"steps": [{"task": "upscale", "scael": 2}]}')
    with pytest.raises(OptionError, match="nothing to do"):
        Work(steps=())


def test_the_key_tells_what_shapes_the_result_and_nothing_else():
    def key(**changes):
        return Work(steps=(UpscaleOptions(**({"model": "small-x2"} | changes)),)).key

    assert key() == key(device="cpu") != key(scale=3.0)
    assert key(precision="float32") != key()
    assert Work(steps=(UPSCALE,)).key != Work(steps=(UPSCALE,), saving=SaveOptions(quality=3)).key
    assert Work(steps=(UPSCALE,)).key != Work(steps=(UPSCALE,), page=2).key
    assert Work(steps=(UPSCALE,)).key == Work(steps=(UPSCALE,), max_pixels=9).key


def test_of_files_in_the_options_the_contents_count():
    def key(name):
        return Work(steps=(StylizeOptions(style=(Path(name),)),)).key

    Path("same.png").write_bytes(Path("photo.png").read_bytes())
    before = key("photo.png")
    assert key("same.png") == before
    Path("same.png").write_bytes(b"other")
    assert key("same.png") != before
    assert key("missing.png") != before


def test_a_result_is_not_replaced_unasked_and_the_picture_never():
    work = Work(steps=(UPSCALE,))
    Path("large.png").touch()
    with pytest.raises(OutputExists):
        work.run(Path("photo.png"), Path("large.png"))
    work.run(Path("photo.png"), Path("large.png"), overwrite=True)
    assert Path("large.png").stat().st_size
    with pytest.raises(OutputExists, match="the original itself"):
        work.run(Path("photo.png"), Path("photo.png"), overwrite=True)


def test_whoever_watches_can_stop_it_and_nothing_is_left():
    def stop(progress):
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        Work(steps=(UPSCALE,)).run(Path("photo.png"), Path("large.png"), progress=stop)
    assert sorted(path.name for path in Path().iterdir()) == ["photo.png"]


def test_whoever_wants_the_result_itself_gets_it():
    kept = []
    Work(steps=(UPSCALE,)).run(Path("photo.png"), Path("large.png"), kept=kept.append)
    assert kept[0].agreement > 20


def test_weights_that_were_replaced_or_are_gone_are_noticed(desk):
    now = {"small-x2": weights.checksum("small-x2")}
    assert unchanged(now)
    assert not unchanged({"small-x2": "0" * 64})
    assert not unchanged(now | {"gone": "0" * 64})


def test_the_checksum_of_a_file_is_that_of_its_contents():
    Path("abc").write_bytes(b"abc")
    assert sha256_of(Path("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    with pytest.raises(OSError, match="folder"):
        sha256_of(Path())
