from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from images.drawn import photo

import daguerre
from daguerre import weights
from daguerre.errors import Cancelled, DeviceError, OptionError, WeightsError, WeightsNotFound
from daguerre.images import Picture
from daguerre.tasks.provenance import COMPOSITE, ENHANCED
from daguerre.tasks.upscaling.upscaler import UpscaleOptions, Upscaler, upscale
from daguerre.weights import checkpoint

EXACT = {"device": "cpu", "precision": "float32"}


@pytest.fixture(autouse=True)
def networks(desk):
    return desk.parent / "weights"


def levels(source, **options):
    return Upscaler(**EXACT, **options)(source).picture.array().astype(int)


def deep(height=12, width=18):
    """A picture of 16 bits away from black and white, where clipping must win over agreement."""
    return photo(height, width, bits=16) // 2 + 16384


def test_a_path_a_picture_and_an_array_give_the_same():
    path = Picture.from_array(photo()).save("photo.png")
    results = [upscale(source, scale=2, **EXACT) for source in (path, str(path), Picture.open(path), photo())]
    assert all((result.array() == results[0].array()).all() for result in results)
    assert (results[0].height, results[0].width, results[0].bits) == (80, 120, 8)
    assert daguerre.upscale is upscale


def test_floating_point_arrays_become_pictures_of_16_bits():
    result = upscale(photo().astype(np.float32) / 255, scale=1.5, **EXACT)
    assert (result.array().dtype, result.array().shape) == (np.uint16, (60, 90, 3))


def test_grey_arrays_stay_grey_in_as_many_channels():
    grey = photo()[..., :1]
    assert levels(grey[..., 0]).shape == levels(grey).shape == (160, 240)
    three = levels(grey.repeat(3, axis=2))
    assert three.shape == (160, 240, 3)
    assert (three == levels(grey)[..., None]).all()


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({}, (480, 640)),
        ({"scale": 1.5}, (180, 240)),
        ({"scale": 1}, (120, 160)),
        ({"width": 333}, (250, 333)),
        ({"height": 333}, (333, 444)),
        ({"long_side": 333}, (250, 333)),
        ({"long_side": 160}, (120, 160)),
    ],
)
def test_one_number_decides_the_size(options, size):
    assert UpscaleOptions(**options).out_size(120, 160) == size


def test_a_picture_never_vanishes_along_its_short_side():
    assert UpscaleOptions(long_side=1001).out_size(1, 1000) == (1, 1001)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"scale": 2, "long_side": 90}, "--scale and --long-side cannot both decide"),
        ({"scale": 65}, "scale is 65; it must lie between 1 and 64"),
        ({"width": 0}, "width is 0"),
        ({"amount": 1.5, "towards": "vivid-x4"}, "amount is 1.5"),
        ({"amount": 0.0}, "amount 0 of what"),
        ({"vivid": 1.1}, "vivid is 1.1"),
        ({"vivid": 0.5, "model": "compact-x4"}, "--vivid chooses the models"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, complaint):
    with pytest.raises(OptionError, match=complaint):
        UpscaleOptions(**options)


def test_options_cannot_be_changed_behind_an_upscaler():
    upscaler = Upscaler(UpscaleOptions(scale=2), **EXACT)
    assert (upscaler.options.scale, upscaler.options.device) == (2, "cpu")
    with pytest.raises(FrozenInstanceError):
        upscaler.options.scale = 3


def test_only_enlarging_is_possible():
    with pytest.raises(OptionError, match="60 x 40 pixels already, larger than the size asked for"):
        upscale(photo(), width=59, **EXACT)


@pytest.mark.parametrize(
    ("options", "models", "sizes"),
    [
        ({"scale": 4}, ["compact-x4"], [(40, 80)]),
        ({"scale": 2, "clean": True}, ["compact-x4-clean"], [(20, 40)]),
        ({"scale": 1.5}, ["compact-x2"], [(15, 30)]),
        ({"scale": 8}, ["compact-x4", "compact-x2"], [(40, 80), (80, 160)]),
        ({"scale": 64}, ["compact-x4"] * 3, [(40, 80), (160, 320), (640, 1280)]),
        ({"scale": 8, "model": "small-x2"}, ["small-x2"] * 3, [(20, 40), (40, 80), (80, 160)]),
        ({"scale": 1, "model": "flat-x1"}, ["flat-x1"], [(10, 20)]),
    ],
)
def test_large_factors_take_several_passes(options, models, sizes):
    stages = Upscaler(**EXACT, **options).plan(10, 20)
    assert [stage.out_size for stage in stages] == sizes
    assert [stage.model for stage in stages] == models


def test_every_pass_is_told_to_its_end():
    told = []
    Upscaler(scale=8, **EXACT)(photo(6, 9), progress=told.append)
    steps = list(dict.fromkeys(progress.step for progress in told))
    assert steps == ["upscaling, pass 1 of 2", "upscaling, pass 2 of 2", "comparing"]
    assert all(0 <= progress.done <= progress.total for progress in told)
    assert {p.step for p in told if p.done == p.total} == set(steps)


def test_a_callback_stops_the_work():
    def stop(progress):
        raise Cancelled("enough")

    with pytest.raises(Cancelled, match="enough"):
        Upscaler(**EXACT)(photo(), progress=stop)


def test_windows_leave_no_trace(monkeypatch):
    whole = levels(deep(), scale=3)
    monkeypatch.setattr("daguerre.weights.model.window_side", lambda *_, **__: 5)
    assert abs(levels(deep(), scale=3) - whole).max() <= 1


def test_the_result_agrees_with_the_original_unless_told_not_to():
    assert Upscaler(**EXACT)(deep()).agreement > 75
    assert Upscaler(scale=3, **EXACT)(deep()).agreement > 55
    assert Upscaler(agree="off", **EXACT)(deep()).agreement < 45


def test_agreement_does_not_bring_back_what_a_network_takes_away(networks):
    path = networks / "compact-x4.safetensors"
    tensors, header = checkpoint.read(path)
    checkpoint.write(
        networks / "cleaner.safetensors", tensors, replace(header, name="cleaner", cleans=True), half=False
    )
    assert Upscaler(model="cleaner", **EXACT)(deep()).agreement < 45
    assert Upscaler(model="cleaner", agree="on", **EXACT)(deep()).agreement > 75


def test_the_ensemble_does_not_depend_on_how_the_picture_lies():
    plain, turned = (levels(picture, ensemble=True) for picture in (deep(), np.rot90(deep()).copy()))
    assert abs(np.rot90(plain) - turned).max() <= 1
    assert abs(plain - levels(deep())).max() > 10


def test_models_are_blended_from_one_to_the_other():
    blends = [levels(deep(), towards="vivid-x4", amount=amount) for amount in (0, 0.5, 1)]
    ends = [levels(deep(), model=model) for model in ("compact-x4", "vivid-x4")]
    assert (blends[0] == ends[0]).all()
    assert abs(blends[2] - ends[1]).max() <= 1
    assert min(abs(blends[1] - end).max() for end in ends) > 100


@pytest.mark.parametrize(
    ("clean", "faithful", "adversarial"),
    [(False, "compact-x4", "compact-x4-vivid"), (True, "compact-x4-clean", "compact-x4-photo")],
)
def test_vivid_is_the_way_from_a_faithful_model_to_an_adversarial_one(clean, faithful, adversarial, networks):
    for name, like in ((faithful, "compact-x4"), (adversarial, "vivid-x4")):
        tensors, header = checkpoint.read(networks / f"{like}.safetensors")
        checkpoint.write(networks / f"{name}.safetensors", tensors, replace(header, name=name), half=False)
    upscaled = Upscaler(clean=clean, vivid=0.3, **EXACT)(deep())
    wanted = levels(deep(), model=faithful, towards=adversarial, amount=0.3)
    assert (upscaled.picture.array().astype(int) == wanted).all()
    assert set(upscaled.record.models) == {faithful, adversarial}
    assert upscaled.record.options["vivid"] == 0.3


def test_a_model_may_be_a_file(networks):
    named = levels(deep(), scale=2, model="small-x2")
    assert (levels(deep(), scale=2, model=str(networks / "small-x2.safetensors")) == named).all()


@pytest.mark.parametrize("options", [{"model": "compct-x4"}, {"towards": "compct-x4"}])
def test_an_unknown_model_is_told_before_any_picture_is_opened(options):
    with pytest.raises(WeightsNotFound, match="'compct-x4'; did you mean 'compact-x4'"):
        Upscaler(**options)


def test_a_network_for_another_task_is_refused():
    with pytest.raises(OptionError, match=r"vgg19-slim is for another task \(features\)"):
        Upscaler(model="vgg19-slim")


def test_models_of_different_kinds_are_not_blended():
    with pytest.raises(WeightsError, match="only within one architecture"):
        Upscaler(model="compact-x4", towards="small-x2")


def test_networks_are_loaded_once(monkeypatch):
    loaded = []
    real = weights.load
    monkeypatch.setattr(weights, "load", lambda name: loaded.append(name) or real(name))
    upscaler = Upscaler(scale=8, **EXACT)
    for _ in range(2):
        upscaler(photo(4, 4))
    assert loaded == ["compact-x4", "compact-x2"]


def test_a_device_that_is_not_there_is_told_at_once():
    with pytest.raises(DeviceError, match="toaster"):
        Upscaler(device="toaster")


@pytest.mark.parametrize("scale", [1.5, 4, 6])
def test_a_tensor_is_enlarged_as_a_picture_is(scale):
    low = torch.from_numpy(deep().astype(np.float32) / 65535).permute(2, 0, 1)[None]
    high = Upscaler(scale=scale, **EXACT).tensor(low)
    picture = Upscaler(scale=scale, **EXACT)(deep()).picture.read()
    assert high.shape == (1, 3, 12 * scale, 18 * scale)
    assert (high - picture).abs().max() < 3 / 65535


def test_the_map_of_what_was_invented_is_grey():
    stages = {}
    Upscaler(**EXACT)(deep(), on_stage=stages.__setitem__)
    assert list(stages) == ["invented"]
    invented = stages["invented"]
    assert (invented.height, invented.width, invented.bits, invented.grey) == (48, 72, 8, True)
    assert invented.array().max() > 20


def test_a_picture_of_one_pixel_is_enlarged():
    for shape in ((1, 1), (1, 9), (9, 1)):
        assert levels(photo(*shape), scale=8).shape == (8 * shape[0], 8 * shape[1], 3)


def test_an_even_picture_stays_as_it_is():
    """Shrunk again it is even, so its mean cannot have moved."""
    even = np.full((9, 9, 3), 30000, np.uint16)
    even[..., 1] = 40000
    assert levels(even).mean(axis=(0, 1)) == pytest.approx([30000, 40000, 30000], abs=3)


def test_transparent_places_are_enlarged_beside_the_colours():
    picture = photo(12, 18, 4)
    picture[..., 3] = 255
    picture[:, 9:, 3] = 0
    alpha = levels(picture)[..., 3]
    assert set(np.unique(alpha[:, :30])) == {255}
    assert set(np.unique(alpha[:, 42:])) == {0}


def test_the_record_names_models_but_no_folder_and_no_device(networks):
    path = str(networks / "small-x2.safetensors")
    upscaled = Upscaler(model=path, scale=2, **EXACT)(deep())
    assert upscaled.models == (path,)
    step = upscaled.record
    assert step.options == {"model": "small-x2.safetensors", "scale": 2}
    assert step.models == {"small-x2.safetensors": weights.checksum(path)}
    assert step.measured == {
        "agreement_db": round(upscaled.agreement, 2),
        "invented_percent": round(100 * upscaled.invented, 2),
    }


def test_what_was_done_is_saved_in_the_file():
    path = Upscaler(scale=2, **EXACT)(photo()).save("large.png")
    assert path == Path("large.png")
    assert b"algorithmicallyEnhanced" in Picture.open(path).xmp


def rings():
    """One-bit rings, as letters are."""
    down, across = np.mgrid[0:60, 0:80]
    lines = np.abs(np.hypot(down % 40 - 20, across % 40 - 20) - 12) > 1.5
    return np.repeat(lines[..., None], 3, axis=2).astype(np.uint8) * 205 + 25


def test_a_drawing_does_not_ring_beside_its_edges():
    array = rings()
    made = Upscaler(**EXACT, scale=4)(array)
    assert (made.content, made.models) == ("drawing", ("compact-x4-drawing",))
    assert made.record.options["content"] == "drawing"
    result, far = made.picture.array(), array.repeat(4, 0).repeat(4, 1)
    assert result.min() >= 25
    assert result.max() <= 230
    flat = np.ones(array.shape[:2], bool)
    flat[1:-1, 1:-1] = [[np.ptp(array[y - 1 : y + 2, x - 1 : x + 2]) == 0 for x in range(1, 79)] for y in range(1, 59)]
    flat = flat.repeat(4, 0).repeat(4, 1)[4:-4, 4:-4]
    assert (result[4:-4, 4:-4][flat] == far[4:-4, 4:-4][flat]).all()
    rung = Upscaler(**EXACT, scale=4, content="photo")(array).picture.array()
    assert (rung[4:-4, 4:-4][flat] != far[4:-4, 4:-4][flat]).any()


def test_the_windows_of_a_drawing_do_not_show(monkeypatch):
    whole = levels(rings(), scale=3)
    monkeypatch.setattr(weights.Model, "window_side", lambda *_, **__: 16)
    assert np.abs(levels(rings(), scale=3) - whole).max() <= 1


def test_pixel_art_stays_squares_without_any_network():
    array = np.kron(np.random.default_rng(0).integers(0, 3, (12, 14, 1)) * 120, np.ones((4, 4, 1))).astype(np.uint8)
    stages = {}
    made = Upscaler(**EXACT, scale=2)(array, on_stage=stages.__setitem__)
    assert (made.picture.array().squeeze() == array.squeeze().repeat(2, 0).repeat(2, 1)).all()
    assert (made.content, made.models, made.agreement) == ("pixels", (), float("inf"))
    assert not stages["invented"].array().any()


@pytest.mark.parametrize("options", [{"model": "compact-x4"}, {"clean": True}])
def test_whoever_names_the_networks_gets_them_for_any_content(options):
    assert Upscaler(**EXACT, **options)(rings()).content == "photo"
    with pytest.raises(OptionError, match="--content drawing chooses the model"):
        Upscaler(content="drawing", **options)


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"scale": 2}, ENHANCED),
        ({"scale": 8}, ENHANCED),
        ({"model": "vivid-x4"}, COMPOSITE),
        ({"model": "compact-x4", "towards": "vivid-x4", "amount": 0.1}, COMPOSITE),
    ],
)
def test_detail_that_only_looks_real_is_declared_as_made_by_a_network(options, kind):
    made = Upscaler(**options, **EXACT)(photo(12, 16))
    assert made.record.source_type == kind
    assert 0 < made.invented <= 1
