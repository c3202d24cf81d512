import json
from pathlib import Path

import numpy as np
import pytest
from images.drawn import photo

from daguerre import weights
from daguerre.images import Picture
from daguerre.networks.damage_unet import DamageUNet
from daguerre.weights.checkpoint import write


@pytest.fixture
def scratches(run, monkeypatch):
    """`daguerre scratches` with a network alone that takes the lower left of every four pixels for damage."""
    monkeypatch.setattr("daguerre.tasks.restoration.damage_detection.GROWTH", 0)
    monkeypatch.setattr("daguerre.tasks.restoration.damage_detection.COLOURFUL", (1.0, 2.0))  # the photograph is
    network = DamageUNet(features=(4,))
    for parameter in network.parameters():
        parameter.data.zero_()
    network.first.bias.data[0] = 1
    network.last.bias.data[:] = -6
    network.last.weight.data[0, 0, 3, 2] = 12
    header = weights.WeightsHeader(
        name="scratches", task="scratches", network="DamageUNet", arguments={"features": [4]}
    )
    write(weights.weights_folder() / "scratches.safetensors", network.state_dict(), header)
    return lambda *words: run("scratches", "--device", "cpu", "--model", "scratches", *words)


def draw(name, *shape):
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    return Picture.from_array(photo(*shape or (12, 18))).save(name)


def test_a_mask_is_written_beside_the_picture_without_loss(scratches):
    draw("photo.jpg")
    ran = scratches("photo.jpg", "--min-area", "1")
    assert (ran.status, ran.out) == (0, "")
    assert ran.err.startswith("photo-scratches.png  25.0 % damaged")
    expected = np.zeros((12, 18), np.uint8)
    expected[1::2, ::2] = 255
    np.testing.assert_array_equal(Picture.open("photo-scratches.png").array(), expected)


def test_small_damage_is_left_out_unless_asked_for(scratches):
    draw("photo.png")
    assert json.loads(scratches("photo.png", "--json").out)["damaged_percent"] == 0


def test_the_overlay_shows_the_photograph_grey_and_the_damage_red(scratches):
    draw("photo.png")
    assert scratches("photo.png", "--min-area", "1", "--overlay", "look.png").status == 0
    look = Picture.open("look.png").array()
    assert (look[1::2, ::2] == (255, 0, 0)).all()
    assert np.ptp(look[::2], axis=2).max() == 0


def test_a_folder_becomes_a_folder_of_masks(scratches):
    draw("scans/a.jpg")
    draw("scans/deep/b.tif")
    assert scratches("scans", "-o", "masks").status == 0
    assert sorted(p.as_posix() for p in Path("masks").rglob("*.png")) == [
        "masks/a-scratches.png",
        "masks/deep/b-scratches.png",
    ]


def test_one_overlay_for_several_pictures_or_in_place_of_one_is_refused(scratches):
    draw("a.png")
    draw("b.png")
    assert scratches("a.png", "b.png", "--overlay", "look.png").lines == [
        "daguerre: --overlay names one file, look.png, but there are 2 pictures"
    ]
    ran = scratches("a.png", "--overlay", "a.png")
    assert (ran.status, len(ran.lines)) == (1, 1)
    assert "is read, or written for something else, too" in ran.err


def test_a_mask_is_replaced_only_when_asked(scratches):
    draw("a.png")
    Path("a-scratches.png").write_text("mine")
    assert "exists already" in scratches("a.png").err
    assert Path("a-scratches.png").read_text() == "mine"
    assert scratches("a.png", "--overwrite").status == 0
