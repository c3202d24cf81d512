"""How close optimization and one pass come to a style, measured by a published VGG-16.

    python -m benchmarks.quality.style optimize PHOTOGRAPHS PAINTINGS OUT --features vgg16-bsds vgg19-slim
    python -m benchmarks.quality.style judge PHOTOGRAPHS PAINTINGS OUT

`optimize` stylizes each photograph in one painting, both of 192 pixels, once through each features, into OUT/FEATURES.
`judge` compares all folders in OUT, whoever painted what is in them: files PHOTOGRAPH-PAINTING.png, which are looked at
in their own size; each folder with that of --reference, or else with the first. Content loss: |F - F'|² / |F'|² at
relu4_2; style loss: the mean over relu1_1 to relu5_1 of |G - G'|² / |G'|², G being Gram matrices (Gatys et al. 2016,
relative to what is compared with).
"""

import argparse
import functools
import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from daguerre import weights
from daguerre.devices import choose_device
from daguerre.images import READABLE, Picture
from daguerre.networks.vgg import VGG
from daguerre.tasks.stylization.stylizer import Stylizer
from daguerre.tiling import Window
from daguerre.training.losses import gram

SIDE = 192
STYLE = tuple(f"relu{block}_1" for block in range(1, 6))
CONTENT = "relu4_2"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["optimize", "judge"])
    for name in ("photographs", "paintings", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--features", nargs="+", default=["vgg16-bsds", "vgg19-slim"])
    parser.add_argument("--reference", default="vgg16-bsds")
    parser.add_argument("--steps", type=int, default=60)
    given = parser.parse_args()
    if given.what == "optimize":
        optimize(given.photographs, given.paintings, given.out, given.features, given.steps)
    else:
        judge(given.photographs, given.paintings, given.out, given.reference)


def pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in READABLE)


def square(path: Path, height: int, width: int) -> Tensor:
    """The middle of a picture in another size, (1, 3, height, width) in [0, 1]."""
    picture = Picture.open(path)
    side = min(picture.height, picture.width)
    window = Window((picture.height - side) // 2, (picture.width - side) // 2, side, side)
    return F.interpolate(picture.read(window), (height, width), mode="bicubic", antialias=True).clamp(0, 1)


def optimize(photographs: Path, paintings: Path, out: Path, features: list[str], steps: int) -> None:
    pairs = zip(pictures(photographs), itertools.cycle(pictures(paintings)), strict=False)
    for photograph, painting in pairs:
        content, style = (Picture.from_tensor(square(path, SIDE, SIDE)) for path in (photograph, painting))
        for name in features:
            folder = out / Path(name).stem
            folder.mkdir(parents=True, exist_ok=True)
            painter = Stylizer(style=style, features=name, method="optimize", steps=steps, precision="float32")
            painter(content).picture.save(folder / f"{photograph.stem}-{painting.stem}.png")


def judge(photographs: Path, paintings: Path, out: Path, reference: str) -> None:
    vgg = cast(VGG, weights.load(reference).network)
    vgg.soften("smooth")
    losses: dict[str, dict[str, tuple[float, float]]] = {}
    for folder in sorted(path for path in out.iterdir() if path.is_dir()):
        losses[folder.name] = dict(losses_of(vgg, folder, pictures(photographs), pictures(paintings)))
    first = losses.get(reference, next(iter(losses.values())))
    for name, found in losses.items():
        ratios = [math.log(style / first[pair][1]) for pair, (_, style) in found.items() if pair in first]
        near = [
            [a <= b for a, b in zip(each, first[pair], strict=True)] for pair, each in found.items() if pair in first
        ]
        content, style = (sum(each) / len(found) for each in zip(*found.values(), strict=True))
        print(
            f"{name:<20}{len(found)} pairs  content {content:.3f}  style {style:.4f}  "
            f"style loss {math.exp(sum(ratios) / len(ratios)):.2f} times the first's; at most the first's: "
            f"content {sum(a for a, _ in near)}, style {sum(b for _, b in near)}, both {sum(map(all, near))}"
        )


@torch.inference_mode()
def losses_of(
    vgg: VGG, folder: Path, photographs: list[Path], paintings: list[Path]
) -> Iterator[tuple[str, tuple[float, float]]]:
    """Content and style loss of each painted picture in a folder, by its pair's name."""
    device = choose_device("cpu")

    @functools.cache
    def seen(path: Path, *size: int) -> dict[str, Tensor]:
        picture = square(path, *size) if size else Picture.open(path).read()
        with device.autocast():
            features = vgg(picture.contiguous(memory_format=torch.channels_last), [*STYLE, CONTENT])
        return {name: gram(x.float()) for name, x in features.items()} | {CONTENT: features[CONTENT].float()}

    for photograph, painting in itertools.product(photographs, paintings):
        path = folder / f"{photograph.stem}-{painting.stem}.png"
        if not path.exists():
            continue
        with Image.open(path) as picture:
            width, height = picture.size
        made, content, style = seen(path), seen(photograph, height, width), seen(painting, height, width)
        far = relative(made[CONTENT], content[CONTENT])
        strange = [relative(made[layer], style[layer]) for layer in STYLE]
        yield path.stem, (far, sum(strange) / len(strange))


def relative(found: Tensor, wanted: Tensor) -> float:
    return float((found - wanted).square().sum() / wanted.square().sum())


if __name__ == "__main__":
    main()
