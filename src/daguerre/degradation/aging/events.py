"""Aging events: each function draws random parameters and applies one effect to the photograph `p`."""

from collections.abc import Callable

from torch import Tensor

from daguerre.degradation.aging import paper_damage as paper
from daguerre.degradation.aging import surface_damage as marks
from daguerre.degradation.aging import texture, tone
from daguerre.degradation.aging.noise import Colour
from daguerre.degradation.aging.state import Photograph

__all__ = ["EVENTS", "TONINGS", "add_scratches", "apply_events", "capture", "fade_over_years", "scan", "tone_print"]

TONINGS: dict[str, tuple[Colour, Colour]] = {  # the colors of black and of white
    "albumen": ((0.20, 0.12, 0.06), (0.96, 0.89, 0.74)),
    "sulphide": ((0.17, 0.09, 0.06), (0.98, 0.92, 0.82)),
    "gold": ((0.22, 0.11, 0.13), (0.96, 0.90, 0.86)),
    "copper": ((0.24, 0.09, 0.06), (0.97, 0.88, 0.82)),
    "olive": ((0.14, 0.12, 0.05), (0.95, 0.91, 0.74)),
    "platinum": ((0.09, 0.08, 0.07), (0.95, 0.93, 0.89)),
}

WHITE, PAPER, GREY = (0.97, 0.96, 0.93), (0.90, 0.86, 0.78), (0.70, 0.68, 0.64)
DARK, BLACK, BLUE = (0.16, 0.14, 0.12), (0.05, 0.05, 0.05), (0.12, 0.13, 0.30)
BROWNS: list[Colour] = [(0.72, 0.56, 0.36), (0.78, 0.66, 0.44), (0.62, 0.50, 0.38)]
SPILLS: list[Colour] = [*BROWNS, (0.42, 0.30, 0.20), (0.55, 0.54, 0.50), (0.85, 0.80, 0.55), (0.35, 0.38, 0.55)]


def tone_print(p: Photograph, names: list[str], low: float, high: float) -> None:
    """Tone the photograph when new, with a strength between `low` and `high`."""
    shadow, light = TONINGS[p.choose(names)]
    p.change_original(tone.sepia, strength=p.uniform(low, high), shadow=shadow, light=light)


def capture(p: Photograph, *, blur: float, grain: float, coloured: bool = False) -> None:
    """Capture on film: blur up to `blur` pixels, grain up to `grain`."""
    p.degrade(texture.blur, sigma=p.strength * p.pixels(0.2, blur))
    p.degrade(
        texture.grain,
        strength=p.amount(0.15 * grain, grain),
        size=p.pixels(0.3, 1.1),
        coloured=coloured,
        generator=p.generator,
    )


def fade_over_years(p: Photograph, *, lift: float, dull: float, stain: float) -> None:
    """Fade, yellow and darken unevenly, up to the given amounts."""
    if p.happens(0.4):
        p.change_tones(tone.vignette, strength=p.amount(0.1, 0.5), start=p.uniform(0.2, 0.6))
    if p.happens(0.5):
        p.change_tones(tone.uneven_exposure, strength=p.amount(0.05, 0.3), generator=p.generator)
    p.change_tones(
        tone.fade, lift=p.amount(-0.2 * lift, lift), dull=p.amount(-0.4 * dull, dull), wash=p.amount(-0.1, 0.35)
    )
    p.change_tones(tone.yellow, strength=p.amount(0.05 * stain, stain))


def apply_events(p: Photograph, **probabilities: float) -> None:
    """Apply each named event of `EVENTS` with its probability, in order."""
    for name, probability in probabilities.items():
        if p.happens(probability):
            EVENTS[name](p)


def scan(p: Photograph, *, grey: float) -> None:
    """Scan the photograph: slightly noisy and compressed, sometimes small; in gray with probability `grey`."""
    if p.uniform(0, 1) < grey:
        p.change_original(tone.monochrome)
    if p.happens(0.3):
        p.degrade(texture.low_resolution, factor=1 + p.strength * p.unit * p.uniform(0, 1))
    if p.happens(0.6):
        p.degrade(texture.noise, strength=p.amount(0.003, 0.03), generator=p.generator)
    if p.happens(0.08):
        p.degrade(texture.salt_and_pepper, amount=p.amount(0.0005, 0.004), generator=p.generator)
    if p.happens(0.7):
        p.degrade(texture.compress, quality=max(20, round(96 - p.amount(0, 50))))


def add_scratches(p: Photograph) -> None:
    for _ in range(p.count(0.5, 2.5)):
        length, width, count, curve, broken = p.choose(
            [
                (p.of_side(0.1, 0.6), p.pixels(0.5, 1.2), p.count(4, 20), 0.2, p.uniform(0.2, 0.7)),  # hairlines
                (p.of_side(0.5, 1.6), p.pixels(0.9, 2.2), p.count(1, 4), 0.6, p.uniform(0, 0.4)),
                (p.of_side(0.1, 0.5), p.pixels(2, 5), p.count(1, 2), 1.2, p.uniform(0, 0.3)),  # gouges
            ]
        )
        p.add_damage(
            "scratch",
            marks.scratches,
            count=count,
            length=length,
            width=width,
            ink=p.choose([WHITE, WHITE, PAPER, PAPER, GREY, DARK]),
            opacity=p.uniform(0.4, 1),
            angle=p.choose([None, None, 90.0, p.uniform(0, 180)]),
            curve=curve,
            broken=broken,
        )


def add_dust(p: Photograph) -> None:
    for _ in range(p.count(1, 2)):
        p.add_damage(
            "dust",
            marks.dust,
            count=round(p.squares * p.count(3, 40)) + 1,
            radius=p.pixels(0.6, 2.5),
            ink=p.choose([WHITE, WHITE, PAPER, DARK]),
            opacity=p.uniform(0.5, 1),
        )


def add_fibres(p: Photograph) -> None:
    p.add_damage(
        "fibre",
        marks.fibres,
        count=p.count(1, 4),
        length=p.pixels(20, 120),
        width=p.pixels(0.6, 1.6),
        ink=p.choose([WHITE, DARK, DARK]),
        opacity=p.uniform(0.4, 0.9),
    )


def add_writing(p: Photograph) -> None:
    p.add_damage(
        "writing",
        marks.writing,
        height=p.of_side(0.02, 0.05),
        letters=p.count(6, 16),
        ink=p.choose([WHITE, BLACK, BLUE]),
        opacity=p.uniform(0.6, 0.95),
    )


def add_foxing(p: Photograph) -> None:
    count = round(p.squares * p.count(2, 12)) + 1
    p.add_damage(
        "stain", marks.spots, count=count, radius=p.pixels(2, 9), ink=p.choose(BROWNS), opacity=p.uniform(0.3, 0.8)
    )


def add_stain(p: Photograph) -> None:
    p.add_damage("stain", paper.stain, radius=p.of_side(0.08, 0.4), ink=p.choose(BROWNS), opacity=p.amount(0.25, 0.8))


def add_spills(p: Photograph) -> None:
    """Drops and puddles of coffee, glue, oil or ink, sharper than most stains."""
    for _ in range(p.count(1, 4)):
        p.add_damage(
            "stain",
            paper.stain,
            radius=p.of_side(0.02, 0.25),
            ink=p.choose(SPILLS),
            opacity=p.amount(0.15, 0.9),
            soft=p.uniform(0.03, 1),
        )


def add_tide_line(p: Photograph) -> None:
    p.add_damage(
        "water", paper.tide_line, radius=p.of_side(0.2, 0.6), width=p.pixels(1.5, 5), opacity=p.amount(0.3, 0.8)
    )


def add_tape(p: Photograph) -> None:
    p.add_damage(
        "tape", paper.tape, width=p.of_side(0.06, 0.14), length=p.of_side(0.3, 0.8), opacity=p.uniform(0.35, 0.9)
    )


def add_creases(p: Photograph) -> None:
    for _ in range(p.count(0.5, 2.5)):
        p.add_damage(
            "crease",
            paper.crease,
            width=p.pixels(1, 4),
            lost=p.uniform(0.2, 0.95),
            shade=p.amount(0.03, 0.15),
            angle=p.choose([None, 0.0, 90.0]),
            paper=p.choose([WHITE, PAPER]),
        )


def tear_corners(p: Photograph) -> None:
    for _ in range(p.count(0.5, 2)):
        tear_away(p, "tear", paper.torn_corner, size=p.of_side(0.05, 0.2), rim=p.pixels(1.5, 6))


def fray_edges(p: Photograph) -> None:
    tear_away(p, "tear", paper.torn_edge, depth=p.of_side(0.005, 0.03), rim=p.pixels(0.7, 3))


def add_holes(p: Photograph) -> None:
    for _ in range(p.count(0.5, 2.5)):
        tear_away(p, "hole", paper.hole, radius=p.of_side(0.008, 0.05), rim=p.pixels(1, 3))


def tear_away(p: Photograph, damage: str, change: Callable[..., tuple[Tensor, Tensor]], **size: float) -> None:
    """Tear paper away: its white core shows, and the backing, a scanner's black or white lid or gray card."""
    p.add_damage(damage, change, **size, paper=WHITE, backing=p.choose([BLACK, WHITE, GREY]))


EVENTS: dict[str, Callable[[Photograph], None]] = {
    "scratches": add_scratches,
    "dust": add_dust,
    "fibres": add_fibres,
    "writing": add_writing,
    "foxing": add_foxing,
    "stain": add_stain,
    "spills": add_spills,
    "water": add_tide_line,
    "tape": add_tape,
    "creases": add_creases,
    "torn_corners": tear_corners,
    "torn_edges": fray_edges,
    "holes": add_holes,
}
"""Events that may happen to a print, by name, for `apply_events`."""
