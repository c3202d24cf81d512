import math

import pytest
import torch
from torch import Tensor

from daguerre.degradation.real_esrgan import (
    SIDE,
    Degradation,
    DegradationStage,
    apply_kernels,
    degrade,
    gaussian_kernels,
    gaussian_noise,
    plateau_kernels,
    poisson_noise,
    random_kernels,
    resize,
    sinc_kernels,
)

MIDDLE = SIDE // 2


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def numbers(*values: float) -> Tensor:
    return torch.tensor(values)


def test_gaussian_kernel_has_its_deviations_along_its_axes():
    kernels = gaussian_kernels(numbers(1.5, 1.5), numbers(3.0, 3.0), numbers(0, math.pi / 2), numbers(1, 1))
    offset = torch.arange(SIDE) - MIDDLE
    down = (kernels.sum(dim=2) * offset**2).sum(dim=1).sqrt()
    across = (kernels.sum(dim=1) * offset**2).sum(dim=1).sqrt()
    torch.testing.assert_close(across, numbers(1.5, 3.0), atol=0.03, rtol=0)
    torch.testing.assert_close(down, numbers(3.0, 1.5), atol=0.03, rtol=0)


def test_gaussian_kernel_by_hand():
    kernel = gaussian_kernels(numbers(2), numbers(2), numbers(0.7), numbers(1))[0]
    assert kernel[MIDDLE, MIDDLE + 2] / kernel[MIDDLE, MIDDLE] == pytest.approx(math.exp(-0.5))
    generalised = gaussian_kernels(numbers(2), numbers(2), numbers(0), numbers(3))[0]
    assert generalised[MIDDLE, MIDDLE + 4] / generalised[MIDDLE, MIDDLE] == pytest.approx(math.exp(-0.5 * 4**3))


def test_plateau_kernel_by_hand():
    kernel = plateau_kernels(numbers(2), numbers(2), numbers(0), numbers(2))[0]
    assert kernel[MIDDLE, MIDDLE + 2] / kernel[MIDDLE, MIDDLE] == pytest.approx(1 / 2)
    assert kernel[MIDDLE, MIDDLE + 4] / kernel[MIDDLE, MIDDLE] == pytest.approx(1 / 17)


def test_sinc_kernel_passes_slow_waves_and_stops_fast_ones():
    kernel = sinc_kernels(numbers(math.pi / 2))
    x = torch.arange(200.0)
    for frequency, least, most in ((0.2, 0.8, 1.2), (2.8, 0, 0.15)):
        wave = torch.cos(frequency * x).expand(1, 1, 41, 200)
        passed = apply_kernels(wave, kernel)[0, 0, 20, 30:170].abs().max()
        assert least <= passed <= most
    assert kernel.min() < 0  # it rings


def test_kernels_of_every_kind_sum_to_one():
    kernels = random_kernels(torch.empty(200, 3, 8, 8), DegradationStage(blur=0.9, sinc=0.3), seeded())
    torch.testing.assert_close(kernels.sum(dim=(1, 2)), torch.ones(200))
    assert ((kernels > 0).sum(dim=(1, 2)) == 1).float().mean() == pytest.approx(0.1, abs=0.06)  # not blurred at all


def test_blur_uses_each_pictures_own_kernel():
    image = torch.rand(2, 3, 12, 9, generator=seeded())
    shift = torch.zeros(2, SIDE, SIDE)
    shift[0, MIDDLE, MIDDLE] = 1
    shift[1, MIDDLE, MIDDLE - 1] = 1  # takes the pixel to the left
    blurred = apply_kernels(image, shift)
    torch.testing.assert_close(blurred[0], image[0])
    torch.testing.assert_close(blurred[1, :, :, 1:], image[1, :, :, :-1])
    torch.testing.assert_close(blurred[1, :, :, 0], image[1, :, :, 0])


@pytest.mark.parametrize("mode", ["area", "bilinear", "bicubic"])
def test_resizing_keeps_a_flat_picture(mode):
    torch.testing.assert_close(resize(torch.full((1, 3, 9, 8), 0.3), 5, 13, mode), torch.full((1, 3, 5, 13), 0.3))


def test_gaussian_noise_has_its_deviation_and_its_colour():
    image = torch.full((2, 3, 64, 64), 0.5)
    noisy = gaussian_noise(image, numbers(0.05, 0.1), torch.tensor([False, True]), seeded())
    torch.testing.assert_close((noisy - image).std(dim=(1, 2, 3)), numbers(0.05, 0.1), rtol=0.05, atol=0)
    assert not torch.equal(noisy[0, 0], noisy[0, 1])
    assert torch.equal(noisy[1, 0], noisy[1, 1])


def test_poisson_noise_grows_with_the_light():
    image = torch.tensor([0.04, 0.36]).view(2, 1, 1, 1).expand(2, 3, 64, 64)
    noisy = poisson_noise(image, numbers(1, 1), torch.tensor([False, True]), seeded())
    # Counting n photons deviates by sqrt(n): sqrt(0.04 x 255) / 255 and three times that.
    deviation = math.sqrt(0.04 / 255)
    torch.testing.assert_close((noisy - image).std(dim=(1, 2, 3)), numbers(deviation, 3 * deviation), rtol=0.05, atol=0)
    torch.testing.assert_close(noisy.mean(dim=(1, 2, 3)), numbers(0.04, 0.36), rtol=0.02, atol=0)
    assert torch.equal(noisy[1, 0], noisy[1, 2])
    assert not torch.equal(noisy[0, 0], noisy[0, 2])


def test_degraded_pictures_are_small_and_of_eight_bits():
    high = torch.rand(3, 3, 48, 64, generator=seeded(1))
    for seed in range(6):  # both ends: JPEG last, and resizing last
        low = degrade(high, 4, Degradation(), seeded(seed))
        assert low.shape == (3, 3, 12, 16)
        assert low.min() >= 0
        assert low.max() <= 1
        torch.testing.assert_close(low * 255, (low * 255).round(), atol=1e-3, rtol=0)


def test_the_seed_decides_alone():
    high = torch.rand(2, 3, 32, 32, generator=seeded(1))
    first, again, other = (degrade(high, 2, Degradation(), seeded(seed)) for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_nothing_is_done_where_nothing_is_asked_for():
    still = DegradationStage(blur=0, up=0, down=0, gaussian=1, noise=(0, 0), quality=(100, 100))
    high = torch.rand(1, 1, 33, 35, generator=seeded()).expand(1, 3, 33, 35)  # grey, for JPEG halves the colour
    low = degrade(high, 1, Degradation(first=still, second=still, final_sinc=0), seeded())
    torch.testing.assert_close(low, high, atol=2.5 / 255, rtol=0)


def test_pictures_of_a_batch_are_degraded_differently():
    high = torch.rand(1, 3, 32, 32, generator=seeded()).expand(4, -1, -1, -1)
    low = degrade(high, 1, Degradation(), seeded())
    assert len({one.sum().item() for one in low}) == 4
