"""Large holes filled by the network alone, and with patches of the photograph, as `daguerre restore` fills them.

    python -m benchmarks.quality.large_holes photographs --features vgg16 --sheet holes.png

Photographs of at most 512 pixels get a hole with a radius of 22 to 50 pixels. Compared with the truth around it: a
network's perceptual distance (lower is better) and PSNR. `--sheet` draws hole, network, patches.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.common.pictures import read_photographs
from daguerre import weights
from daguerre.devices import choose_device
from daguerre.evaluation.metrics import psnr
from daguerre.evaluation.perceptual import LAYERS, VGG16_LAYERS, perceptual_distance
from daguerre.images import Picture
from daguerre.images.contact_sheet import make_sheet
from daguerre.tasks.restoration.inpainting import inpaint
from daguerre.tasks.restoration.translation import load_restoration

SIDE = 512
PAPER = 0.93


def hole(height: int, width: int, seed: int) -> tuple[Tensor, tuple[slice, slice]]:
    """A hole with an uneven rim, (1, 1, height, width), and the rows and columns around it."""
    generator = np.random.default_rng(seed)
    top, left = (generator.uniform(0.3, 0.7) * length for length in (height, width))
    radius = generator.uniform(22, 50)
    down, across = np.mgrid[0:height, 0:width]
    angle = np.arctan2(down - top, across - left)
    rim = radius * (1 + 0.3 * np.sin(3 * angle + seed) + 0.15 * np.sin(7 * angle))
    mask = torch.from_numpy(np.hypot(down - top, across - left) < rim).float()[None, None]
    rows, columns = (slice(max(int(middle - 1.6 * radius), 0), int(middle + 1.6 * radius)) for middle in (top, left))
    return mask, (rows, columns)


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--features", default="vgg19-slim", help="weights of the network that compares")
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--shown", type=int, nargs="+", default=[0, 1, 2], help="numbers of the photographs shown")
    arguments = parser.parse_args()
    compared = weights.load(arguments.features).network
    layers = VGG16_LAYERS if type(compared).__name__ == "VGG16" else LAYERS
    distance = perceptual_distance(lambda image, names: compared(image, names), layers)
    model = load_restoration(choose_device("cpu", "float32"))
    rows, shown = [], []
    for number, true in enumerate(read_photographs(arguments.folder, SIDE)):
        mask, place = hole(*true.shape[-2:], seed=number)
        torn = torch.where(mask > 0, PAPER, true)
        alone = model.network.fill(torn, mask)
        patched = inpaint(Picture.from_tensor(torn, bits=16), Picture.from_tensor(mask.expand(-1, 3, -1, -1)), model)
        made = (alone, patched.picture.read())
        here = [(image[(..., *place)], true[(..., *place)]) for image in made]
        rows.append([float(distance(*pair)) for pair in here] + [float(psnr(*pair, channel="rgb")) for pair in here])
        if number in arguments.shown:
            shown += [Picture.from_tensor(image) for image in (torn, *made)]
    table = np.array(rows)
    print(f"{len(table)} photographs    network alone    with patches")
    for name, first in (("perceptual distance", 0), ("PSNR", 2)):
        print(f"{name:<24}{table[:, first].mean():>10.3f}{table[:, first + 1].mean():>16.3f}")
    print(f"nearer with patches in {(table[:, 1] < table[:, 0]).sum()}")
    if arguments.sheet:
        make_sheet(shown, columns=3).save(arguments.sheet)


if __name__ == "__main__":
    main()
