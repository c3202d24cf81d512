"""What holds for every kind of damage: `damage` takes images and a generator, and gives damaged images and the mask."""

from collections.abc import Callable

import torch
from torch import Tensor

from daguerre.degradation.aging.surface_damage import VISIBLE

Damage = Callable[[Tensor, torch.Generator], tuple[Tensor, Tensor]]


def picture(height: int = 70, width: int = 90) -> Tensor:
    """Two middling pictures, so that light and dark damage both show."""
    return 0.4 + 0.2 * torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0))


def seeded(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def check_opaque(damage: Damage) -> None:
    """It is exactly where its mask is."""
    made, mask = damage(picture(), seeded())
    changed = (made != picture()).any(1, keepdim=True)
    assert torch.equal(changed, mask.bool())
    assert 0 < mask.mean() < 0.7


def check_soft(damage: Damage) -> None:
    """Its mask is where it is visible."""
    made, mask = damage(picture(), seeded())
    assert torch.equal((made - picture()).abs().amax(1, keepdim=True) >= VISIBLE, mask.bool())
    assert 0 < mask.mean() < 0.7


def check_repeats(damage: Damage) -> None:
    """It repeats, stays in range, and differs from picture to picture."""
    image = picture()[:1].expand(2, -1, -1, -1)
    made, mask = damage(image, seeded())
    again, same = damage(image, seeded())
    assert torch.equal(made, again)
    assert torch.equal(mask, same)
    assert mask.shape == (2, 1, 70, 90)
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    assert made.min() >= 0
    assert made.max() <= 1
    assert not torch.equal(mask[0], mask[1])


def check_any_size(damage: Damage) -> None:
    for size in ((16, 16), (17, 200)):
        made, mask = damage(picture(*size), seeded())
        assert made.shape[-2:] == mask.shape[-2:] == size


def check_more(damage: Callable[..., tuple[Tensor, Tensor]], less: dict[str, float], more: dict[str, float]) -> None:
    """A larger number damages more."""
    image = torch.full((4, 3, 128, 128), 0.5)
    few, many = (damage(image, generator=seeded(), **how)[1].mean() for how in (less, more))
    assert few < many
