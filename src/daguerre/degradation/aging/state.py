"""The state of a photograph during aging: its images, its random generator, and the record of changes."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

from daguerre.degradation.aging.surface_damage import VISIBLE

__all__ = ["DAMAGES", "TRANSLUCENT", "Photograph", "lost_pixels"]

T = TypeVar("T")

DAMAGES = ("scratch", "dust", "fibre", "writing", "crease", "tear", "hole", "stain", "water", "tape")
"""The kinds of structured damage; in `Photograph.kinds` 0 is none and 1 the first of these."""

TRANSLUCENT = DAMAGES[-3:]
"""Kinds through which the picture is still visible; under the others it is lost."""

MISSING_PAPER = tuple(DAMAGES.index(name) + 1 for name in ("tear", "hole"))
"""Kinds that always count as damage, visible or not, as values of `Photograph.kinds`."""


class Photograph:
    """One picture (1, 3, H, W) in [0, 1], its clean twin, a clean twin with the aged tones, and its damage.

    `undamaged` is a third twin, which ages like the photograph, including its grain, but is never damaged.

    Args:
        strength: factor on every amount and probability.
        damage: False leaves out all damage.
        unit: pixels here per pixel of a typical scan; by default from the shorter side.
    """

    def __init__(
        self,
        image: Tensor,
        generator: torch.Generator,
        strength: float,
        *,
        damage: bool = True,
        unit: float | None = None,
    ) -> None:
        self.image = self.undamaged = self.clean = self.toned = image
        self.kinds = torch.zeros_like(image[:, :1], dtype=torch.uint8)
        self.generator, self.strength, self.can_be_damaged = generator, strength, damage
        self.steps: list[dict[str, Any]] = []
        height, width = image.shape[-2:]
        self.side = min(height, width)
        self.unit = unit or max(1.0, self.side / 1000)
        self.squares = height * width / (256 * self.unit) ** 2  # area in units of 256 x 256 pixels of a typical scan

    def uniform(self, low: float, high: float) -> float:
        """A uniform random number between `low` and `high`."""
        drawn = torch.rand((), generator=self.generator, device=self.generator.device).item()
        return round(low + (high - low) * drawn, 4)

    def amount(self, low: float, high: float) -> float:
        """A random amount between `low` and `high`, times the strength."""
        return round(self.uniform(low, high) * self.strength, 4)

    def count(self, low: float, high: float) -> int:
        """A random count between `low` and `high`, times the strength, at least one."""
        return max(1, round(self.amount(low, high)))

    def pixels(self, low: float, high: float) -> float:
        """A random width between `low` and `high` pixels of a typical scan."""
        return round(self.uniform(low, high) * self.unit, 4)

    def of_side(self, low: float, high: float) -> float:
        """A random length in pixels, between `low` and `high` times the shorter side."""
        return round(self.uniform(low, high) * self.side, 4)

    def happens(self, probability: float) -> bool:
        """True with `probability` times the strength, so never at strength 0."""
        return self.uniform(0, 0.9999) < probability * self.strength

    def choose(self, choices: Sequence[T]) -> T:
        """One of several, with equal probability."""
        return choices[int(self.uniform(0, 0.9999) * len(choices))]

    def change_original(self, change: Callable[..., Tensor], **parameters: Any) -> None:
        """Change the photograph as it was when new, so that there is nothing to restore."""
        self.record(change, parameters)
        self.clean, self.toned = change(self.clean, **parameters), change(self.toned, **parameters)
        self.apply(change, parameters)

    def degrade(self, change: Callable[..., Tensor], **parameters: Any) -> None:
        """Degrade the texture."""
        self.record(change, parameters)
        self.apply(change, parameters)

    def change_tones(self, change: Callable[..., Tensor], **parameters: Any) -> None:
        """Change the tones of the photograph and of its toned twin."""
        self.record(change, parameters)
        before = self.generator.get_state()
        self.toned = change(self.toned, **parameters)
        if "generator" in parameters:
            self.generator.set_state(before)
        self.apply(change, parameters)

    def apply(self, change: Callable[..., Tensor], parameters: dict[str, Any]) -> None:
        """Change the photograph and its undamaged twin."""
        before, damaged = self.generator.get_state(), self.undamaged is not self.image
        made = change(self.undamaged, **parameters)
        if damaged:
            self.generator.set_state(before)
            self.image = change(self.image, **parameters)
        else:
            self.image = made
        self.undamaged = made

    def add_damage(self, damage: str, change: Callable[..., tuple[Tensor, Tensor]], **parameters: Any) -> None:
        """Damage the photograph and record the mask."""
        if not self.can_be_damaged:
            return
        self.record(change, parameters)
        self.image, mask = change(self.image, generator=self.generator, **parameters)
        if damage in TRANSLUCENT:
            mask = mask * ~lost_pixels(self.kinds)  # a stain does not uncover what is lost below it
        self.kinds = torch.where(mask > 0, DAMAGES.index(damage) + 1, self.kinds)

    def visible_kinds(self) -> Tensor:
        """`kinds`, but 0 where damage has become invisible, by fading or under grain.

        Damage is visible where it differs by `VISIBLE` or more from the undamaged twin.
        """
        visible = (self.image - self.undamaged).abs().amax(1, keepdim=True) >= VISIBLE
        for kind in MISSING_PAPER:
            visible |= self.kinds == kind
        return torch.where(visible, self.kinds, 0)

    def record(self, change: Callable[..., Any], parameters: dict[str, Any]) -> None:
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in parameters.items()}
        plain.pop("generator", None)
        self.steps.append({"step": change.__name__, **plain})


def lost_pixels(kinds: Tensor) -> Tensor:
    """Boolean mask of lost pixels, from `Photograph.kinds`."""
    return (kinds > 0) & (kinds <= len(DAMAGES) - len(TRANSLUCENT))
