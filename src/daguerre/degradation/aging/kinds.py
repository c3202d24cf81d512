"""Kinds of old photographs: each says how they were made, kept, handled and scanned."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from daguerre.degradation.aging import texture, tone
from daguerre.degradation.aging.events import (
    TONINGS,
    add_scratches,
    apply_events,
    capture,
    fade_over_years,
    scan,
    tone_print,
)
from daguerre.degradation.aging.noise import Colour
from daguerre.degradation.aging.state import Photograph, lost_pixels

__all__ = ["KINDS", "Aged", "age"]


@dataclass(frozen=True)
class Aged:
    """An aged photograph and the ground truth for its restoration.

    Args:
        image: the aged photograph (1, 3, H, W) in [0, 1].
        clean: what a perfect restoration could know, (1, 3, H, W): in color if some is left, else neutral, or toned as
            when new; always with the tones its emulsion recorded.
        toned: `clean` with the changes of tone only (fading, stain, uneven light, silver mirroring): the target of a
            restoration without tone correction, (1, 3, H, W).
        kinds: the damage of each pixel, (1, 1, H, W) uint8: 0 none, else 1 + its index in `DAMAGES`; the latest one,
            but a stain never replaces lost pixels, and invisible damage, such as a scratch hidden by grain, is 0.
        record: what was done, in order, with its parameters, as JSON values.
    """

    image: Tensor
    clean: Tensor
    toned: Tensor
    kinds: Tensor
    record: dict[str, Any]

    @property
    def mask(self) -> Tensor:
        """Mask of structured damage: (1, 1, H, W), 1 = damaged."""
        return (self.kinds > 0).to(self.image.dtype)

    @property
    def lost(self) -> Tensor:
        """Mask of damage that hides the picture completely: scratches, tears, but not stains; as `mask`."""
        return lost_pixels(self.kinds).to(self.image.dtype)


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

    Grain, scratches and dust are as wide in pixels as in a typical scan, 1000 pixels on the shorter side, so that a
    crop looks like a crop of one; on larger pictures they grow. Folds, stains and tears scale with the picture.

    Args:
        image: one picture (1, 3, H, W) in [0, 1] of at least 16 x 16 pixels.
        seed: a number, or a generator.
        kind: a name in `KINDS`, or "any" for a random one, never "damaged", which changes neither tones nor texture and
            is meant for photographs that are old already.
        strength: scales amounts and probabilities; 0 is as new, 1 typical, 2 ruined.
        damage: False leaves out scratches, dust, tears and the like: only tones and texture change.
        unit: pixels here per pixel of a typical scan; by default from the shorter side; give it for a crop.

    Raises:
        ValueError: more than one picture, one too small, an unknown kind, or a negative strength.
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
        kind = old.choose(USUAL)
    KINDS[kind](old)
    record = {"kind": kind, "strength": strength, "steps": old.steps}
    return Aged(image=old.image, clean=old.clean, toned=old.toned, kinds=old.visible_kinds(), record=record)


def studio_portrait(p: Photograph) -> None:
    """A studio portrait of 1860 to 1915: toned brown or purple, soft, faded, yellowed, foxed, often ending in white."""
    p.change_original(tone.monochrome, emulsion=p.choose(["blue", "orthochromatic"]))
    tone_print(p, ["albumen", "sulphide", "gold", "copper", "olive"], 0.6, 1.0)
    capture(p, blur=1.3, grain=0.04)
    if p.uniform(0, 1) < 0.35:  # printed like this, through a mask, so nothing to undo
        p.change_original(tone.vignette, strength=p.uniform(0.7, 1), white=True, start=p.uniform(0.35, 0.6))
    fade_over_years(p, lift=0.22, dull=0.15, stain=0.6)
    apply_events(
        p, scratches=0.5, dust=0.7, foxing=0.45, stain=0.25, water=0.15, creases=0.2, torn_corners=0.15, torn_edges=0.2
    )
    scan(p, grey=0.3)


def snapshot(p: Photograph) -> None:
    """A snapshot of 1910 to 1955: gelatin silver, grainy, scratched in the negative and the print, mirrored silver."""
    p.change_original(tone.monochrome, emulsion=p.choose(["orthochromatic", "panchromatic"]))
    if p.happens(0.4):
        add_scratches(p)  # of the negative: they are printed, and age with the rest
    capture(p, blur=1.1, grain=0.07)
    tone_print(p, ["platinum", "sulphide", "olive"], 0.0, 0.7)
    if p.happens(0.5):
        p.change_tones(
            tone.silver_mirroring, strength=p.amount(0.25, 0.75), reach=p.uniform(0.1, 0.35), generator=p.generator
        )
    fade_over_years(p, lift=0.18, dull=0.12, stain=0.35)
    apply_events(p, scratches=0.7, dust=0.8, fibres=0.2, writing=0.12, creases=0.2, torn_corners=0.1, torn_edges=0.1)
    scan(p, grey=0.6)


def colour_print(p: Photograph) -> None:
    """A color print of 1960 to 1985: dyes faded unequally towards red or yellow, blacks lifted, colored grain."""
    capture(p, blur=1.1, grain=0.045, coloured=True)
    p.change_tones(tone.fade_dyes, cyan=p.amount(0.15, 0.7), magenta=p.amount(0, 0.3), yellow=p.amount(0, 0.4))
    gains: Colour = (1 + p.amount(-0.03, 0.05), 1 + p.amount(-0.08, 0.02), 1 + p.amount(-0.2, 0.02))
    p.change_tones(tone.cast, gains=gains)
    fade_over_years(p, lift=0.2, dull=0.1, stain=0.35)
    apply_events(p, scratches=0.45, dust=0.6, fibres=0.25, stain=0.15, creases=0.2, water=0.08, tape=0.06)
    scan(p, grey=0)


def newspaper(p: Photograph) -> None:
    """A picture cut from a newspaper: dots of ink on brown paper, folded, never dark."""
    p.change_original(tone.monochrome, emulsion="panchromatic")
    p.degrade(
        texture.halftone,
        strength=p.amount(0.55, 1),
        period=p.pixels(3, 5.5),
        angle=p.choose([45.0, 30.0, p.uniform(0, 90)]),
    )
    p.degrade(texture.blur, sigma=p.strength * p.pixels(0.4, 0.9))  # ink spreads
    p.degrade(texture.speckle, strength=p.amount(0.02, 0.08), generator=p.generator)
    fade_over_years(p, lift=0.28, dull=0.15, stain=0.9)
    apply_events(
        p, scratches=0.1, dust=0.3, stain=0.25, water=0.15, creases=0.5, torn_edges=0.3, tape=0.12, writing=0.08
    )
    scan(p, grey=0.5)


def ruin(p: Photograph) -> None:
    """A print that was folded, torn, wetted and repaired; little of it is whole."""
    p.change_original(tone.monochrome, emulsion=p.choose(["blue", "orthochromatic", "panchromatic"]))
    tone_print(p, list(TONINGS), 0.0, 1.0)
    capture(p, blur=1.2, grain=0.06)
    fade_over_years(p, lift=0.25, dull=0.15, stain=0.6)
    apply_events(p, foxing=0.3, stain=0.5, water=0.35, tape=0.3, writing=0.25, fibres=0.25, holes=0.3)
    apply_events(p, creases=0.95, torn_corners=0.6, torn_edges=0.6, scratches=0.95, dust=0.9)
    scan(p, grey=0.4)


def damage_alone(p: Photograph) -> None:
    """Only damage, on the photograph as it is; a gray photograph stays gray."""
    grey = bool((p.image == p.image[:, :1]).all())
    apply_events(p, scratches=0.9, dust=0.6, fibres=0.3, foxing=0.1, stain=0.15, water=0.12, tape=0.1, writing=0.12)
    apply_events(p, scratches=0.5, creases=0.35, torn_corners=0.15, torn_edges=0.15, holes=0.12)
    if grey:
        p.degrade(tone.monochrome)


KINDS: dict[str, Callable[[Photograph], None]] = {
    "studio": studio_portrait,
    "snapshot": snapshot,
    "colour-print": colour_print,
    "newspaper": newspaper,
    "ruin": ruin,
    "damaged": damage_alone,
}
"""The kinds of old photographs, by name, for `age`."""

USUAL = ["studio"] * 3 + ["snapshot"] * 4 + ["colour-print"] * 2 + ["newspaper"] + ["ruin"] * 2
"""Kinds that "any" draws from, about as frequent as in a family's drawer."""
