"""What refinement recovers in held-out faces, aged and restored by the whole command.

    python -m benchmarks.quality.faces FOLDER-WITH-faces

Each face is aged at sizes of 64 to 200 pixels in turn, or at that of `--side`; restored like `daguerre restore`, but
without tone correction; detected with a mirrored margin, because the faces fill their pictures; refined; and compared
with itself in its aged tones, within the square of the face and as a whole. The same seeds make the same faces.
`--sheet faces.png` also draws the first 24, four per row: aged, restored, refined, original. (These faces must not be
published.)

Most of these faces are soft themselves, so deblurring leads away from them; `--blur off` does not.
"""

import argparse
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from daguerre import weights
from daguerre.degradation.aging import age
from daguerre.evaluation.metrics import psnr, ssim
from daguerre.evaluation.perceptual import perceptual_distance
from daguerre.images import Picture
from daguerre.images.resample import resize_bicubic
from daguerre.progress import silent
from daguerre.tasks.faces.detection import Face, FaceFinder
from daguerre.tasks.faces.refiner import FaceRefiner
from daguerre.tasks.restoration.restorer import Restorer
from daguerre.training.data.faces import detect_face
from daguerre.training.data.pictures import hold_out, load_pictures
from daguerre.training.recipe import read_recipe

SIDES = (64, 96, 128, 160, 200)
SHEET = 24  # faces on a sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--side", type=int)
    parser.add_argument("--blur", default="auto")
    parser.add_argument("--model", default="auto")
    parser.add_argument("--sheet", type=Path)
    args = parser.parse_args()
    recipe = read_recipe(Path(__file__).parents[2] / "recipes" / "faces.toml")
    pictures, _ = load_pictures(args.data, ["faces"], least=190, progress=silent)
    held_out = sorted(hold_out(pictures, recipe.validation.fraction))
    step = len(held_out) // args.count
    restorer = Restorer(faces="off", fix_fading="off", blur=args.blur)
    refiner = FaceRefiner(model=args.model)
    finder = FaceFinder(min_size=12, confidence=refiner.options.confidence)
    distance = perceptual_distance(weights.load("vgg19-slim").network)
    scores: dict[str, list[list[float]]] = {"aged": [], "restored": [], "refined": [], "clean, refined": []}
    shown: list[Tensor] = []
    for number, name in enumerate(held_out[::step][: args.count]):
        side = args.side or SIDES[number % len(SIDES)]
        sharp = resize_bicubic(pictures[name][None].float() / 255, side, side).clamp(0, 1)
        aged = age(sharp, seed=500 + number, strength=0.9)
        restored = restorer(Picture.from_tensor(aged.image)).picture.read()
        face = detect_face(finder, restored)
        if face is None:
            continue
        versions = {"aged": aged.image, "restored": restored, "refined": refined(refiner, restored, face)}
        shown.append(torch.cat([large(made) for made in (*versions.values(), aged.toned)], 3))
        for version, made in versions.items():
            scores[version].append(compared(made, aged.toned, face, distance))
        scores["clean, refined"].append(compared(refined(refiner, sharp, face), sharp, face, distance))
    print(f"{len(shown)} of {args.count} found; PSNR in RGB within the face; of the whole PSNR, SSIM of Y, distance")
    for version, rows in scores.items():
        print(f"{version:<15} {'  '.join(f'{value:.4f}' for value in torch.tensor(rows).mean(0).tolist())}")
    print(f"lowest of clean {min(row[0] for row in scores['clean, refined']):.2f}")
    if args.sheet:
        columns = [torch.cat(shown[:SHEET][column::4], 2) for column in range(4)]
        Picture.from_tensor(torch.cat(columns, 3)).save(args.sheet)


def refined(refiner: FaceRefiner, image: Tensor, face: Face) -> Tensor:
    """An image (1, 3, H, W) whose face, which is known, is refined."""
    refiner.find = lambda _: [face]
    return refiner(Picture.from_tensor(image)).picture.read()


def compared(made: Tensor, wanted: Tensor, face: Face, distance) -> list[float]:
    square = (..., span(face.top, face.side, made.shape[2]), span(face.left, face.side, made.shape[3]))
    small = [resize_bicubic(image, 128, 128) for image in (made, wanted)]
    pairs = ((made[square], wanted[square]), (made, wanted))
    inside, whole = (float(psnr(*pair, channel="rgb").clamp(max=60)) for pair in pairs)
    with torch.inference_mode():
        return [inside, whole, float(ssim(made, wanted)), float(distance(*small))]


def span(first: int, length: int, size: int) -> slice:
    return slice(max(first, 0), min(first + length, size))


def large(face: Tensor) -> Tensor:
    """A face (1, 3, h, w) at 160 pixels, in a white frame."""
    return F.pad(resize_bicubic(face, 160, 160).clamp(0, 1), (2, 2, 2, 2), value=1.0)


if __name__ == "__main__":
    main()
