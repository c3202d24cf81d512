"""Make the first picture of faces.md, and print what its faces gain.

    python docs/experiments/faces/astronaut.py

A photograph of examples/ is given half its resolution, made old as three kinds, and restored with its face refined and
without, tones left alone. From left to right: aged, restored, refined, as it was in its aged tones.
"""

from pathlib import Path

import torch

from daguerre.degradation.aging import age
from daguerre.evaluation.metrics import psnr
from daguerre.images import Picture, SaveOptions
from daguerre.images.resample import resize_bicubic
from daguerre.tasks.restoration.restorer import Restorer

ROOT = Path(__file__).parents[3]
KINDS = ("snapshot", "studio", "colour-print")
SEED = 2
SHOWN = (slice(10, 210), slice(130, 330))  # rows and columns around the face


def main() -> None:
    whole = Picture.open(ROOT / "examples" / "astronaut.jpg").read()
    small = resize_bicubic(whole, whole.shape[2] // 2, whole.shape[3] // 2)
    softened = resize_bicubic(small, *whole.shape[2:]).clamp(0, 1)
    refining, plain = (Restorer(fix_fading="off", faces=faces) for faces in ("auto", "off"))
    rows = []
    for kind in KINDS:
        aged = age(softened, seed=SEED, kind=kind)
        wanted = age(whole, seed=SEED, kind=kind).toned
        photograph = Picture.from_tensor(aged.image)
        before, after = plain(photograph).picture.read(), refining(photograph)
        views = [image.expand(-1, 3, -1, -1) for image in (aged.image, before, after.picture.read(), wanted)]
        for one in after.faces:
            square = tuple(slice(start, start + one.face.side) for start in (one.face.top, one.face.left))
            gains = [psnr(view[(..., *square)], wanted[(..., *square)], channel="rgb").item() for view in views[1:3]]
            print(f"{kind}: {one.fate}, {gains[0]:.2f} -> {gains[1]:.2f} dB")
        rows.append(torch.cat([resize_bicubic(view[(..., *SHOWN)], 300, 300) for view in views], 3))
    made = Picture.from_tensor(torch.cat(rows, 2).clamp(0, 1))
    target = ROOT / "docs" / "images" / "faces" / "astronaut.jpg"
    made.save(target, options=SaveOptions(quality=85), overwrite=True)


if __name__ == "__main__":
    main()
