import pytest
import torch
from torch.nn import functional as F

from daguerre import weights
from daguerre.weights.cleaning import blocks, cleaned_share, cleans, drawn


def enlarging(scale=2, mode="bicubic", before=lambda image: image):
    """Enlarges by PyTorch's own means, after `before`."""
    return lambda image: F.interpolate(before(image), scale_factor=scale, mode=mode)


def blurred(image):
    return F.avg_pool2d(F.pad(image, (1, 1, 1, 1), mode="replicate"), 3, 1)


@pytest.mark.parametrize("scale", [1, 2, 4])
@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
def test_plain_enlargement_takes_nothing_away(scale, mode):
    assert not cleans(enlarging(scale, mode))


def test_a_model_that_knows_the_picture_takes_all_away():
    assert cleaned_share(enlarging(before=lambda image: drawn())) > 0.9
    assert cleans(enlarging(before=blurred))


@pytest.mark.parametrize(
    ("name", "answer"),
    [("compact-x4", False), ("compact-x4-vivid", False), ("compact-x4-clean", True), ("compact-x4-photo", True)],
)
def test_what_is_measured_is_what_the_headers_of_our_networks_say(name, answer):
    model = weights.load(name)
    assert model.header.cleans is answer
    assert cleans(model) is answer


def test_blocks_are_of_eight_pixels_and_rounded():
    image = torch.rand(1, 3, 32, 32)
    spoiled = blocks(image)
    assert spoiled.shape == image.shape
    assert 0.02 < (spoiled - image).square().mean().sqrt() < 0.2
    assert torch.allclose(blocks(torch.full((1, 3, 32, 32), 0.3)), torch.full((1, 3, 32, 32), 0.3), atol=0.02)
    moved = blocks(torch.cat([1 - image[..., :8], image[..., 8:]], -1))
    assert torch.equal(moved[..., 8:], spoiled[..., 8:])
