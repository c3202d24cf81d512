"""Options of aging."""

import zlib
from dataclasses import dataclass
from typing import ClassVar, Literal

from daguerre.options import check_range, option

__all__ = ["AgeOptions", "size_error"]

SMALLEST = 16  # pixels a side
LARGEST = 30_000_000  # pixels; aging holds the whole picture in memory, some 200 bytes per pixel


@dataclass(frozen=True, kw_only=True)
class AgeOptions:
    """How a photograph ages; the same seed gives the same damage."""

    task: ClassVar[str] = "age"

    kind: Literal["any", "studio", "snapshot", "colour-print", "newspaper", "ruin", "damaged"] = option(
        "any", "kind of old photograph; any: random; damaged: only damage, tones and texture unchanged"
    )
    strength: float = option(1.0, "amount of aging: 0 as new, 1 typical, 2 ruined")
    seed: int = option(0, "random seed")

    def __post_init__(self) -> None:
        check_range("strength", self.strength, 0, 4)
        check_range("seed", self.seed, 0, 2**63 - 1)

    def seed_of(self, name: str) -> int:
        """Seed for one of several pictures, derived from its name."""
        return zlib.crc32(f"{self.seed} {name}".encode())


def size_error(height: int, width: int) -> str | None:
    """Error message if a picture of this size in pixels cannot be aged; None if it can."""
    if min(height, width) >= SMALLEST and height * width <= LARGEST:
        return None
    return (
        f"{width} x {height} pixels cannot be aged; at least {SMALLEST} a side, and at most {LARGEST // 1_000_000} "
        "million in all"
    )
