"""Damage of real photographs that is detected, and false detections.

    python -m benchmarks.quality.real_damage FOLDER                  as detected by `daguerre scratches`
    python -m benchmarks.quality.real_damage FOLDER --masks masks/   masks made before: photo.png or photo-scratches.png
    python -m benchmarks.quality.real_damage FOLDER --half end       the test half, only for the end
    python -m benchmarks.quality.real_damage FOLDER --show drawn/    draws the marks made by hand over the photographs

FOLDER holds the photographs, in any subfolder; benchmarks/real_damage/ has the marks made by hand.

A mark is found if at least half of it is covered: for a line, the length with a pixel of the mask within 2 pixels or
half the line's width; for a spot or an area, the pixels with one within 2 pixels. A pixel of the mask is false if it is
more than 3 pixels away from all marked damage: filling needs a rim of two, and hand marks err by one. In uncertain
areas no pixel is false. A look-alike is hit if more than 5 % of its pixels are marked and false.
"""

import argparse
import csv
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from daguerre.images import Picture
from daguerre.images.pixels import to_levels
from daguerre.tasks.restoration.damage_detection import ScratchDetector, read_mask

MARKS = Path(__file__).parents[1] / "real_damage"
SPECKS = ("speck", "pinhole", "dust")
DAMAGE = (
    *("scratch", "crack", "fold", "tear", "hole", "peeled", "corner", "edge", "fiber", "stain", "mold", "fingerprint"),
    *("writing", *SPECKS),
)
SOUND = ("caption", "border", "edge", "collar", "button", "cord", "pole", "window", "jewellery", "text", "other")
CLOSE, RIM = 2, 3  # pixels: to what is found; around damage, where marked pixels are right
HALF, HIT = 0.5, 0.05  # of a mark that must be covered; of a look-alike that may be
FINE = 4  # bits of a pixel in which OpenCV draws
COLOURS = {"damage": (230, 30, 30), "sound": (30, 200, 60), "unsure": (250, 200, 0)}
FOUND = (0, 200, 255)

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Mark:
    """Something seen in a photograph: a line, a spot or an area, in pixels from the top left corner (x, y)."""

    kind: str
    shape: str
    points: list[list[float]]
    width: float = 1  # of a line; twice a spot's radius

    @classmethod
    def read(cls, entry: dict[str, Any]) -> "Mark":
        """A mark of the file: a kind and a "line" with its "width", a "spot" with its "radius" or an "area"."""
        kind = entry.get("kind", "unsure")
        if "spot" in entry:
            return cls(kind, "spot", [entry["spot"]], 2 * entry["radius"])
        if "line" in entry:
            return cls(kind, "line", entry["line"], entry["width"])
        return cls(kind, "area", entry["area"])

    def draw(self, height: int, width: int) -> Mask:
        """The pixels that it covers."""
        canvas = np.zeros((height, width), np.uint8)
        corners = [np.round(np.array(self.points) * 2**FINE).astype(np.int32)]
        if self.shape == "spot":
            cv2.circle(canvas, corners[0][0].tolist(), round(self.width / 2 * 2**FINE), 1, cv2.FILLED, shift=FINE)
        elif self.shape == "line":
            cv2.polylines(canvas, corners, False, 1, max(round(self.width), 1), shift=FINE)
        else:
            cv2.fillPoly(canvas, corners, 1, shift=FINE)
        return canvas > 0

    def covered(self, distance: NDArray[np.float32]) -> float:
        """How much of it is covered, in [0, 1], by a mask that is `distance` (H, W) pixels away from each pixel."""
        if self.shape == "line":
            middle = Mark(self.kind, "line", self.points).draw(*distance.shape)
            return part(distance <= max(CLOSE, self.width / 2), middle)
        return part(distance <= CLOSE, self.draw(*distance.shape))


@dataclass(frozen=True)
class Marks:
    """What was marked by hand in one photograph."""

    file: str
    height: int
    width: int
    half: str
    damage: list[Mark]
    sound: list[Mark]
    unsure: list[Mark]

    @classmethod
    def load(cls, path: Path) -> "Marks":
        entry = json.loads(path.read_text(encoding="utf-8"))
        width, height = entry["size"]
        kinds = ([Mark.read(mark) for mark in entry[kind]] for kind in COLOURS)
        return cls(entry["file"], height, width, entry["half"], *kinds)

    def cover(self, marks: Iterable[Mark]) -> Mask:
        """The pixels that any of some marks covers."""
        canvas = np.zeros((self.height, self.width), np.bool_)
        for mark in marks:
            canvas |= mark.draw(self.height, self.width)
        return canvas


@dataclass
class Score:
    """What a mask finds of what was marked, in one photograph or many."""

    marks: Counter[str] = field(default_factory=Counter)  # by kind
    found: Counter[str] = field(default_factory=Counter)
    alike: Counter[str] = field(default_factory=Counter)  # sound look-alikes, by kind
    hit: Counter[str] = field(default_factory=Counter)
    marked: int = 0  # pixels of the mask, outside what is unsure
    sound: int = 0  # of these

    def __add__(self, other: "Score") -> "Score":
        return Score(*(getattr(self, name) + getattr(other, name) for name in Score.__dataclass_fields__))

    def recall(self, *, specks: bool) -> str:
        """How many marks were found, of specks or of all else."""
        marks, found = (
            sum(count for kind, count in counts.items() if (kind in SPECKS) == specks)
            for counts in (self.marks, self.found)
        )
        return f"{found} of {marks}"

    def row(self) -> dict[str, str]:
        """In words."""
        return {
            "damage": self.recall(specks=False),
            "specks": self.recall(specks=True),
            "look-alikes hit": f"{self.hit.total()} of {self.alike.total()}",
            "marked": f"{self.marked}",
            "sound": f"{100 * self.sound / max(self.marked, 1):.1f} %",
        }


def part(those: Mask, of: Mask) -> float:
    """The part of some pixels that are also among others."""
    return float(those[of].mean()) if of.any() else 0.0


def distance_to(mask: Mask) -> NDArray[np.float32]:
    """How many pixels each pixel is away from the nearest one of a mask."""
    if not mask.any():
        return np.full(mask.shape, np.inf, np.float32)
    return cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE).astype(np.float32)


def score(marks: Marks, mask: Mask) -> Score:
    """Compare a mask (H, W) with what was marked by hand."""
    away = distance_to(mask)
    counted = mask & ~marks.cover(marks.unsure)
    wrong = counted & (distance_to(marks.cover(marks.damage)) > RIM)
    return Score(
        marks=Counter(mark.kind for mark in marks.damage),
        found=Counter(mark.kind for mark in marks.damage if mark.covered(away) >= HALF),
        alike=Counter(mark.kind for mark in marks.sound),
        hit=Counter(mark.kind for mark in marks.sound if part(wrong, mark.draw(*mask.shape)) > HIT),
        marked=int(counted.sum()),
        sound=int(wrong.sum()),
    )


def load_marks(half: str = "all", folder: Path = MARKS) -> list[Marks]:
    """What was marked by hand in each photograph of a half."""
    every = [Marks.load(path) for path in sorted(folder.glob("*.json"))]
    return [marks for marks in every if half in ("all", marks.half)]


def find(folder: Path, *names: str) -> Path:
    """The file of one of several names in a folder or the folders in it."""
    for name in names:
        for path in sorted(folder.rglob(name)):
            return path
    raise SystemExit(f"{folder} has no {names[0]}")


def open_photograph(folder: Path, marks: Marks) -> Picture:
    picture = Picture.open(find(folder, marks.file))
    if (picture.width, picture.height) != (marks.width, marks.height):
        raise SystemExit(
            f"{picture.path} is {picture.width} x {picture.height} pixels, but was marked at {marks.width} x "
            f"{marks.height}"
        )
    return picture


def is_marked(made: Picture) -> Mask:
    marked: Mask = made.array() > 0
    return marked


def draw_over(picture: Picture, marks: Marks, mask: Mask | None = None, *, scale: int = 2) -> Picture:
    """A photograph, enlarged, in which what was marked by hand is outlined, and a mask, too."""
    levels = to_levels(picture.read(), 8)
    drawn = np.repeat(np.repeat(levels, scale, 0), scale, 1)
    for name, colour in COLOURS.items():
        for mark in getattr(marks, name):
            outline(drawn, mark.draw(marks.height, marks.width), colour)
    if mask is not None:
        outline(drawn, mask, FOUND)
    return Picture.from_array(drawn)


def outline(drawn: NDArray[np.uint8], mask: Mask, colour: tuple[int, int, int]) -> None:
    """Draw a line of one pixel around the pixels of a mask, on its enlarged photograph."""
    large = cv2.resize(mask.astype(np.uint8), drawn.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    drawn[cv2.dilate(large, np.ones((3, 3), np.uint8)) > large] = colour


def by_kind(counts: Counter[str], found: Counter[str], verb: str) -> Iterator[str]:
    """A line for each kind, the most frequent first."""
    for kind, count in counts.most_common():
        yield f"  {kind:<12}{found[kind]:>5} of {count:>4} {verb}"


def print_table(scores: dict[str, Score]) -> None:
    for name, each in scores.items():
        row = each.row()
        if name == next(iter(scores)):
            print(f"{'':<28}" + "".join(f"{column:>17}" for column in row))
        print(f"{name:<28}" + "".join(f"{value:>17}" for value in row.values()))


def write_table(scores: dict[str, Score], path: Path) -> None:
    """A row for each photograph: marks and what was found of them, by kind, and pixels."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        found = [column for kind in DAMAGE for column in (kind, f"{kind} found")]
        hit = [column for kind in SOUND for column in (f"sound {kind}", f"sound {kind} hit")]
        writer.writerow(["file", "marked pixels", "sound pixels", *found, *hit])
        for name, each in scores.items():
            counts = [(each.marks[kind], each.found[kind]) for kind in DAMAGE]
            counts += [(each.alike[kind], each.hit[kind]) for kind in SOUND]
            writer.writerow([name, each.marked, each.sound, *(count for pair in counts for count in pair)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--half", choices=("work", "end", "all"), default="work")
    parser.add_argument("--masks", type=Path, help="folder of masks to score, instead of finding damage")
    parser.add_argument("--show", type=Path, help="folder to draw the marks in, and the masks, instead of scoring")
    parser.add_argument("--sensitivity", type=float, default=0.5)
    parser.add_argument("-o", "--output", type=Path, help="also write a table, CSV")
    arguments = parser.parse_args()
    detector = None if arguments.masks or arguments.show else ScratchDetector(sensitivity=arguments.sensitivity)
    scores: dict[str, Score] = {}
    for marks in load_marks(arguments.half):
        picture, stem, mask = open_photograph(arguments.folder, marks), Path(marks.file).stem, None
        if detector:
            mask = is_marked(detector(picture))
        elif arguments.masks:
            mask = is_marked(read_mask(find(arguments.masks, f"{stem}.png", f"{stem}-scratches.png"), picture))
        if arguments.show:
            arguments.show.mkdir(parents=True, exist_ok=True)
            draw_over(picture, marks, mask).save(arguments.show / f"{stem}.png", overwrite=True)
        elif mask is not None:
            scores[marks.file] = score(marks, mask)
    if not scores:
        return
    total = sum(scores.values(), Score())
    print_table({**scores, "all": total})
    shares = [each.sound / each.marked for each in scores.values() if each.marked]
    if shares:
        print(
            f"sound, the mean of {len(shares)} photographs in which something is marked: {100 * np.mean(shares):.1f} %"
        )
    print("\ndamage", *by_kind(total.marks, total.found, "found"), sep="\n")
    print("\nsound look-alikes", *by_kind(total.alike, total.hit, "hit"), sep="\n")
    if arguments.output:
        write_table(scores, arguments.output)


if __name__ == "__main__":
    main()
