import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage import data

import daguerre
from daguerre.errors import OptionError, PictureError, UnreadablePicture
from daguerre.evaluation.metrics import psnr
from daguerre.images import Picture
from daguerre.tasks.provenance import steps_of
from daguerre.tasks.restoration.restorer import RestoreOptions, Restorer


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
    made = Restorer(scratches=mask_file, strength=0.0)(photo)
    assert np.array_equal(made.picture.array(), photo.array())
    assert made.record.source_type is None
    assert b"DigitalSourceType" not in made.picture.xmp
    assert made.record.measured["changed_percent"] == made.record.measured["mean_change_percent"] == 0


def test_a_mask_in_memory_does_what_its_file_does(photo, mask, mask_file):
    from_file = Restorer(scratches=mask_file)(photo)
    for given in (mask, mask.array()):
        told = Restorer()(photo, mask=given)
        assert np.array_equal(told.picture.array(), from_file.picture.array())
        assert told.damaged == from_file.damaged
        assert told.record.options["scratches"] == "a mask that was given"
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


def test_what_was_done_is_recorded_in_the_file(photo, mask_file, tmp_path):
    source = photo.save(tmp_path / "old.png")
    path = Restorer(scratches=mask_file, strength=0.5, precision="float32")(source).save(tmp_path / "made.png")
    (step,) = steps_of(Picture.open(path).xmp)
    assert step["task"] == "restore"
    assert step["options"] == {"scratches": "mask.png", "strength": 0.5}
    assert step["files"] == {"mask.png": sha256(Path(mask_file).read_bytes()).hexdigest()}
    assert step["input"] == {"name": "old.png", "sha256": sha256(source.read_bytes()).hexdigest()}
    assert 0 < step["measured"]["filled_percent"] < step["measured"]["changed_percent"] <= 100
    assert set(step["models"]) == {
        "restore-vae-old",
        "restore-vae-clean",
        "restore-translation",
        "texture",
        "tone",
        "stains",
        "faces",
        "face-detection",
    }
    assert step["source_type"] == "compositeWithTrainedAlgorithmicMedia"
    assert json.dumps(step["measured"])


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


def bed(*prints, size=(220, 300)):
    """Photographs on a scanner's white bed."""
    levels = np.full((*size, 3), 250, np.uint8)
    for number, (top, left, height, width) in enumerate(prints):
        levels[top : top + height, left : left + width] = data.coffee()[60 + 40 * number :, 150:][:height, :width]
    return Picture.from_array(levels)


def test_a_scanners_bed_stays_as_it_is_and_its_prints_are_restored():
    scan, seen = bed((20, 30, 80, 120), (130, 160, 70, 110)), {}
    restored = Restorer(faces="off", fix_fading="strong")(scan, on_stage=seen.__setitem__)
    before, after = scan.array().astype(int), restored.picture.array().astype(int)
    outside = np.ones((220, 300), bool)
    outside[20:100, 30:150] = outside[130:200, 160:270] = False
    assert (after[outside] == before[outside]).all()
    assert (after != before).any()
    assert restored.mask.array()[outside].max() == 0
    assert {picture.array().shape[:2] for picture in seen.values()} == {(220, 300)}
    assert any("2 prints on one scan" in said for said in restored.warnings)


def test_a_print_may_be_taken_without_its_bed_if_it_is_alone():
    alone = Restorer(faces="off", crop=True)(bed((20, 30, 80, 120)))
    assert (alone.picture.height, alone.picture.width) == pytest.approx((78, 118), abs=3)
    assert not alone.warnings
    with pytest.raises(PictureError, match="2 prints; --split makes a file of each"):
        Restorer(faces="off", crop=True)(bed((20, 30, 80, 120), (130, 160, 70, 110)))
    whole = Restorer(faces="off", crop=True)(Picture.from_array(data.coffee()[100:200, 150:300]))
    assert (whole.picture.height, whole.picture.width) == (100, 150)
    assert "nothing to crop" in whole.warnings[0]


def test_a_negative_is_said_to_be_one_and_turned_if_asked():
    scene = torch.from_numpy(data.astronaut()[:200, 100:300].copy()).permute(2, 0, 1)[None] / 255
    densities = [base + 0.65 * light for base, light in zip((0.05, 0.25, 0.45), scene[0], strict=True)]
    negative = Picture.from_tensor(10 ** -torch.stack(densities)[None])
    others = {"scratches": "off", "faces": "off", "fix_fading": "off", "blur": "off"}
    left, made = Restorer(**others)(negative), Restorer(negative=True, **others)(negative)
    assert "looks like a negative" in left.warnings[0]
    assert not made.warnings
    pair = torch.stack([made.picture.read().flatten(), scene.flatten()])
    assert torch.corrcoef(pair)[0, 1] > 0.9


def test_grey_that_a_scanner_stored_in_colour_gets_no_coloured_fringes():
    random = torch.Generator().manual_seed(0)
    light = torch.from_numpy(data.camera()[100:260, 150:330].copy())[None, None] / 255
    grain, tints = (torch.randn(1, channels, 160, 180, generator=random) for channels in (1, 3))
    image = (light + 0.05 * grain + 0.003 * tints).clamp(0, 1)
    made = Restorer(scratches="off", faces="off", fix_fading="off")(Picture.from_tensor(image)).picture.read()
    assert (made.amax(1) - made.amin(1)).max() < 0.06


def test_what_cannot_go_together_is_refused():
    with pytest.raises(OptionError, match="leave out prints off"):
        RestoreOptions(crop=True, prints="off")
    for choice in ({"crop": True}, {"negative": True}):
        with pytest.raises(OptionError, match="a mask fits the picture as it is"):
            RestoreOptions(scratches="mask.png", **choice)


def test_grain_that_is_kept_is_kept_to_the_last_bit_where_nothing_is_damaged(photo, mask, mask_file):
    how = {"grain": "keep", "blur": "off", "fix_fading": "off", "stains": "off", "faces": "off", "prints": "off"}
    made = Restorer(scratches=mask_file, **how)(photo)
    sound = mask.array() < 128
    assert np.array_equal(made.picture.array()[sound], photo.array()[sound])
    assert (made.picture.array() != photo.array())[~sound].any()
    assert set(made.record.models) == {"restore-vae-old", "restore-vae-clean", "restore-translation"}
    untouched = Restorer(scratches="off", **how)(photo)
    assert (untouched.record.models, untouched.record.source_type) == ({}, None)


def test_grain_that_is_kept_and_blur_that_is_undone_exclude_each_other():
    with pytest.raises(OptionError, match="set blur to off, or grain to auto"):
        RestoreOptions(grain="keep")
