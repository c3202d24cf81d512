"""Time of a published network here and in ncnn, against the defaults of `daguerre upscale`, and how they look.

    python -m benchmarks.speed.published REALESRGAN_X4PLUS_UP4X.param photo.jpg ... --sheet beside.png
    python -m benchmarks.speed.published REALESRGAN_X4PLUS_UP4X.param --clock cpu     on a busy machine

The model is an ncnn pair that upscales four times. The pictures, by default the example, are cropped to a central
square. In each round every variant runs once on each picture; what counts are the ratios of the medians. The `ncnn`
package is needed, but only networks of ours that ship.
"""

import argparse
import math
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.common.pictures import EXAMPLE
from benchmarks.common.timing import CLOCKS, medians
from daguerre.images import Picture
from daguerre.images.resample import resize_bicubic
from daguerre.tasks.upscaling.upscaler import Upscaler


class Engine:
    """An ncnn network, run on a whole picture in its usual number formats."""

    def __init__(self, path: Path, threads: int) -> None:
        import ncnn  # here, because only this benchmark needs it

        self.mat = ncnn.Mat
        self.net = ncnn.Net()
        self.net.opt.num_threads = threads
        self.net.load_param(str(path))
        self.net.load_model(str(path.with_suffix(".bin")))

    def __call__(self, image: Tensor) -> Tensor:
        """Enlarge (1, 3, H, W) in [0, 1]."""
        run = self.net.create_extractor()
        held = np.ascontiguousarray(image[0].numpy())  # neither way does a Mat keep, or copy, what it is made of
        run.input("data", self.mat(held))
        made = run.extract("output")[1]
        return torch.from_numpy(np.array(made).copy())[None].clamp(0, 1)


def middle(path: Path, side: int) -> Tensor:
    """The middle of a picture, (1, 3, side, side) or less, in [0, 1]."""
    image = Picture.open(path).read()
    top, left = (max(length - side, 0) // 2 for length in image.shape[-2:])
    return image[..., top : top + side, left : left + side].contiguous()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="the text of layers of an ncnn pair")
    parser.add_argument("pictures", type=Path, nargs="*", default=[EXAMPLE])
    parser.add_argument("--side", type=int, default=128, help="pixels of the squares")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of which the median is taken")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="threads that compute")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="wall clock, or this program's processor time")
    parser.add_argument("--sheet", type=Path, help="picture to write: a row for each picture, a column for each way")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    ways = {
        "compact-x4": Upscaler(device="cpu").tensor,
        "--clean --vivid 1": Upscaler(clean=True, vivid=1.0, device="cpu").tensor,
        f"{arguments.model.stem}, here": Upscaler(model=str(arguments.model), device="cpu").tensor,
        f"{arguments.model.stem}, ncnn": Engine(arguments.model, arguments.threads),
    }
    images = [middle(path, arguments.side) for path in arguments.pictures]

    def enlarge(way: str) -> None:
        for image in images:
            ways[way](image)

    took = medians({way: partial(enlarge, way) for way in ways}, rounds=arguments.rounds, clock=CLOCKS[arguments.clock])
    made = [[way(image).float() for way in ways.values()] for image in images]
    print(f"{len(images)} pictures of {arguments.side} pixels, x4; {arguments.threads} threads, {arguments.clock} time")
    for way, seconds in took.items():
        print(f"{way:40} {seconds / len(images):8.2f} s each   {seconds / took['compact-x4']:7.1f} times compact-x4")
    errors = [float((row[2] - row[3]).square().mean()) for row in made]
    print(f"here and in ncnn they agree to {-10 * math.log10(sum(errors) / len(errors)):.1f} dB")
    if arguments.sheet:
        rows = []
        for image, row in zip(images, made, strict=True):
            plain = resize_bicubic(image, *row[0].shape[-2:]).clamp(0, 1)
            rows.append(torch.cat([plain, *row], -1)[0])
        sheet = (torch.cat(rows, -2).permute(1, 2, 0) * 255).round().byte().numpy()
        Picture.from_array(sheet).save(arguments.sheet, overwrite=True)


if __name__ == "__main__":
    main()
