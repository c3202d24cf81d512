"""How much refining gives back to faces that were held out from training, aged and restored.

    python benchmarks/faces.py FOLDER-WITH-faces

Each face is aged at a size of 64 to 190 pixels, restored where damage is found, refined, and compared with itself
in its aged tones. The same seed makes the same faces. `--sheet faces.png` also draws the first 24 of them, four to a
row: aged, restored, refined, as they were. (The data's faces may be looked at, but not be published.)

    python benchmarks/faces.py FOLDER-WITH-faces --whole

ages them at their full 200 pixels, or at `--side 100`, as in groups, and has the whole command restore them, tones left
alone, with faces and without; those that the finder finds are compared within the square that it found, and as whole
crops. Most of the data's faces are soft themselves, so undoing blur leads away from them; `--blur off` does not.
"""

import argparse
from pathlib import Path

import torch
from lightning.fabric import Fabric
from torch import Tensor
from torch.nn import functional as F

from daguerre import weights
from daguerre.evaluation.metrics import psnr, ssim
from daguerre.evaluation.perceptual import perceptual_distance
from daguerre.images import Picture
from daguerre.images.resample import resize_bicubic
from daguerre.progress import silent
from daguerre.tasks.restore import Restorer
from daguerre.training.aging import age
from daguerre.training.data import hold_out, load_pictures
from daguerre.training.recipe import read_recipe
from daguerre.training.restored_faces import RestoredFaces, framed

SIDES = (64, 96, 128, 160, 192)
SEED = 99
SHEET = 24  # faces on a sheet


def large(face: Tensor) -> Tensor:
    """A face (1, 3, h, w) at 160 pixels, in a white frame."""
    return F.pad(resize_bicubic(face, 160, 160).clamp(0, 1), (2, 2, 2, 2), value=1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--model", default="faces")
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--blur", default="auto")
    parser.add_argument("--side", type=int, default=200)
    args = parser.parse_args()
    recipe = read_recipe(Path(__file__).parents[1] / "recipes" / "faces.toml")
    pictures, _ = load_pictures(args.data, ["faces"], least=190, progress=silent)
    held_out = sorted(hold_out(pictures, recipe.validation.one_in))
    if args.whole:
        whole([pictures[name] for name in held_out[::3]][: args.count], args.side, args.blur)
        return
    examples = RestoredFaces(recipe, Fabric(precision="32-true"), side=128)
    network = weights.load(args.model).network.eval()
    distance = perceptual_distance(weights.load("vgg19-slim").network)
    generator = torch.Generator().manual_seed(SEED)
    chosen = torch.randperm(len(held_out), generator=generator)[: args.count].tolist()
    scores: dict[str, list[list[float]]] = {"aged": [], "restored": [], "refined": [], "clean, refined": []}
    shown: list[Tensor] = []
    with torch.inference_mode():
        for number in chosen:
            side = SIDES[number % len(SIDES)]
            sharp = resize_bicubic(framed(pictures[held_out[number]], generator), side, side).clamp(0, 1)
            soft = torch.rand((), generator=generator).item()
            aged, wanted = examples.age(sharp, soft, generator, 0.9)
            restored = examples.restored(aged.image, examples.found(aged.image), blur=0.0)
            versions = {"aged": aged.image, "restored": restored, "refined": refined(network, restored)}
            shown.append(torch.cat([large(made) for made in (*versions.values(), wanted)], 3))
            for name, made in versions.items():
                scores[name].append(compared(made, wanted, distance))
            scores["clean, refined"].append(compared(refined(network, sharp), sharp, distance))
    for name, rows in scores.items():
        print(f"{name:<15} {'  '.join(f'{value:.4f}' for value in torch.tensor(rows).mean(0).tolist())}")
    if args.sheet:
        columns = [torch.cat(shown[:SHEET][column::4], 2) for column in range(4)]
        Picture.from_tensor(torch.cat(columns, 3)).save(args.sheet)
    lowest = min(row[0] for row in scores["clean, refined"])
    print(f"lowest of clean {lowest:.2f}; columns: PSNR in RGB, SSIM of Y, perceptual distance")


def whole(faces: list[Tensor], side: int, blur: str) -> None:
    """The whole command on faces (3, H, W) uint8, reduced to `side` pixels and aged: what refining adds."""
    distance = perceptual_distance(weights.load("vgg19-slim").network)
    refining = Restorer(fix_fading="off", blur=blur)
    plain = Restorer(refining.options, faces="off")
    scores: dict[str, list[list[float]]] = {"restored": [], "refined": []}
    for number, face in enumerate(faces):
        sharp = resize_bicubic(face[None].float() / 255, side, side).clamp(0, 1)
        aged = age(sharp, seed=500 + number, strength=0.9)
        photograph = Picture.from_tensor(aged.image)
        made = refining(photograph)
        if not made.faces:
            continue
        found = max((one.face for one in made.faces), key=lambda one: one.side)
        square = (..., span(found.top, found.side, side), span(found.left, found.side, side))
        versions = {"restored": plain(photograph).picture.read(), "refined": made.picture.read()}
        with torch.inference_mode():
            for name, image in versions.items():
                inside = psnr(image[square], aged.toned[square], channel="rgb").item()
                scores[name].append([inside, *compared(image, aged.toned, distance)])
    print(f"{len(scores['refined'])} of {len(faces)} found; PSNR within the face; of the whole PSNR, SSIM, distance")
    for name, rows in scores.items():
        print(f"{name:<15} {'  '.join(f'{value:.4f}' for value in torch.tensor(rows).mean(0).tolist())}")


def span(first: int, length: int, size: int) -> slice:
    return slice(max(first, 0), min(first + length, size))


def refined(network: torch.nn.Module, face: Tensor) -> Tensor:
    """A face with the difference added that the network makes of it and of its mirror image at its own size."""
    small = resize_bicubic(face, 128, 128).clamp(0, 1)
    made = (network(small) + network(small.flip(-1)).flip(-1)) / 2
    return (face + resize_bicubic(made - small, *face.shape[2:])).clamp(0, 1)


def compared(made: Tensor, wanted: Tensor, distance) -> list[float]:
    small = [resize_bicubic(image, 128, 128) for image in (made, wanted)]
    score = psnr(made, wanted, channel="rgb").clamp(max=60)
    return [float(score), float(ssim(made, wanted)), float(distance(*small))]


if __name__ == "__main__":
    main()
