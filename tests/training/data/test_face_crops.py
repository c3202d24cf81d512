import math

import numpy as np
import pytest
import torch
from PIL import Image

from daguerre.errors import DataError
from daguerre.networks.yunet import STRIDES, YuNet
from daguerre.progress import silent
from daguerre.training.data.face_crops import FaceCrops, KnownFace, as_batch, cut, faces_in, halved, placing, worn
from daguerre.training.recipe import parse_recipe


def recipe(**changes):
    table = {
        "name": "seer",
        "step": "face_detection",
        "steps": 2,
        "batch": 6,
        "crop": 64,
        "network": {"name": "YuNet"},
        "data": {"parts": ["old"]},
        "optimizer": {"lr": 1e-3},
        "finding": {"portraits": ["faces"]},
        "validation": {"fraction": 1 / 3},
    }
    return parse_recipe(table | changes)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for part, size in (("old", (150, 120)), ("faces", (100, 100))):
        (folder / part).mkdir()
        for number in range(8):
            pixels = np.random.default_rng(number).integers(0, 255, (*size, 3), np.uint8)
            Image.fromarray(pixels).save(folder / part / f"{number}.png")
    return folder


def seer():
    """A network that sees a face of 32 pixels in the top left cell of the middle map, surely, and nothing else."""

    class Seer(YuNet):
        def forward(self, image):
            maps = [torch.full((1, 16, *(side // stride for side in image.shape[2:])), -30.0) for stride in STRIDES]
            maps[1][..., 0, 0] = torch.tensor([30.0, 30.0, 2, 2, *[math.log(2)] * 2, *[0.0] * 10])
            return maps

    return Seer(features=(2, 2, 2, 2), units=1)


def test_crops_are_the_same_from_one_generator_and_some_are_worn(data):
    crops = FaceCrops(recipe(), data, seer(), silent)
    assert len(crops.faces) == len(crops.pictures)
    clean, seen = crops.draw(torch.Generator().manual_seed(0))
    again, _ = crops.draw(torch.Generator().manual_seed(0))
    assert clean.shape == seen.shape == (6, 3, 64, 64)
    assert torch.equal(clean, again)
    assert not torch.equal(clean, seen)


def test_what_is_measured_with_is_not_trained_on(data):
    exclude = [f"{number}.png" for number in range(3)]
    assert len(FaceCrops(recipe(aging={"exclude": exclude}), data, seer(), silent).pictures) < 6
    with pytest.raises(DataError):
        FaceCrops(recipe(data={"parts": ["none"]}), data, seer(), silent)


def test_what_a_network_sees_is_told_in_pixels_of_the_picture():
    (face,) = faces_in(np.zeros((70, 90, 3), np.uint8), seer(), 0.5)
    assert face[:4].tolist() == pytest.approx([16, 16, 48, 48])


def test_a_crop_around_a_face_shows_it_at_a_size_of_the_range(data):
    crops = FaceCrops(recipe(crop=128), data, seer(), silent)
    crops.pictures = [np.zeros((400, 400, 3), np.uint8)]
    crops.pictures[0][180:220, 180:220] = 255
    rng = np.random.default_rng(1)
    for _ in range(20):
        made = crops.around(KnownFace(0, 200, 200, 40), rng)
        assert made.shape == (128, 128, 3)
    white = [(crops.around(KnownFace(0, 200, 200, 40), rng) > 128).mean() * 128**2 for _ in range(20)]
    assert all(area > 5**2 for area in white)


def test_portraits_are_put_into_other_pictures(data):
    crops = FaceCrops(recipe(), data, seer(), silent)
    crops.pictures = [np.zeros((200, 200, 3), np.uint8)] * len(crops.pictures)
    crops.portraits = [np.full((50, 50, 3), 255, np.uint8)]
    assert crops.composed(np.random.default_rng(0)).max() > 100


def test_a_point_goes_where_it_is_to_go():
    matrix = placing((10, 20), np.array([50.0, 60.0]), 2.0, 30.0, mirrored=True)
    assert matrix @ np.array([10, 20, 1]) == pytest.approx([50, 60])
    assert abs(np.linalg.det(matrix[:, :2])) == pytest.approx(4)


def test_a_picture_is_halved_before_it_is_made_much_smaller():
    picture, at, scale = halved(np.zeros((100, 80, 3), np.uint8), (40, 20), 0.2)
    assert (picture.shape, at, scale) == ((25, 20, 3), [10, 5], 0.8)
    made = cut(np.full((99, 80, 3), 7, np.uint8), (40, 50), np.array([16, 16]), 0.3, 0.0, 24, np.random.default_rng(0))
    assert made.shape == (24, 24, 3)


def test_a_worn_crop_is_another_one_of_its_size():
    crop = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    made = [worn(crop, np.random.default_rng(seed)) for seed in range(30)]
    assert all(one.shape == crop.shape and one.dtype == np.uint8 for one in made)
    assert len({one.tobytes() for one in made}) == 30


def test_pictures_become_a_batch():
    assert as_batch([np.full((2, 3, 3), 255, np.uint8)] * 2).tolist() == torch.ones(2, 3, 2, 3).tolist()
