"""How close networks come to clean photographs from degraded ones, measured by a VGG-16, and their time.

    python -m benchmarks.quality.photographs FOLDER --reference vgg16-bsds --models compact-x4-photo x4plus
    python -m benchmarks.quality.photographs FOLDER --crops astronaut:100,90 --sheet beside.jpg

Each picture of the folder is downscaled to a short side of 480 pixels; its central 384 pixels are degraded and
downscaled by four as in the recipe, and upscaled again. It prints means: the distance to the truth in the features of
the reference (and the number of pictures in which it is the smallest), PSNR on Y, consistency with the degraded input,
and CPU time. Consistency is not enforced.
"""

import argparse
import statistics
import time
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from daguerre import weights
from daguerre.degradation.real_esrgan import Degradation, degrade
from daguerre.evaluation.comparison import pictures_in
from daguerre.evaluation.metrics import consistency, psnr
from daguerre.evaluation.perceptual import VGG16_LAYERS, Features, perceptual_distance
from daguerre.images import Picture
from daguerre.images.resample import resize_bicubic
from daguerre.tasks.upscaling.upscaler import Upscaler
from daguerre.training.logger import image_grid
from daguerre.training.recipe import read_recipe

SCALE = 4
SHORT_SIDE, SIDE = 480, 384  # pixels
SHOWN = 160  # pixels of a crop on the sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", nargs="+", default=["compact-x4-clean", "compact-x4-photo"], help="x4, each")
    parser.add_argument("--reference", default="vgg16-bsds", help="weights of a VGG-16")
    parser.add_argument("--recipe", type=Path, default=Path("recipes/compact-x4-photo.toml"), help="how to degrade")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--crops", nargs="*", default=[], help="NAME:TOP,LEFT of the squares that the sheet shows")
    parser.add_argument("--sheet", type=Path, help="picture to write: degraded, each model, the truth")
    given = parser.parse_args()
    degradation = read_recipe(given.recipe).degradation or Degradation()
    distance = perceptual_distance(remembering(weights.load(given.reference).network), VGG16_LAYERS)
    ways = {name: Upscaler(model=name, agree="off", device="cpu").tensor for name in given.models}
    scores: dict[str, list[tuple[float, float, float, float]]] = {name: [] for name in ["bicubic", *ways]}
    places = {name: tuple(map(int, at.split(","))) for name, at in (crop.split(":") for crop in given.crops)}
    rows = []
    for number, path in enumerate(pictures_in(given.folder)):
        high = middle(path)
        low = degrade(high, SCALE, degradation, torch.Generator().manual_seed(given.seed + number))
        made = {"bicubic": (resize_bicubic(low, *high.shape[-2:]).clamp(0, 1), 0.0)}
        for name, upscale in ways.items():
            began = time.process_time()
            made[name] = upscale(low).float().clamp(0, 1), time.process_time() - began
        for name, (image, seconds) in made.items():
            with torch.inference_mode():
                far = distance(image, high).item()
            exact = psnr(image, high, border=SCALE).item()
            scores[name].append((far, exact, consistency(image, low).item(), seconds))
        if path.stem in places or not places:
            top, left = places.get(path.stem, ((SIDE - SHOWN) // 2, (SIDE - SHOWN) // 2))
            shown = [low.repeat_interleave(SCALE, 2).repeat_interleave(SCALE, 3), *(x for x, _ in made.values()), high]
            rows.append([image[..., top : top + SHOWN, left : left + SHOWN] for image in shown])
    report(scores)
    if given.sheet:
        sheet = image_grid(rows)[0].clamp(0, 1).permute(1, 2, 0).mul(255).round().byte().numpy()
        Picture.from_array(sheet).save(given.sheet, overwrite=True)


def remembering(features: Features) -> Features:
    """The same, but the truth, which comes after each result, is looked at once."""
    known = lru_cache(maxsize=2)(features)
    return lambda image, layers: known(image, tuple(layers))


def middle(path: Path) -> Tensor:
    """The middle of a photograph, (1, 3, SIDE, SIDE) in [0, 1], after it was shrunk."""
    image = Picture.open(path).read()
    share = min(SHORT_SIDE / min(image.shape[-2:]), 1)
    height, width = (max(round(length * share), SIDE) for length in image.shape[-2:])
    image = resize_bicubic(image, height, width).clamp(0, 1)
    top, left = (height - SIDE) // 2, (width - SIDE) // 2
    return image[..., top : top + SIDE, left : left + SIDE]


def report(scores: dict[str, list[tuple[float, float, float, float]]]) -> None:
    nearest = [min(scores, key=lambda name: scores[name][i][0]) for i in range(len(scores["bicubic"]))]
    print(f"{len(nearest)} photographs\n{'':26}distance   nearest   PSNR (Y)     agrees    seconds")
    for name, rows in scores.items():
        far, exact, agrees, seconds = (statistics.mean(column) for column in zip(*rows, strict=True))
        wins = nearest.count(name)
        print(f"{Path(name).stem:26}{far:8.4f}{wins:10}{exact:8.2f} dB{agrees:8.1f} dB{seconds:11.3f}", flush=True)


if __name__ == "__main__":
    main()
