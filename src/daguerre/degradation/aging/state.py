"""A photograph on its way through time: it draws its own fate from one generator and keeps the record of it."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

from daguerre.degradation.aging.surface_damage import SEEN

__all__ = ["DAMAGES", "TINTS", "Photograph"]

T = TypeVar("T")

DAMAGES = ("scratch", "dust", "fibre", "writing", "crease", "tear", "hole", "stain", "water", "tape")
"""The kinds of structured damage; in `Photograph.kinds` 1 is the first of them and 0 is none."""

TINTS = DAMAGES[-3:]
"""Those that leave the picture visible below them; where another is, it is lost."""

PAPER_GONE = tuple(DAMAGES.index(name) + 1 for name in ("tear", "hole"))
"""Those that are damage whatever they look like."""


class Photograph:
    """One picture (1, 3, H, W) in [0, 1], its clean twin, its clean twin in the aged tones, and its damage.

    `sound` is a third twin, which ages as the photograph does, grain and all, but is never hurt.

    Args:
        strength: what every amount and every chance is multiplied by.
        damage: off lets nothing hurt it.
        unit: pixels that one pixel of a usual scan is here; by its shorter side unless given.
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
        self.image = self.sound = self.clean = self.toned = image
        self.kinds = torch.zeros_like(image[:, :1], dtype=torch.uint8)
        self.generator, self.strength, self.damage = generator, strength, damage
        self.steps: list[dict[str, Any]] = []
        height, width = image.shape[-2:]
        self.side = min(height, width)
        self.unit = unit or max(1.0, self.side / 1000)
        self.squares = height * width / (256 * self.unit) ** 2  # how much room there is for dust

    def number(self, low: float, high: float) -> float:
        """A number between `low` and `high`."""
        drawn = torch.rand((), generator=self.generator, device=self.generator.device).item()
        return round(low + (high - low) * drawn, 4)

    def amount(self, low: float, high: float) -> float:
        """How much: between `low` and `high`, times the strength."""
        return round(self.number(low, high) * self.strength, 4)

    def some(self, low: float, high: float) -> int:
        """How many, at least one: between `low` and `high`, times the strength."""
        return max(1, round(self.amount(low, high)))

    def pixels(self, low: float, high: float) -> float:
        """A width between `low` and `high` pixels of a usual scan."""
        return round(self.number(low, high) * self.unit, 4)

    def part(self, low: float, high: float) -> float:
        """A length in pixels, between `low` and `high` times the shorter side."""
        return round(self.number(low, high) * self.side, 4)

    def maybe(self, chance: float) -> bool:
        """Whether something happens: as often as `chance` times the strength, so never at strength 0."""
        return self.number(0, 0.9999) < chance * self.strength

    def pick(self, choices: Sequence[T]) -> T:
        """One of several."""
        return choices[int(self.number(0, 0.9999) * len(choices))]

    def make(self, change: Callable[..., Tensor], **how: Any) -> None:
        """Change what the photograph was when new: nothing to restore."""
        self.note(change, how)
        self.clean, self.toned = change(self.clean, **how), change(self.toned, **how)
        self.apply(change, how)

    def spoil(self, change: Callable[..., Tensor], **how: Any) -> None:
        """Change the texture."""
        self.note(change, how)
        self.apply(change, how)

    def shift(self, change: Callable[..., Tensor], **how: Any) -> None:
        """Change the tones, of the photograph and of its toned twin alike."""
        self.note(change, how)
        before = self.generator.get_state()
        self.toned = change(self.toned, **how)
        if "generator" in how:
            self.generator.set_state(before)
        self.apply(change, how)

    def apply(self, change: Callable[..., Tensor], how: dict[str, Any]) -> None:
        """Change the photograph and its sound twin alike."""
        before, hurt = self.generator.get_state(), self.sound is not self.image
        made = change(self.sound, **how)
        if hurt:
            self.generator.set_state(before)
            self.image = change(self.image, **how)
        else:
            self.image = made
        self.sound = made

    def hurt(self, damage: str, change: Callable[..., tuple[Tensor, Tensor]], **how: Any) -> None:
        """Damage the photograph, and mark where."""
        if not self.damage:
            return
        self.note(change, how)
        self.image, mask = change(self.image, generator=self.generator, **how)
        if damage in TINTS:
            mask = mask * ~lost(self.kinds)  # a stain does not bring back what is lost below it
        self.kinds = torch.where(mask > 0, DAMAGES.index(damage) + 1, self.kinds)

    def seen(self) -> Tensor:
        """`kinds`, but none where damage has faded, or gone under in grain, so far that nobody sees it.

        Seen is what is `SEEN` or more away from the sound twin.
        """
        plain = (self.image - self.sound).abs().amax(1, keepdim=True) >= SEEN
        for kind in PAPER_GONE:
            plain |= self.kinds == kind
        return torch.where(plain, self.kinds, 0)

    def note(self, change: Callable[..., Any], how: dict[str, Any]) -> None:
        said = {name: list(value) if isinstance(value, tuple) else value for name, value in how.items()}
        said.pop("generator", None)
        self.steps.append({"step": change.__name__, **said})


def lost(kinds: Tensor) -> Tensor:
    """Where the picture itself is gone, of `Photograph.kinds`; boolean."""
    return (kinds > 0) & (kinds <= len(DAMAGES) - len(TINTS))
