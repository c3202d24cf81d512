"""Faces found in real old photographs, false detections, and the time it takes.

    python -m benchmarks.quality.face_detection FOLDER-WITH-old --finder auto yunet

`face_detection.json` has the faces marked by hand in 46 photographs (every sixth by name), and the places to ignore:
faces that are turned away, blurred, or smaller than a dozen pixels. A face is found if a square has its center in the
face's box and half to twice its height; other detections are false. No recipe trains on these photographs. `--sheet
found.png` draws the result of the last detector: green is correct, red false, and blue a missed face.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

import numpy as np

from daguerre.images import Picture
from daguerre.images.contact_sheet import make_sheet
from daguerre.tasks.faces.detection import Face
from daguerre.tasks.faces.refiner import FaceOptions

TRUTH = Path(__file__).with_suffix(".json")
LARGE = 40  # pixels of a face's box, from which it counts as large
COLOURS = {"right": (0, 255, 0), "false": (255, 40, 40), "missed": (60, 120, 255)}

Box = list[float]
"""Left, top, right and bottom, in pixels."""


@dataclass
class Count:
    """What was found in some photographs."""

    large: int = 0
    all_large: int = 0
    small: int = 0
    all_small: int = 0
    false: int = 0

    def __str__(self) -> str:
        return f"{self.large} of {self.all_large} large, {self.small} of {self.all_small} small, {self.false} false"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--finder", nargs="+", default=["auto"])
    parser.add_argument("--confidence", type=float, nargs="+", default=[FaceOptions().confidence])
    parser.add_argument("--sheet", type=Path)
    args = parser.parse_args()
    for finder in args.finder:
        for confidence in args.confidence:
            measure(args.data, finder, confidence, args.sheet)


def measure(data: Path, finder: str, confidence: float, sheet: Path | None) -> None:
    find = FaceOptions(finder=finder, confidence=confidence).finding()
    count, pixels, seconds, cpu, views = Count(), 0, 0.0, 0.0, []
    for name, truth in json.loads(TRUTH.read_text(encoding="utf-8")).items():
        picture = Picture.open(data / "old" / name)
        started, cpu_started = perf_counter(), process_time()
        found = find(picture)
        seconds, cpu = seconds + perf_counter() - started, cpu + process_time() - cpu_started
        pixels += picture.width * picture.height
        fates, missed = compare(found, truth["faces"], truth["unsure"], count)
        if sheet is not None:
            views.append(drawn(picture, found, fates, missed))
    per = 1e6 / pixels
    print(f"{finder} at {confidence}: {count}; {cpu * per:.2f} s of processor time a megapixel, {seconds * per:.2f} s")
    if sheet is not None:
        make_sheet(views, columns=6).save(sheet, overwrite=True)


def compare(found: list[Face], faces: list[Box], unsure: list[Box], count: Count) -> tuple[list[str], list[Box]]:
    """What each square that was found is, and the faces that were missed; adds to the count."""
    left, fates = list(faces), []
    for face in sorted(found, key=lambda face: -face.score):
        of = [box for box in left if within(face, box) and 0.5 <= face.side / (box[3] - box[1]) <= 2]
        if of:
            best = min(of, key=lambda box: abs(face.side - (box[3] - box[1])))
            left.remove(best)
            fates.append((face, "right"))
        else:
            fates.append((face, "unsure" if any(within(face, box) for box in unsure) else "false"))
    for box in faces:
        large, hit = box[3] - box[1] >= LARGE, box not in left
        count.all_large += large
        count.all_small += not large
        count.large += large and hit
        count.small += hit and not large
    count.false += sum(fate == "false" for _, fate in fates)
    by_face = {id(face): fate for face, fate in fates}
    return [by_face[id(face)] for face in found], left


def within(face: Face, box: Box) -> bool:
    x, y = face.left + face.side / 2, face.top + face.side / 2
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


def drawn(picture: Picture, found: list[Face], fates: list[str], missed: list[Box]) -> Picture:
    """A photograph with what was found in it, and missed."""
    import cv2

    image = picture.read()[0].expand(3, -1, -1).permute(1, 2, 0)
    levels = np.ascontiguousarray((image * 255).byte().numpy())
    for face, fate in zip(found, fates, strict=True):
        corners = (face.left, face.top), (face.left + face.side, face.top + face.side)
        cv2.rectangle(levels, *corners, COLOURS.get(fate, (255, 220, 0)), 2)
        for x, y in face.landmarks:
            cv2.circle(levels, (round(x), round(y)), 1, (255, 0, 255), -1)
    for box in missed:
        cv2.rectangle(levels, (int(box[0]), int(box[1])), (int(box[2]), int(box[3])), COLOURS["missed"], 2)
    return Picture.from_array(levels)


if __name__ == "__main__":
    main()
