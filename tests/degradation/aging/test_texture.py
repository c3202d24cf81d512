import pytest
import torch
from torch import Tensor

from daguerre.degradation.aging import texture


def picture(height: int = 45, width: int = 38) -> Tensor:
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0))


def grey(value: float, side: int = 96) -> Tensor:
    return torch.full((1, 3, side, side), value)


def seeded(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def curve_roughness(image: Tensor) -> float:
    return image.diff(dim=-1).square().mean().item() + image.diff(dim=-2).square().mean().item()


UNCHANGED = {
    "blur": lambda x: texture.blur(x, sigma=0),
    "grain": lambda x: texture.grain(x, strength=0, generator=seeded()),
    "noise": lambda x: texture.noise(x, strength=0, generator=seeded()),
    "speckle": lambda x: texture.speckle(x, strength=0, generator=seeded()),
    "salt_and_pepper": lambda x: texture.salt_and_pepper(x, amount=0, generator=seeded()),
    "low_resolution": lambda x: texture.low_resolution(x, factor=1),
    "halftone": lambda x: texture.halftone(x, strength=0),
}
STRONG = {
    "blur": lambda x: texture.blur(x, sigma=40),
    "grain": lambda x: texture.grain(x, strength=0.5, coloured=True, generator=seeded()),
    "noise": lambda x: texture.noise(x, strength=0.5, generator=seeded()),
    "speckle": lambda x: texture.speckle(x, strength=1, generator=seeded()),
    "salt_and_pepper": lambda x: texture.salt_and_pepper(x, amount=0.2, generator=seeded()),
    "low_resolution": lambda x: texture.low_resolution(x, factor=100),
    "compress": lambda x: texture.compress(x, quality=5),
    "halftone": lambda x: texture.halftone(x),
}


@pytest.mark.parametrize("change", UNCHANGED.values(), ids=UNCHANGED)
def test_no_strength_is_no_change(change):
    assert torch.allclose(change(picture()), picture(), atol=1e-6)


@pytest.mark.parametrize("change", STRONG.values(), ids=STRONG)
def test_texture_stays_in_range_keeps_sizes_and_repeats(change):
    made = change(picture())
    assert made.shape == picture().shape
    assert made.min() >= 0
    assert made.max() <= 1
    assert torch.equal(made, change(picture()))


@pytest.mark.parametrize("name", ["grain", "speckle", "salt_and_pepper", "low_resolution", "compress", "halftone"])
def test_grey_stays_grey(name):
    image = picture()[:, :1].expand(-1, 3, -1, -1).contiguous()
    made = {**STRONG, "grain": lambda x: texture.grain(x, generator=seeded())}[name](image)
    assert torch.equal(made[:, :1].expand_as(made), made)


def test_more_blur_and_lower_resolution_mean_less_gradient():
    for made in (
        [texture.blur(picture(), sigma=sigma) for sigma in (0, 0.3, 0.6, 1, 2, 4)],
        [texture.low_resolution(picture(), factor=factor) for factor in (1, 1.5, 2, 3, 5)],
    ):
        energies = [curve_roughness(image) for image in made]
        assert energies == sorted(energies, reverse=True)
        assert len(set(energies)) == len(energies)


def test_blur_keeps_what_is_flat_to_the_border():
    assert torch.allclose(texture.blur(grey(0.7, 20), sigma=3), grey(0.7, 20), atol=1e-6)


@pytest.mark.parametrize("size", [0, 0.3, 1, 2])
def test_grain_has_its_strength_in_the_middle_grey_whatever_its_size(size):
    made = texture.grain(grey(0.5, 160), strength=0.05, size=size, generator=seeded())
    assert made[:, 0].std().item() == pytest.approx(0.05, rel=0.15)


def test_grain_is_weak_in_black_and_correlated_when_large():
    black, middle = (texture.grain(grey(v), strength=0.05, generator=seeded()) - v for v in (0.0, 0.5))
    assert black.abs().mean() < 0.3 * middle.abs().mean()
    fine, coarse = (texture.grain(grey(0.5), strength=0.05, size=s, generator=seeded()) for s in (0, 2))
    assert curve_roughness(coarse) < 0.2 * curve_roughness(fine)


def test_noise_has_its_strength_and_speckle_grows_with_light():
    assert texture.noise(grey(0.5), strength=0.05, generator=seeded()).std().item() == pytest.approx(0.05, rel=0.05)
    dark, light = (texture.speckle(grey(v), strength=0.1, generator=seeded()).std() for v in (0.2, 0.6))
    assert (light / dark).item() == pytest.approx(3, rel=0.01)


def test_salt_and_pepper_are_as_many_as_asked():
    made = texture.salt_and_pepper(grey(0.5, 200), amount=0.1, generator=seeded())
    for value in (0, 1):
        assert (made == value).float().mean().item() == pytest.approx(0.05, abs=0.01)


@pytest.mark.parametrize("value", [0.0, 0.1, 0.3, 0.5, 0.8, 1.0])
@pytest.mark.parametrize(("period", "angle"), [(4.0, 45.0), (6.3, 20.0)])
def test_a_halftone_keeps_the_mean_tone_and_is_made_of_dots(value, period, angle):
    made = texture.halftone(grey(value), period=period, angle=angle, contrast=50)
    assert made.mean().item() == pytest.approx(value, abs=0.03)
    assert ((made < 0.02) | (made > 0.98)).float().mean() > 0.9
