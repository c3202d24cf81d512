from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from images.drawn import photo

import daguerre
from daguerre.errors import Cancelled, OptionError, WeightsNotFound
from daguerre.images import Picture
from daguerre.tasks.pipeline import Pipeline
from daguerre.tasks.result import records_of
from daguerre.tasks.stylization.stylizer import StylizeOptions, Stylizer
from daguerre.tasks.upscaling.upscaler import UpscaleOptions, Upscaler

EXACT = {"device": "cpu", "precision": "float32"}


@pytest.fixture(autouse=True)
def painting(desk, narrow_vgg):
    """A painting in the folder that we are in."""
    return Picture.from_array(photo(40, 50, seed=1)).save(desk / "painting.png")


@pytest.fixture
def steps(painting):
    """Enlarge, then paint."""
    return UpscaleOptions(scale=2, **EXACT), StylizeOptions(style=(painting,), method="optimize", steps=2, **EXACT)


@pytest.mark.parametrize("bits", [8, 16])
def test_a_chain_is_its_tasks_one_after_the_other_at_16_bits(steps, bits):
    original = photo(24, 30, bits=bits)
    deep = original.astype(np.uint16) * (257 if bits == 8 else 1)
    large = Upscaler(steps[0])(deep).picture
    assert large.bits == 16
    painted = Stylizer(steps[1])(large).picture
    chained = Pipeline(*steps)(original).picture
    assert chained.bits == bits
    assert np.array_equal(chained.array(), painted.saved_with(bits=bits).array())


def test_between_two_steps_nothing_is_rounded_to_8_bits():
    stages = {}
    twice = Pipeline(UpscaleOptions(scale=2, **EXACT), UpscaleOptions(scale=2, **EXACT))
    made = twice(photo(9, 9), on_stage=stages.__setitem__)
    assert (stages["upscale"].bits, made.picture.bits) == (16, 8)
    assert len(np.unique(stages["upscale"].array() % 257)) > 50, "levels between those of 8 bits"


@pytest.mark.parametrize("bits", [8, 16])
def test_a_chain_of_one_step_is_the_task(bits):
    options, original = UpscaleOptions(scale=2, **EXACT), photo(9, 12, bits=bits)
    alone, chained = Upscaler(options)(original), Pipeline(options)(original)
    assert np.array_equal(alone.picture.array(), chained.picture.array())
    assert chained.records == (alone.record,)


def test_tasks_and_options_of_tasks_are_steps_alike(steps):
    ready = Upscaler(steps[0])
    pipeline = Pipeline(ready, steps[1])
    assert pipeline.tasks[0] is ready
    assert pipeline.steps == steps
    assert np.array_equal(pipeline(photo(24, 30)).picture.array(), Pipeline(*steps)(photo(24, 30)).picture.array())


@pytest.mark.parametrize("thing", [Upscaler, UpscaleOptions, "upscale", None, len])
def test_what_is_no_step_is_refused_by_name(thing):
    with pytest.raises(TypeError, match=r"is no step of a chain; give a task, such as Upscaler\(scale=2\), or its"):
        Pipeline(thing)


def test_a_task_may_come_twice_each_time_with_its_own_options():
    made = Pipeline(UpscaleOptions(width=20, **EXACT), UpscaleOptions(width=30, **EXACT))(photo(10, 10))
    assert (made.picture.height, made.picture.width) == (30, 30)


def test_profile_transparency_and_grey_go_along(tmp_path):
    levels = photo(12, 18, 2)
    levels[:, :9, 1] = 0
    original = Picture.from_array(levels)
    made = Pipeline(UpscaleOptions(scale=2, **EXACT), UpscaleOptions(scale=2, **EXACT))(original).picture
    assert (made.grey, made.alpha) == (True, True)
    assert made.array()[20, 10, 1] == 0


def test_the_file_says_in_order_what_was_done(steps, tmp_path):
    earlier = Upscaler(scale=1.5, **EXACT)(photo(24, 30)).save(tmp_path / "earlier.png")
    made = Pipeline(*steps)(earlier)
    saved = records_of(made.save(tmp_path / "made.png"))
    assert [step["task"] for step in saved] == ["upscale", "upscale", "stylize"]
    assert saved[1]["options"] == {"scale": 2}
    assert saved[2]["options"]["style"] == ["painting.png"]
    assert [step["task"] for step in saved[1:]] == [record.task for record in made.records]


def test_every_stage_says_what_was_done_until_then(steps, tmp_path):
    seen = []
    made = Pipeline(*steps)(photo(24, 30), on_stage=lambda name, picture: seen.append((name, picture)))
    ((name, stage),) = seen
    assert name == "upscale"
    assert [record["task"] for record in records_of(stage.save(tmp_path / "stage.png"))] == ["upscale"]
    assert [record["task"] for record in records_of(made.picture)] == ["upscale", "stylize"]


def test_progress_tells_which_step_and_may_cancel(steps):
    seen = []

    def progress(event):
        seen.append(event.step)
        if event.step == "painting, step 2 of 2":
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        Pipeline(*steps)(photo(24, 30), progress=progress)
    assert "upscaling, step 1 of 2" in seen
    assert seen[-1] == "painting, step 2 of 2"


def test_the_size_is_known_before():
    pipeline = Pipeline(UpscaleOptions(scale=2), UpscaleOptions(long_side=90))
    assert pipeline.out_size(10, 15) == (60, 90)
    with pytest.raises(OptionError, match="the picture is 100 x 10 pixels already"):
        pipeline.out_size(5, 50)


def test_what_a_task_misses_is_told_before_any_work(steps):
    with pytest.raises(OptionError, match="name at least one picture whose style to take"):
        Pipeline(steps[0], StylizeOptions())
    with pytest.raises(WeightsNotFound, match="no weights are called 'nobody'"):
        Pipeline(replace(steps[0], model="nobody"))


def test_a_chain_without_steps_is_refused():
    with pytest.raises(
        OptionError, match="a chain needs at least one step; there are restore, faces, upscale, stylize"
    ):
        Pipeline()


def test_a_chain_can_be_read_from_a_file(desk):
    Path("chain.toml").write_text('[[step]]\ntask = "upscale"\nscale = 3\n', encoding="utf-8")
    assert daguerre.Pipeline.read("chain.toml").steps == (UpscaleOptions(scale=3),)
