"""Tone correction of clean photographs: with a cast, aged, unchanged, or as toned prints when new.

    python -m benchmarks.quality.tones held-out            clean photographs, preferably outside the training data

PSNR in RGB of copies reduced to 64 pixels, of tones only: the correction is estimated on the aged copy and applied to
its twin without grain and damage.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from daguerre import weights
from daguerre.degradation.aging import age
from daguerre.degradation.aging.noise import Colour
from daguerre.evaluation.comparison import pictures_in
from daguerre.evaluation.metrics import psnr
from daguerre.images import Picture
from daguerre.images.resample import resize_bicubic
from daguerre.networks.tone_curves import extremes, stretch
from daguerre.tasks.restoration.tone_correction import MODEL, USUAL, Caution, ToneCorrection
from daguerre.tiling import Window
from daguerre.weights import Model

# Of each channel: what white and black become, and its exponent.
CASTS = {
    "magenta": ((0.95, 0.72, 0.78), (0.30, 0.12, 0.20), (0.9, 1.1, 1.0)),
    "red": ((0.97, 0.75, 0.60), (0.40, 0.15, 0.10), (0.8, 1.0, 1.0)),
    "yellow": ((0.95, 0.88, 0.60), (0.20, 0.15, 0.05), (1.0, 1.0, 1.1)),
    "blue": ((0.70, 0.80, 0.95), (0.10, 0.15, 0.25), (1.0, 1.0, 1.0)),
    "pale": ((0.80, 0.78, 0.72), (0.30, 0.30, 0.30), (1.0, 1.0, 1.0)),
}
VERSIONS = 6  # of each aged photograph

Way = Callable[[Tensor, Tensor], Tensor]
"""Finds a correction in one image (1, 3, 64, 64) and gives another corrected."""


def nothing(_seen: Tensor, image: Tensor) -> Tensor:
    return image


def ends_alone(seen: Tensor, image: Tensor) -> Tensor:
    """Each channel's darkest and lightest tones made black and white, as a scanner's software does."""
    return stretch(image.flatten(2), *extremes(seen)).view_as(image)


def by_network(model: Model, *, changed: bool = False, caution: Caution = USUAL) -> Way:
    def correct(seen: Tensor, image: Tensor) -> Tensor:
        picture = Picture.from_tensor(seen, bits=16)
        found = ToneCorrection.estimate(picture, model, changed=changed, caution=caution)
        return found(Window(0, 0, *image.shape[2:]), image)

    return correct


def cast(image: Tensor, white: Colour, black: Colour, exponent: Colour) -> Tensor:
    light, dark, power = (torch.tensor(values).view(1, 3, 1, 1) for values in (white, black, exponent))
    return dark + (light - dark) * image**power


def reduced(image: Tensor) -> Tensor:
    return resize_bicubic(image, 64, 64).clamp(0, 1)


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    examples: dict[str, list[tuple[Tensor, Tensor, Tensor]]] = {}  # seen, to be corrected, wanted
    for number, file in enumerate(pictures_in(folder)):
        image = Picture.open(file).read()
        clean = reduced(image)
        examples.setdefault("as it is", []).append((clean, clean, clean))
        for name, how in CASTS.items():
            faded = cast(clean, *how)
            examples.setdefault(name, []).append((faded, faded, clean))
        share = 256 / min(image.shape[2:])
        height, width = (round(share * side) for side in image.shape[2:])
        image = resize_bicubic(image, height, width).clamp(0, 1)
        for version in range(VERSIONS):
            new = age(image, seed=2000 * version + number, kind=("studio", "snapshot")[version % 2], strength=0)
            toned = reduced(new.clean)
            examples.setdefault("as printed", []).append((toned, toned, toned))
            old = age(image, seed=1000 * version + number)
            examples.setdefault("aged", []).append((reduced(old.image), reduced(old.toned), reduced(old.clean)))
    model = weights.load(MODEL)
    ways = {
        "before": nothing,
        "ends alone": ends_alone,
        "network alone": by_network(model, caution=Caution(most_stretch=0.0)),
        "auto": by_network(model),
        "strong": by_network(model, changed=True),
    }
    print(f"{'':<14}" + "".join(f"{name:>10}" for name in examples))
    for name, way in ways.items():
        means = [
            torch.cat(
                [psnr(way(seen, image), clean, channel="rgb").clamp(max=60) for seen, image, clean in group]
            ).mean()
            for group in examples.values()
        ]
        print(f"{name:<14}" + "".join(f"{value:>10.2f}" for value in means))


if __name__ == "__main__":
    main()
