import pytest
import torch

from daguerre.images import Picture


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
