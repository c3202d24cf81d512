from pathlib import Path

import numpy as np
import pytest
import torch
from images.drawn import photo

import daguerre.tasks.faces.refiner as module
from daguerre import weights
from daguerre.errors import OptionError
from daguerre.images import Picture
from daguerre.networks.bringing_old_photos.face_generator import FaceGenerator
from daguerre.networks.compact_face import CompactFace
from daguerre.tasks.faces.crops import calmed
from daguerre.tasks.faces.refiner import FaceOptions, FaceRefiner
from daguerre.tasks.pipeline import Pipeline
from daguerre.tasks.provenance import steps_of
from daguerre.tiling import Window
from daguerre.weights.checkpoint import write

TINY = {"side": 32, "widths": [4, 4], "blocks": [1, 1]}


def keep(network, name, kind, arguments):
    header = weights.WeightsHeader(name=name, task="faces", network=kind, arguments=arguments)
    write(weights.weights_folder() / f"{name}.safetensors", network.state_dict(), header, half=False)


@pytest.fixture
def boxes(desk):
    """A random network that changes a good deal, and a file with two faces, one larger than it and one smaller."""
    torch.manual_seed(0)
    network = CompactFace(**TINY)
    network.last.weight.data.mul_(3)
    keep(network, "faces", "CompactFace", TINY)
    file = desk / "boxes.txt"
    file.write_text("10 20 60 60\n90 30 20 20\n", encoding="utf-8")
    return str(file)


def refine(picture, boxes, **changes):
    options = {"device": "cpu", "precision": "float32", "face_limit": 100.0} | changes
    return FaceRefiner(boxes=boxes, **options)(picture)


def levels(height=110, width=130, **how):
    return photo(height, width, **how)


def test_faces_change_and_nothing_else_does(boxes):
    before = levels()
    after = refine(Picture.from_array(before), boxes).picture.array()
    changed = (before != after).any(2)
    assert changed[30:75, 20:60].mean() > 0.5
    assert changed[33:52, 93:108].mean() > 0.3
    changed[20:92, 8:74] = changed[30:55, 88:114] = False
    assert not changed.any()


def test_the_result_does_not_depend_on_the_windows(boxes, monkeypatch):
    picture = Picture.from_array(levels(bits=16))
    whole = refine(picture, boxes).picture.array()
    monkeypatch.setattr(module, "WINDOW_SIDE", 17)
    parts = refine(picture, boxes).picture.array()
    assert np.abs(whole.astype(int) - parts).max() <= 1


def test_the_large_forms_of_a_face_stay(boxes):
    picture = Picture.from_array(levels(bits=16))
    difference = refine(picture, boxes).picture.read() - picture.read()
    face = difference[..., 25:85, 10:70]
    assert face.abs().mean() > 0.005
    assert face.mean((2, 3)).abs().max() < 0.2 * face.abs().mean()


def test_grey_stays_exactly_neutral_and_16_bits_and_alpha_stay(boxes):
    grey = levels(channels=1, bits=16).repeat(3, 2)
    made = refine(Picture.from_array(grey), boxes).picture.array()
    assert made.dtype == np.uint16
    assert (made[..., 0] == made[..., 1]).all()
    assert (made[..., 0] == made[..., 2]).all()
    assert (made != grey).any()
    clear = np.concatenate([levels(), np.full((110, 130, 1), 77, np.uint8)], 2)
    assert (refine(Picture.from_array(clear), boxes).picture.array()[..., 3] == 77).all()


def test_no_strength_is_no_change(boxes):
    picture = Picture.from_array(levels())
    assert (refine(picture, boxes, strength=0.0).picture.array() == picture.array()).all()


def test_a_face_that_would_change_too_much_is_left_and_listed(boxes):
    picture = Picture.from_array(levels())
    made = refine(picture, boxes, face_limit=0.01)
    assert (made.picture.array() == picture.array()).all()
    assert [face.fate for face in made.faces] == ["kept", "kept"]
    assert (made.refined, made.kept) == (0, 2)
    assert all(face.change > 0.01 for face in made.faces)


def test_only_and_skip_choose_by_number(boxes):
    picture = Picture.from_array(levels())
    assert [face.fate for face in refine(picture, boxes, only="2").faces] == ["left out", "refined"]
    assert [face.fate for face in refine(picture, boxes, skip="2").faces] == ["refined", "left out"]


def test_each_face_may_have_a_strength_of_its_own(boxes):
    picture = Picture.from_array(levels())
    before, full, half = (
        made.astype(float)
        for made in (
            picture.array(),
            refine(picture, boxes).picture.array(),
            refine(picture, boxes, each="2:0.5").picture.array(),
        )
    )
    (one, two) = [face.face for face in refine(picture, boxes).faces]
    near = lambda face: (slice(face.top + 8, face.top + face.side - 8), slice(face.left + 8, face.left + face.side - 8))  # noqa: E731
    assert (half[near(one)] == full[near(one)]).all()
    changed, more = (np.abs(made[near(two)] - before[near(two)]).sum() for made in (half, full))
    assert 0.4 * more < changed < 0.6 * more
    unchanged = refine(picture, boxes, each="1:0,2:0").picture.array()
    assert (unchanged == picture.array()).all()


def test_a_face_at_the_border_is_refined_as_far_as_it_goes(boxes):
    Path(boxes).write_text("0 0 50 50\n80 60 50 50\n", encoding="utf-8")
    picture = Picture.from_array(levels())
    made = refine(picture, boxes)
    assert made.refined == 2
    assert (made.picture.array()[5:20, 5:20] != picture.array()[5:20, 5:20]).any()


def test_of_two_that_overlap_the_larger_lies_above(boxes):
    Path(boxes).write_text("10 10 60 60\n50 40 30 30\n", encoding="utf-8")
    picture = Picture.from_array(levels(bits=16))
    both, alone = (refine(picture, boxes, **how).picture.array() for how in ({}, {"only": "1"}))
    assert (both[38:48, 38:48] == alone[38:48, 38:48]).all()  # where the larger is full, the smaller does not show
    assert (both != alone).any()


def test_the_published_network_takes_part(boxes):
    torch.manual_seed(0)
    arguments = {"features": 1, "hidden": 4}
    keep(FaceGenerator(**arguments), "microsoft-face-256", "FaceGenerator", arguments)
    made = refine(Picture.from_array(levels()), boxes, model="microsoft")
    assert made.refined == 2
    assert list(made.record.models) == ["microsoft-face-256"]
    assert made.record.source_type == "compositeWithTrainedAlgorithmicMedia"


@pytest.mark.parametrize("side", [64, 128])
def test_the_published_network_sees_faces_at_the_size_that_it_was_trained_on(boxes, monkeypatch, side):
    arguments = {"features": 1, "hidden": 4, "side": side}
    keep(FaceGenerator(**arguments), "published", "FaceGenerator", arguments)
    seen = []
    refiner = FaceRefiner(boxes=boxes, device="cpu", precision="bfloat16", model="published")
    network = refiner.network.network
    network.register_forward_hook(lambda _, inputs, made: seen.append((inputs[0].shape[2:], made.dtype)))
    refiner(Picture.from_array(levels()))
    assert seen == [((side, side), torch.float32)] * 2


def test_a_network_for_something_else_is_refused(boxes):
    with pytest.raises(OptionError, match="compact-x4 is for upscale, not for refining faces"):
        FaceRefiner(model="compact-x4")


def test_a_number_without_a_face_is_named(boxes):
    picture = Picture.from_array(levels())
    with pytest.raises(OptionError, match="--only names face 3, but there are 2; `--list` shows them"):
        refine(picture, boxes, only="1,3")
    with pytest.raises(OptionError, match="--each names face 4, but there are 2"):
        refine(picture, boxes, each="4:0.5")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"only": "one"}, "only is 'one'; write the numbers of faces with commas between, such as 1,3"),
        ({"skip": "0"}, "skip is '0'"),
        ({"only": ","}, "only is ','"),
        ({"only": "1", "skip": "2"}, "exclude each other"),
        ({"strength": 2.0}, "strength is 2"),
        ({"each": "1"}, "each is '1'; write faces and strengths such as 1:0.5,3:0.2"),
        ({"each": "a:0.5"}, "each is 'a:0.5'"),
        ({"each": "1:2"}, "each 1 is 2; it must lie between 0 and 1"),
        ({"min_size": 1}, "min_size is 1"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, problem):
    with pytest.raises(OptionError, match=problem):
        FaceOptions(**options)


def test_it_is_a_step_of_chains_and_leaves_a_record(boxes):
    chain = Pipeline(FaceOptions(boxes=boxes, face_limit=100.0, device="cpu"))
    made = chain(Picture.from_array(levels()))
    (record,) = steps_of(made.picture.xmp)
    assert record["task"] == "faces"
    assert record["options"]["boxes"] == "boxes.txt"
    assert record["measured"]["faces_refined"] == 2
    assert record["measured"]["faces_kept"] == 0


def test_clean_faces_come_back_as_they_were():
    astronaut = Picture.open(Path(__file__).parents[3] / "examples" / "astronaut.jpg")
    made = FaceRefiner(device="cpu")(astronaut)
    (face,) = made.faces
    square = Window(face.face.top, face.face.left, face.face.side, face.face.side)
    error = (made.picture.read(square) - astronaut.read(square)).square().mean()
    assert face.fate == "refined"
    assert -10 * torch.log10(error) > 36


def test_a_large_change_at_one_place_is_held_back_and_a_small_one_is_not():
    """A cigarette redrawn as skin: much at a place, little in the mean."""
    random = torch.Generator().manual_seed(0)
    detail = 0.02 * torch.randn(1, 3, 128, 128, generator=random)
    fine, less = calmed(detail)
    assert torch.equal(fine, detail)
    assert not less.any()
    detail[..., 60:66, 40:80] = -0.55
    held, less = calmed(detail)
    assert held[..., 60:66, 40:80].abs().max() < 0.15
    assert (less > 0).float().mean() < 0.15
    assert torch.equal(held[..., :40, :], detail[..., :40, :])
