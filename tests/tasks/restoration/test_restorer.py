import json

import numpy as np
import pytest
import torch
from skimage import data

import daguerre
from daguerre.errors import PictureError, UnreadablePicture
from daguerre.evaluation.metrics import psnr
from daguerre.images import Picture
from daguerre.tasks.provenance import steps_of
from daguerre.tasks.restoration.restorer import Restorer


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
