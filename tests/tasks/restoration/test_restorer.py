import json

import numpy as np
import pytest
import torch
from skimage import data

import daguerre
from daguerre.degradation.aging import texture
from daguerre.errors import OptionError, PictureError, UnreadablePicture
from daguerre.evaluation.metrics import psnr
from daguerre.images import Picture
from daguerre.images.resize import read_resized
from daguerre.tasks.provenance import steps_of
from daguerre.tasks.restoration import pipeline
from daguerre.tasks.restoration.restorer import RestoreOptions, Restorer
from daguerre.tasks.result import records_of


@pytest.fixture(scope="module")
def photo():
    """A soft picture with a white scratch, grain, and a black hole of 40 pixels."""
    random = torch.Generator().manual_seed(0)
    image = torch.nn.functional.interpolate(torch.rand(1, 3, 5, 6, generator=random), (150, 180), mode="bicubic")
    image = (image + 0.05 * torch.randn(image.shape, generator=random)).clamp(0, 1)
    image[..., 60:62, 20:160] = 1
    image[..., 100:140, 30:70] = 0
    return Picture.from_tensor(image)


@pytest.fixture(scope="module")
def mask():
    marks = torch.zeros(1, 3, 150, 180)
    marks[..., 59:63, 19:161] = marks[..., 99:141, 29:71] = 1
    return Picture.from_tensor(marks)


@pytest.fixture
def mask_file(mask, tmp_path):
    return str(mask.save(tmp_path / "mask.png"))


def test_a_scratch_and_a_hole_that_a_person_marked_are_filled(photo, mask_file):
    restored = Restorer(scratches=mask_file, fix_fading="off")(photo)
    assert restored.damaged == pytest.approx((4 * 142 + 42 * 42) / (150 * 180))
    made = restored.picture.read()
    assert made[..., 60:62, 20:160].mean(1).amax() < 0.98
    assert made[..., 110:130, 40:60].mean() > 0.1


def test_without_scratches_nothing_is_marked(photo):
    restored = Restorer(scratches="off")(photo)
    assert (restored.mask, restored.damaged) == (None, 0.0)
    assert restored.record.source_type == "algorithmicallyEnhanced"


def test_no_strength_is_no_change(photo, mask_file):
    made = Restorer(scratches=mask_file, strength=0.0)(photo).picture
    assert np.array_equal(made.array(), photo.array())


def test_a_mask_in_memory_does_what_its_file_does(photo, mask, mask_file):
    from_file = Restorer(scratches=mask_file)(photo)
    for given in (mask, mask.array()):
        told = Restorer()(photo, mask=given)
        assert np.array_equal(told.picture.array(), from_file.picture.array())
        assert told.damaged == from_file.damaged
    assert "scratches" not in told.record.models


def test_grey_stays_exactly_neutral_and_16_bits_stay_16(photo):
    grey = Picture.from_tensor(photo.read().mean(1, keepdim=True).expand(-1, 3, -1, -1), bits=16)
    made = daguerre.restore(grey)
    assert (made.grey, made.bits) == (True, 16)


def test_transparency_stays():
    image = torch.rand(1, 3, 30, 40, generator=torch.Generator().manual_seed(0))
    alpha = torch.linspace(0, 1, 40).expand(1, 1, 30, 40)
    made = daguerre.restore(Picture.from_tensor(image, alpha=alpha))
    assert torch.allclose(made.read_alpha(), alpha, atol=1 / 255)


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (33, 7)])
def test_any_size_is_restored(size):
    made = daguerre.restore(np.full((*size, 3), 120, np.uint8))
    assert (made.height, made.width) == size


def test_the_same_twice_is_the_same_bytes(photo):
    first, again = (Restorer()(photo).picture.array() for _ in range(2))
    assert np.array_equal(first, again)


def test_stages_are_shown_to_who_asks(photo, mask_file):
    restorer = Restorer(scratches=mask_file, stains="off")
    seen = {}
    restorer(photo, on_stage=seen.__setitem__)
    assert list(seen) == ["damage", "inpainted", "denoised", "translated"]


def test_damage_is_looked_for_where_stains_have_been_removed(photo, monkeypatch):
    lighter = Picture.from_tensor(photo.read() ** 0.5)
    monkeypatch.setattr(pipeline, "remove_stains", lambda *_: (lighter, 0.25))
    restorer, seen = Restorer(), {}
    restored = restorer(photo, on_stage=seen.__setitem__)
    assert list(seen)[:2] == ["stains removed", "damage"]
    assert seen["stains removed"] is lighter
    assert np.array_equal(restored.mask.array(), restorer.stages.damage(lighter).array())
    assert restored.stained == 0.25
    assert restored.record.measured["stained_percent"] == 25


def test_nobody_looks_for_stains_when_told_so():
    assert Restorer(stains="off").stages.stains is None


def test_what_was_done_is_recorded_in_the_file(photo, mask_file, tmp_path):
    path = Restorer(scratches=mask_file, strength=0.5)(photo).save(tmp_path / "made.png")
    (step,) = steps_of(Picture.open(path).xmp)
    assert step["task"] == "restore"
    assert step["options"] == {"scratches": "mask.png", "strength": 0.5}
    assert set(step["models"]) == {
        "restore-vae-old",
        "restore-vae-clean",
        "restore-translation",
        "texture",
        "tone",
        "stains",
        "faces",
    }
    assert step["source_type"] == "compositeWithTrainedAlgorithmicMedia"
    assert json.dumps(step["measured"])


def test_an_enlarged_photograph_is_made_finer_unless_told_otherwise_and_what_did_it_is_recorded():
    sharp = torch.from_numpy(data.coffee()[100:300, 150:350].copy()).permute(2, 0, 1)[None] / 255
    enlarged = Picture.from_tensor(texture.low_resolution(sharp, factor=2))
    restored, left = (Restorer(blur=blur, fix_fading="off", faces="off")(enlarged) for blur in ("auto", "off"))
    assert (restored.finest, left.finest) == (2, 1)
    assert restored.record.measured["finest_pixels"] == 2
    assert "compact-x2" in restored.record.models
    assert "compact-x2" not in left.record.models
    scores = [psnr(one.picture.read(), sharp, channel="rgb").item() for one in (restored, left)]
    assert scores[0] > scores[1] + 1


def test_options_that_make_no_sense_are_refused():
    with pytest.raises(OptionError, match="strength is 2; it must lie between 0 and 1"):
        RestoreOptions(strength=2)
    with pytest.raises(OptionError, match="sensitivity is -1"):
        RestoreOptions(sensitivity=-1)
    for choice in ({"fix_fading": "strong"}, {"fix_fading": "off"}, {"keep_colour": True}, {"blur": "1"}):
        with pytest.raises(OptionError, match="leave out blur, fix-fading and keep-colour"):
            RestoreOptions(model="microsoft", **choice)
    with pytest.raises(OptionError, match=r"blur is 'soft'; write auto, off, or a number of pixels such as 1\.5"):
        RestoreOptions(blur="soft")
    for wrong in ("9", "-1", "nan"):
        with pytest.raises(OptionError, match="it must lie between 0 and 4"):
            RestoreOptions(blur=wrong)


def test_a_blurred_photograph_is_sharpened_unless_told_otherwise_and_a_sharp_one_only_if_told():
    sharp = torch.from_numpy(data.coffee()[100:300, 150:350].copy()).permute(2, 0, 1)[None] / 255
    soft = Picture.from_tensor(texture.blur(sharp, sigma=1.5))
    others = {"fix_fading": "off", "faces": "off"}
    restored, left = (Restorer(blur=blur, **others)(soft) for blur in ("auto", "off"))
    assert restored.blur == pytest.approx(1.5, rel=0.2)
    assert restored.record.measured["blur_pixels"] == restored.blur
    assert left.blur == Restorer(**others)(Picture.from_tensor(sharp)).blur == 0
    assert Restorer(blur="1.25", **others)(Picture.from_tensor(sharp)).blur == 1.25
    scores = [psnr(one.read(), sharp, channel="rgb").item() for one in (restored.picture, left.picture)]
    assert scores[0] > scores[1] + 0.5


def test_masks_that_do_not_fit_are_refused(photo, tmp_path):
    small = Picture.from_tensor(torch.ones(1, 3, 10, 10)).save(tmp_path / "small.png")
    with pytest.raises(PictureError, match="10 x 10 pixels, but the picture 180 x 150"):
        Restorer(scratches=str(small))(photo)
    with pytest.raises(UnreadablePicture, match="no file nowhere"):
        Restorer(scratches="nowhere.png")(photo)


def test_a_clean_picture_comes_back_practically_unchanged():
    clean = Picture.from_array(data.chelsea())
    made = Restorer(scratches="off", fix_fading="off")(clean).picture
    assert psnr(made.read(), clean.read(), channel="rgb").item() > 38


def test_faces_are_refined_after_everything_else_and_recorded():
    astronaut = Picture.from_array(data.astronaut()[20:220, 120:320])
    options = {"scratches": "off", "fix_fading": "off"}
    seen = {}
    on, off = Restorer(**options)(astronaut, on_stage=seen.__setitem__), Restorer(faces="off", **options)(astronaut)
    assert [face.fate for face in on.faces] == ["refined"]
    assert on.record.measured["faces_refined"] == 1
    assert (seen["before the faces"].array() == off.picture.array()).all()
    assert (on.picture.array() != off.picture.array()).any()
    assert off.faces == ()
    assert "faces" not in off.record.models
    half = Restorer(strength=0.5, **options)(astronaut, on_stage=seen.__setitem__)
    for picture, tasks in ((on.picture, ["restore"]), (half.picture, ["restore"]), (seen["at full strength"], [])):
        assert [record["task"] for record in records_of(picture)] == tasks


def test_no_strength_for_faces_looks_for_none():
    assert Restorer(scratches="off", face_strength=0.0).stages.faces is None


def test_strength_is_how_far_the_result_lies_from_the_photograph(photo, mask_file):
    options = {"scratches": mask_file, "fix_fading": "strong"}
    seen = {}
    half = Restorer(strength=0.5, **options)(photo, on_stage=seen.__setitem__).picture.read()
    whole = Restorer(**options)(photo).picture.read()
    assert (whole - seen["at full strength"].read()).abs().max() < 1 / 255
    assert (half - (photo.read() + whole) / 2).abs().max() < 1.1 / 255


def test_a_faded_print_comes_back_further_if_its_owner_says_so_and_a_clean_one_hardly_changes_unless():
    clean = Picture.from_tensor(read_resized(Picture.from_array(data.astronaut()), 200, 200)[0])
    lifts, gains = torch.tensor([0.3, 0.12, 0.2]).view(1, 3, 1, 1), torch.tensor([0.65, 0.6, 0.58]).view(1, 3, 1, 1)
    faded = Picture.from_tensor(lifts + gains * clean.read())
    others = {"scratches": "off", "faces": "off"}

    def near(picture, **how):
        return psnr(Restorer(**others, **how)(picture).picture.read(), clean.read(), channel="rgb").item()

    before = near(faded, fix_fading="off")
    assert near(faded, fix_fading="strong") > near(faded) + 2 > before + 2
    assert near(clean) > 36
