"""What happens to a photograph: each function draws how badly, and does it."""

from collections.abc import Callable

from daguerre.degradation.aging import paper_damage as paper
from daguerre.degradation.aging import surface_damage as marks
from daguerre.degradation.aging import texture, tone
from daguerre.degradation.aging.noise import Colour
from daguerre.degradation.aging.state import Photograph

__all__ = [
    "TONINGS",
    "camera",
    "copy",
    "cornered",
    "dusty",
    "folded",
    "foxed",
    "frayed",
    "hairy",
    "hands",
    "lettered",
    "pierced",
    "scratched",
    "spilled",
    "stained",
    "taped",
    "toned",
    "wet",
    "years",
]

TONINGS: dict[str, tuple[Colour, Colour]] = {  # the colours of black and of white
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
SPILT: list[Colour] = [*BROWNS, (0.42, 0.30, 0.20), (0.55, 0.54, 0.50), (0.85, 0.80, 0.55), (0.35, 0.38, 0.55)]


def toned(p: Photograph, names: list[str], low: float, high: float) -> None:
    """Tone the photograph when new, between `low` and `high` of the way."""
    shadow, light = TONINGS[p.pick(names)]
    p.make(tone.sepia, strength=p.number(low, high), shadow=shadow, light=light)


def camera(p: Photograph, *, blur: float, grain: float, coloured: bool = False) -> None:
    """Blur up to `blur` pixels, grain up to `grain`."""
    p.spoil(texture.blur, sigma=p.strength * p.pixels(0.2, blur))
    p.spoil(
        texture.grain,
        strength=p.amount(0.15 * grain, grain),
        size=p.pixels(0.3, 1.1),
        coloured=coloured,
        generator=p.generator,
    )


def years(p: Photograph, *, lift: float, dull: float, stain: float) -> None:
    """Fade, yellow and darken unevenly, up to what is given."""
    if p.maybe(0.4):
        p.shift(tone.vignette, strength=p.amount(0.1, 0.5), start=p.number(0.2, 0.6))
    if p.maybe(0.5):
        p.shift(tone.uneven_exposure, strength=p.amount(0.05, 0.3), generator=p.generator)
    p.shift(tone.fade, lift=p.amount(-0.2 * lift, lift), dull=p.amount(-0.4 * dull, dull), wash=p.amount(-0.1, 0.35))
    p.shift(tone.yellow, strength=p.amount(0.05 * stain, stain))


def hands(p: Photograph, chances: dict[Callable[[Photograph], None], float]) -> None:
    """Let each of some things happen, or not."""
    for happening, chance in chances.items():
        if p.maybe(chance):
            happening(p)


def copy(p: Photograph, *, grey: float) -> None:
    """Scan the photograph: a little noisy and compressed, sometimes small; in grey with the chance `grey`."""
    if p.number(0, 1) < grey:
        p.make(tone.monochrome)
    if p.maybe(0.3):
        p.spoil(texture.low_resolution, factor=1 + p.strength * p.unit * p.number(0, 1))
    if p.maybe(0.6):
        p.spoil(texture.noise, strength=p.amount(0.003, 0.03), generator=p.generator)
    if p.maybe(0.08):
        p.spoil(texture.salt_and_pepper, amount=p.amount(0.0005, 0.004), generator=p.generator)
    if p.maybe(0.7):
        p.spoil(texture.compress, quality=max(20, round(96 - p.amount(0, 50))))


def scratched(p: Photograph) -> None:
    for _ in range(p.some(0.5, 2.5)):
        length, width, count, curve, broken = p.pick(
            [
                (p.part(0.1, 0.6), p.pixels(0.5, 1.2), p.some(4, 20), 0.2, p.number(0.2, 0.7)),  # hairlines
                (p.part(0.5, 1.6), p.pixels(0.9, 2.2), p.some(1, 4), 0.6, p.number(0, 0.4)),
                (p.part(0.1, 0.5), p.pixels(2, 5), p.some(1, 2), 1.2, p.number(0, 0.3)),  # gouges
            ]
        )
        p.hurt(
            "scratch",
            marks.scratches,
            count=count,
            length=length,
            width=width,
            ink=p.pick([WHITE, WHITE, PAPER, PAPER, GREY, DARK]),
            opacity=p.number(0.4, 1),
            angle=p.pick([None, None, 90.0, p.number(0, 180)]),
            curve=curve,
            broken=broken,
        )


def dusty(p: Photograph) -> None:
    for _ in range(p.some(1, 2)):
        p.hurt(
            "dust",
            marks.dust,
            count=round(p.squares * p.some(3, 40)) + 1,
            radius=p.pixels(0.6, 2.5),
            ink=p.pick([WHITE, WHITE, PAPER, DARK]),
            opacity=p.number(0.5, 1),
        )


def hairy(p: Photograph) -> None:
    p.hurt(
        "fibre",
        marks.fibres,
        count=p.some(1, 4),
        length=p.pixels(20, 120),
        width=p.pixels(0.6, 1.6),
        ink=p.pick([WHITE, DARK, DARK]),
        opacity=p.number(0.4, 0.9),
    )


def lettered(p: Photograph) -> None:
    p.hurt(
        "writing",
        marks.writing,
        height=p.part(0.02, 0.05),
        letters=p.some(6, 16),
        ink=p.pick([WHITE, BLACK, BLUE]),
        opacity=p.number(0.6, 0.95),
    )


def foxed(p: Photograph) -> None:
    count = round(p.squares * p.some(2, 12)) + 1
    p.hurt("stain", marks.spots, count=count, radius=p.pixels(2, 9), ink=p.pick(BROWNS), opacity=p.number(0.3, 0.8))


def stained(p: Photograph) -> None:
    p.hurt("stain", paper.stain, radius=p.part(0.08, 0.4), ink=p.pick(BROWNS), opacity=p.amount(0.25, 0.8))


def spilled(p: Photograph) -> None:
    """Drops and puddles of coffee, glue, oil or ink, sharper than most stains."""
    for _ in range(p.some(1, 4)):
        p.hurt(
            "stain",
            paper.stain,
            radius=p.part(0.02, 0.25),
            ink=p.pick(SPILT),
            opacity=p.amount(0.15, 0.9),
            soft=p.number(0.03, 1),
        )


def wet(p: Photograph) -> None:
    p.hurt("water", paper.tide_line, radius=p.part(0.2, 0.6), width=p.pixels(1.5, 5), opacity=p.amount(0.3, 0.8))


def taped(p: Photograph) -> None:
    p.hurt("tape", paper.tape, width=p.part(0.06, 0.14), length=p.part(0.3, 0.8), opacity=p.number(0.35, 0.9))


def folded(p: Photograph) -> None:
    for _ in range(p.some(0.5, 2.5)):
        p.hurt(
            "crease",
            paper.crease,
            width=p.pixels(1, 4),
            lost=p.number(0.2, 0.95),
            shade=p.amount(0.03, 0.15),
            angle=p.pick([None, 0.0, 90.0]),
            paper=p.pick([WHITE, PAPER]),
        )


def cornered(p: Photograph) -> None:
    for _ in range(p.some(0.5, 2)):
        p.hurt("tear", paper.torn_corner, size=p.part(0.05, 0.2), rim=p.pixels(1.5, 6), paper=WHITE, backing=backing(p))


def frayed(p: Photograph) -> None:
    p.hurt("tear", paper.torn_edge, depth=p.part(0.005, 0.03), rim=p.pixels(0.7, 3), paper=WHITE, backing=backing(p))


def pierced(p: Photograph) -> None:
    for _ in range(p.some(0.5, 2.5)):
        p.hurt("hole", paper.hole, radius=p.part(0.008, 0.05), rim=p.pixels(1, 3), paper=WHITE, backing=backing(p))


def backing(p: Photograph) -> Colour:
    """What the print lay on: the scanner's black or white lid, or grey card."""
    return p.pick([BLACK, WHITE, GREY])
