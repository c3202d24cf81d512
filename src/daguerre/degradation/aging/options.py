"""How whoever ages photographs says how."""

import zlib
from dataclasses import dataclass
from typing import Literal

from daguerre.options import check_range, option

__all__ = ["AgeOptions", "size_error"]

SMALLEST = 16  # pixels a side
LARGEST = 30_000_000  # pixels; ageing holds the picture whole, some 200 bytes a pixel


@dataclass(frozen=True, kw_only=True)
class AgeOptions:
    """How a photograph ages; the same seed gives the same damage."""

    kind: Literal["any", "studio", "snapshot", "colour-print", "newspaper", "ruin", "damaged"] = option(
        "any", "what it becomes: any is drawn at random; damaged leaves tone and texture alone"
    )
    strength: float = option(1.0, "how far: 0 leaves it as it was when new, 1 is usual, 2 ruins it")
    seed: int = option(0, "number that chance is drawn from")

    def __post_init__(self) -> None:
        check_range("strength", self.strength, 0, 4)
        check_range("seed", self.seed, 0, 2**63 - 1)

    def seed_of(self, name: str) -> int:
        """The seed of one of several pictures."""
        return zlib.crc32(f"{self.seed} {name}".encode())


def size_error(height: int, width: int) -> str | None:
    """Why a picture of this size in pixels cannot be aged, for people; nothing if it can."""
    if min(height, width) >= SMALLEST and height * width <= LARGEST:
        return None
    return (
        f"{width} x {height} pixels cannot be aged; at least {SMALLEST} a side, and at most {LARGEST // 1_000_000} "
        "million in all"
    )
