import numpy as np
import pytest
import torch

from daguerre.images.pixels import check_inside, luma, to_levels, to_tensor
from daguerre.tiling.windows import Window


@pytest.mark.parametrize(("bits", "kind"), [(8, np.uint8), (16, np.uint16)])
def test_every_level_survives_the_way_to_a_tensor_and_back(bits, kind):
    levels = np.arange(2**bits, dtype=kind).reshape(2 ** (bits // 2), -1, 1)
    image = to_tensor(levels)
    assert image.dtype == torch.float32
    assert image.shape == (1, 1, *levels.shape[:2])
    assert image.min() == 0
    assert image.max() == 1
    assert np.array_equal(to_levels(image, bits), levels)


def test_level_v_of_8_bits_is_v_over_255():
    assert to_tensor(np.full((1, 1, 1), 51, np.uint8)).item() == pytest.approx(0.2)


def test_values_outside_are_clamped_and_between_rounded():
    assert to_levels(
        torch.tensor([-1.0, 0.1, 0.4999 / 255, 0.5001 / 255, 2.0]).view(1, 1, 1, 5), 8
    ).ravel().tolist() == [
        0,
        26,
        0,
        1,
        255,
    ]


def test_tensors_of_networks_are_taken_as_they_come():
    image = torch.full((1, 3, 2, 2), 0.5, dtype=torch.bfloat16, requires_grad=True)
    assert to_levels(image, 8).tolist() == [[[128] * 3] * 2] * 2


def test_luma_of_equal_channels_is_what_they_are():
    grey = to_tensor(np.arange(256, dtype=np.uint8).reshape(16, 16, 1))
    assert np.array_equal(to_levels(luma(grey.expand(-1, 3, -1, -1)), 8), to_levels(grey, 8))


def test_luma_by_hand():
    assert luma(torch.tensor([1.0, 0.5, 0.0]).view(1, 3, 1, 1)).item() == pytest.approx(0.299 + 0.587 / 2)


@pytest.mark.parametrize("window", [Window(-1, 0, 2, 2), Window(0, 0, 0, 1), Window(3, 0, 2, 1), Window(0, 4, 1, 2)])
def test_windows_outside_are_refused(window):
    with pytest.raises(ValueError, match="not inside a picture of 4 x 5"):
        check_inside(window, 4, 5)
