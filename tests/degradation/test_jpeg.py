import io

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from torch import Tensor

from daguerre.degradation.jpeg import jpeg, quantisation_tables


def photograph() -> tuple[Image.Image, Tensor]:
    pixels = data.astronaut()[:133, 60:221]  # odd sides
    return Image.fromarray(pixels), torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255


def by_libjpeg(picture: Image.Image, quality: int, subsample: bool) -> Tensor:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality, subsampling=2 if subsample else 0)
    return torch.from_numpy(np.array(Image.open(buffer))).permute(2, 0, 1)[None].float() / 255


@pytest.mark.parametrize("quality", [1, 10, 49, 50, 95, 100])
def test_tables_are_libjpegs(quality):
    buffer = io.BytesIO()
    photograph()[0].save(buffer, "JPEG", quality=quality)
    theirs = Image.open(buffer).quantization  # type: ignore[attr-defined]
    for ours, table in zip(quantisation_tables(torch.tensor([float(quality)])), (theirs[0], theirs[1]), strict=True):
        assert ours.flatten().tolist() == list(table)


@pytest.mark.parametrize("subsample", [True, False])
@pytest.mark.parametrize("quality", [10, 50, 90])
def test_result_is_libjpegs_within_half_a_level(quality, subsample):
    picture, image = photograph()
    theirs = by_libjpeg(picture, quality, subsample)
    ours = jpeg(image, torch.tensor([float(quality)]), subsample=subsample)
    off = (ours - theirs).abs().mean() * 255
    assert off < 0.5
    assert off < (theirs - image).abs().mean() * 255 / 5  # what JPEG itself does is far more
    assert ((ours - theirs).abs() * 255 > 2.5).float().mean() < 0.04


def test_every_picture_has_its_own_quality():
    _, image = photograph()
    both = jpeg(image.expand(2, -1, -1, -1), torch.tensor([10.0, 90.0]))
    for one, quality in zip(both, (10.0, 90.0), strict=True):
        assert torch.equal(one[None], jpeg(image, torch.tensor([quality])))


def test_flat_grey_passes_unchanged():
    grey = torch.full((1, 3, 20, 12), 100 / 255)
    torch.testing.assert_close(jpeg(grey, torch.tensor([90.0])), grey)


def test_a_picture_smaller_than_a_block_keeps_its_size():
    assert jpeg(torch.rand(1, 3, 3, 5), torch.tensor([50.0])).shape == (1, 3, 3, 5)
