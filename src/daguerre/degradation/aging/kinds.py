"""Whole photographs aged as old photographs are: each kind is a story of how it was made, kept, handled and copied."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from daguerre.degradation.aging import texture, tone
from daguerre.degradation.aging.events import (
    TONINGS,
    camera,
    copy,
    cornered,
    dusty,
    folded,
    foxed,
    frayed,
    hairy,
    hands,
    lettered,
    pierced,
    scratched,
    stained,
    taped,
    toned,
    wet,
    years,
)
from daguerre.degradation.aging.noise import Colour
from daguerre.degradation.aging.state import Photograph, lost

__all__ = ["KINDS", "Aged", "age"]


@dataclass(frozen=True)
class Aged:
    """An aged photograph and what a restoration of it is compared with.

    Args:
        image: the aged photograph (1, 3, H, W) in [0, 1].
        clean: what a perfect restoration could know, (1, 3, H, W): in colour where some is left, else neutral, or toned
            as it was when new; always as its emulsion saw it.
        toned: `clean` with the changes of tone alone, fading, stain, uneven light, silver mirroring: what is wanted of
            a restoration that leaves the tones to another, (1, 3, H, W).
        kinds: the damage of each pixel, (1, 1, H, W) uint8: 0 none, else 1 + its place in `DAMAGES`; the last one done,
            but no tint over what is lost, and none where it is no longer seen, as a scratch in a negative under grain.
        record: what was done, in order, with its parameters, as JSON has it.
    """

    image: Tensor
    clean: Tensor
    toned: Tensor
    kinds: Tensor
    record: dict[str, Any]

    @property
    def mask(self) -> Tensor:
        """Where structured damage is: (1, 1, H, W), 1 = damaged."""
        return (self.kinds > 0).to(self.image.dtype)

    @property
    def lost(self) -> Tensor:
        """Where damage leaves nothing of the picture to be seen: scratches, tears, but not stains; as `mask`."""
        return lost(self.kinds).to(self.image.dtype)


def age(
    image: Tensor,
    *,
    seed: int | torch.Generator,
    kind: str = "any",
    strength: float = 1.0,
    damage: bool = True,
    unit: float | None = None,
) -> Aged:
    """Age a photograph; the same seed gives the same bytes.

    Grain, scratches and dust are as wide in pixels as in a usual scan, 1000 pixels on the shorter side, so that a crop
    looks like a crop of one; on larger pictures they grow. Folds, stains and tears are as large as the picture asks.

    Args:
        image: one picture (1, 3, H, W) in [0, 1] of at least 16 x 16 pixels.
        seed: a number, or a generator to draw from.
        kind: a name in `KINDS`, or "any" for one drawn at random; that never is "damaged", which leaves tone and
            texture alone and is meant for photographs that are old already.
        strength: scales amounts and chances; 0 leaves the photograph as it was when new, 1 is usual, 2 is ruined.
        damage: off leaves out scratches, dust, tears and the like: only tones and texture change.
        unit: pixels that one of a usual scan is here; by the shorter side unless given, for a piece of a larger scan.

    Raises:
        ValueError: for several pictures, one too small, an unknown kind, or a negative strength.
    """
    if image.shape[:2] != (1, 3) or min(image.shape[-2:]) < 16:
        raise ValueError(f"one picture (1, 3, H, W) of at least 16 x 16 pixels can be aged, not {tuple(image.shape)}")
    if kind not in ("any", *KINDS):
        raise ValueError(f"no kind {kind!r} of old photograph; there are any, {', '.join(KINDS)}")
    if strength < 0:
        raise ValueError(f"strength is {strength}; it must be 0 or more")
    generator = seed if isinstance(seed, torch.Generator) else torch.Generator().manual_seed(seed)
    old = Photograph(image, generator, strength, damage=damage, unit=unit)
    if kind == "any":
        kind = old.pick(USUAL)
    KINDS[kind](old)
    record = {"kind": kind, "strength": strength, "steps": old.steps}
    return Aged(image=old.image, clean=old.clean, toned=old.toned, kinds=old.seen(), record=record)


def studio(p: Photograph) -> None:
    """A studio portrait of 1860 to 1915: toned brown or purple, soft, faded, yellowed, foxed, often ending in white."""
    p.make(tone.monochrome, emulsion=p.pick(["blue", "orthochromatic"]))
    toned(p, ["albumen", "sulphide", "gold", "copper", "olive"], 0.6, 1.0)
    camera(p, blur=1.3, grain=0.04)
    if p.number(0, 1) < 0.35:  # printed so through a mask, so nothing to undo
        p.make(tone.vignette, strength=p.number(0.7, 1), white=True, start=p.number(0.35, 0.6))
    years(p, lift=0.22, dull=0.15, stain=0.6)
    hands(
        p, {scratched: 0.5, dusty: 0.7, foxed: 0.45, stained: 0.25, wet: 0.15, folded: 0.2, cornered: 0.15, frayed: 0.2}
    )
    copy(p, grey=0.3)


def snapshot(p: Photograph) -> None:
    """A snapshot of 1910 to 1955: gelatin silver, grainy, scratched in the negative and the print, mirrored silver."""
    p.make(tone.monochrome, emulsion=p.pick(["orthochromatic", "panchromatic"]))
    if p.maybe(0.4):
        scratched(p)  # the negative was: its scratches are printed, and age with the rest
    camera(p, blur=1.1, grain=0.07)
    toned(p, ["platinum", "sulphide", "olive"], 0.0, 0.7)
    if p.maybe(0.5):
        p.shift(tone.silver_mirroring, strength=p.amount(0.25, 0.75), reach=p.number(0.1, 0.35), generator=p.generator)
    years(p, lift=0.18, dull=0.12, stain=0.35)
    hands(p, {scratched: 0.7, dusty: 0.8, hairy: 0.2, lettered: 0.12, folded: 0.2, cornered: 0.1, frayed: 0.1})
    copy(p, grey=0.6)


def colour_print(p: Photograph) -> None:
    """A colour print of 1960 to 1985: dyes faded unequally towards red or yellow, blacks lifted, coloured grain."""
    camera(p, blur=1.1, grain=0.045, coloured=True)
    p.shift(tone.fade_dyes, cyan=p.amount(0.15, 0.7), magenta=p.amount(0, 0.3), yellow=p.amount(0, 0.4))
    gains: Colour = (1 + p.amount(-0.03, 0.05), 1 + p.amount(-0.08, 0.02), 1 + p.amount(-0.2, 0.02))
    p.shift(tone.cast, gains=gains)
    years(p, lift=0.2, dull=0.1, stain=0.35)
    hands(p, {scratched: 0.45, dusty: 0.6, hairy: 0.25, stained: 0.15, folded: 0.2, wet: 0.08, taped: 0.06})
    copy(p, grey=0)


def newspaper(p: Photograph) -> None:
    """A picture cut from a newspaper: dots of ink on brown paper, folded, never dark."""
    p.make(tone.monochrome, emulsion="panchromatic")
    p.spoil(
        texture.halftone,
        strength=p.amount(0.55, 1),
        period=p.pixels(3, 5.5),
        angle=p.pick([45.0, 30.0, p.number(0, 90)]),
    )
    p.spoil(texture.blur, sigma=p.strength * p.pixels(0.4, 0.9))  # ink spreads
    p.spoil(texture.speckle, strength=p.amount(0.02, 0.08), generator=p.generator)
    years(p, lift=0.28, dull=0.15, stain=0.9)
    hands(
        p, {scratched: 0.1, dusty: 0.3, stained: 0.25, wet: 0.15, folded: 0.5, frayed: 0.3, taped: 0.12, lettered: 0.08}
    )
    copy(p, grey=0.5)


def ruin(p: Photograph) -> None:
    """A print that was folded, torn, wetted and mended; little of it is whole."""
    p.make(tone.monochrome, emulsion=p.pick(["blue", "orthochromatic", "panchromatic"]))
    toned(p, list(TONINGS), 0.0, 1.0)
    camera(p, blur=1.2, grain=0.06)
    years(p, lift=0.25, dull=0.15, stain=0.6)
    hands(p, {foxed: 0.3, stained: 0.5, wet: 0.35, taped: 0.3, lettered: 0.25, hairy: 0.25, pierced: 0.3})
    hands(p, {folded: 0.95, cornered: 0.6, frayed: 0.6, scratched: 0.95, dusty: 0.9})
    copy(p, grey=0.4)


def damaged(p: Photograph) -> None:
    """Damage alone, on the photograph as it is; a grey photograph stays grey."""
    grey = bool((p.image == p.image[:, :1]).all())
    hands(p, {scratched: 0.9, dusty: 0.6, hairy: 0.3, foxed: 0.1, stained: 0.15, wet: 0.12, taped: 0.1, lettered: 0.12})
    hands(p, {scratched: 0.5, folded: 0.35, cornered: 0.15, frayed: 0.15, pierced: 0.12})
    if grey:
        p.spoil(tone.monochrome)


KINDS: dict[str, Callable[[Photograph], None]] = {
    "studio": studio,
    "snapshot": snapshot,
    "colour-print": colour_print,
    "newspaper": newspaper,
    "ruin": ruin,
    "damaged": damaged,
}
"""The kinds of old photograph, by the names that `age` takes."""

USUAL = ["studio"] * 3 + ["snapshot"] * 4 + ["colour-print"] * 2 + ["newspaper"] + ["ruin"] * 2
"""What "any" draws from: about as often as they lie in a drawer."""
