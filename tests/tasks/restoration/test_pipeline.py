import numpy as np
import pytest
import torch
from skimage import data

from daguerre.degradation.aging import texture
from daguerre.evaluation.metrics import psnr
from daguerre.images import Picture
from daguerre.images.resize import read_resized
from daguerre.tasks.restoration import pipeline
from daguerre.tasks.restoration.restorer import Restorer
from daguerre.tasks.restoration.stain_removal import Unstained
from daguerre.tasks.result import records_of


def test_stages_are_shown_to_who_asks(photo, mask_file):
    restorer = Restorer(scratches=mask_file, stains="off")
    seen = {}
    restorer(photo, on_stage=seen.__setitem__)
    assert list(seen) == ["damage", "inpainted", "denoised", "translated"]


def test_damage_is_looked_for_where_stains_have_been_removed(photo, monkeypatch):
    lighter = Picture.from_tensor(photo.read() ** 0.5)
    monkeypatch.setattr(pipeline, "remove_stains", lambda *_: Unstained(lighter, 0.25, 0.1))
    restorer, seen = Restorer(), {}
    restored = restorer(photo, on_stage=seen.__setitem__)
    assert list(seen)[:2] == ["stains removed", "damage"]
    assert seen["stains removed"] is lighter
    assert np.array_equal(restored.mask.array(), restorer.stages.damage(lighter).array())
    assert restored.stained == 0.25
    assert restored.record.measured["stained_percent"] == 25
    assert restored.taken_back["stains"] == 0.1
    assert restored.record.measured["taken_back_stains_percent"] == 10


def test_nobody_looks_for_stains_when_told_so():
    assert Restorer(stains="off").stages.stains is None


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
