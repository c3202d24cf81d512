import pytest
import torch

from daguerre.images import Picture
from daguerre.images import resize as resized
from daguerre.images.resample import resize_bicubic
from daguerre.images.resize import read_resized


def drawn(height, width, channels=3):
    return torch.rand(1, channels, height, width, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("size", [(20, 31), (57, 91), (80, 40)])
def test_strips_make_the_same_picture_as_resizing_the_whole(size, monkeypatch):
    monkeypatch.setattr(resized, "STRIP", 91 * 10)
    image = Picture.from_tensor(drawn(57, 91), bits=16)
    expected = resize_bicubic(image.read(), *size).clamp(0, 1)
    colours, alpha = read_resized(image, *size)
    assert alpha is None
    torch.testing.assert_close(colours, expected, rtol=0, atol=1e-5)


def test_transparency_comes_along_and_hidden_colours_do_not():
    alpha = torch.ones(1, 1, 40, 40)
    alpha[..., 20:] = 0
    image = drawn(40, 40) * 0.1 + 0.8
    image[..., 20:] = 0
    colours, seen = read_resized(Picture.from_tensor(image, alpha=alpha), 20, 20)
    assert (seen[..., :8].min() > 0.99, seen[..., 12:].max() < 0.01) == (True, True)
    assert colours[..., :10].min() > 0.7
