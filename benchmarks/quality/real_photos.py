"""Photographs before and after restoration, for visual judgment: real old ones have no clean original.

    python -m benchmarks.quality.real_photos FOLDER --sheet real.png --faces faces.png

For twelve of the folder's pictures, chosen evenly by name, it draws the piece whose detail changed most at twice the
size, before and after `daguerre restore`, and prints how much of each was damaged, stained and changed in tone.
`--faces` draws the detected faces, the largest first: original, restored, restored and refined.
"""

import argparse
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.common.pictures import double
from daguerre.evaluation.comparison import pictures_in
from daguerre.images import Picture
from daguerre.images.contact_sheet import make_sheet
from daguerre.images.pixels import luma
from daguerre.images.resample import resize_bicubic
from daguerre.tasks.faces.detection import Face
from daguerre.tasks.restoration.restorer import Restorer, RestoreResult

PIECE = 220  # pixels of a piece's side
FACE, AROUND, FACES = 192, 1.5, 24  # pixels of a face on its sheet; sides of its square that are shown; how many


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sheet", type=Path, required=True)
    parser.add_argument("--faces", type=Path)
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--offset", type=int, default=0)
    arguments = parser.parse_args()
    files = pictures_in(arguments.folder)
    step = max(len(files) // arguments.count, 1)
    restorer = Restorer()
    shown: list[Picture] = []
    faces: list[tuple[int, list[Picture]]] = []
    for path in files[arguments.offset :: step][: arguments.count]:
        photograph = Picture.open(path)
        seen: dict[str, Picture] = {}
        restored = restorer(photograph, on_stage=seen.__setitem__)
        shown += pieces(photograph.read(), restored.picture.read())
        faces += [(face.side, views) for face, views in refined(photograph, restored, seen.get("before the faces"))]
        tone, many = restored.tone_change, len(restored.faces)
        print(
            f"{path.name}: {100 * restored.damaged:.2f} % damaged, {100 * restored.stained:.1f} % stained, "
            f"tones changed by {100 * tone:.1f} %, {many} faces",
            flush=True,
        )
    make_sheet(shown, columns=6).save(arguments.sheet, overwrite=True)
    if arguments.faces:
        largest = sorted(faces, key=lambda face: -face[0])[:FACES]
        make_sheet([view for _, views in largest for view in views], columns=12).save(arguments.faces, overwrite=True)


def pieces(before: Tensor, after: Tensor) -> list[Picture]:
    """The square whose detail changed most, before and after, twice as large, without smoothing."""
    height, width = (min(PIECE, side) for side in before.shape[2:])
    change = luma(after - before)
    detail = (change - F.avg_pool2d(change, 31, stride=1, padding=15)).abs()
    amount = F.avg_pool2d(detail, (height, width), stride=1)
    top, left = divmod(int(amount.argmax()), amount.shape[3])
    return [double(image[..., top : top + height, left : left + width]) for image in (before, after)]


def refined(photograph: Picture, restored: RestoreResult, before: Picture | None) -> list[tuple[Face, list[Picture]]]:
    """Each face that was refined: as it is in the photograph, restored, and refined."""
    images = [photograph.read(), (before or restored.picture).read()]
    images.append(restored.picture.read())
    found = [face.face for face in restored.faces if face.fate == "refined"]
    return [(face, [cut_face(image, face) for image in images]) for face in found]


def cut_face(image: Tensor, face: Face) -> Picture:
    side = round(face.side * AROUND)
    top, left = (round(at - face.side * (AROUND - 1) / 2) for at in (face.top, face.left))
    corner = zip((top, left), image.shape[2:], strict=True)
    rows, columns = (torch.arange(at, at + side).clamp(0, most - 1) for at, most in corner)
    return Picture.from_tensor(resize_bicubic(image[..., rows[:, None], columns], FACE, FACE).clamp(0, 1))


if __name__ == "__main__":
    main()
