"""Time of `daguerre stylize` in one pass, against its network run with PyTorch's defaults, and its memory.

    python -m benchmarks.speed.fast_style
    python -m benchmarks.speed.fast_style --megapixels 24     also stylizes a photograph of that size with the command

Times are medians of CPU time, which other programs hardly affect; the variants take turns. Memory needs Linux.
"""

import argparse
import math
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.common.pictures import EXAMPLE, write_photograph
from benchmarks.speed.memory import torch_alone, watch
from daguerre import weights
from daguerre.devices import choose_device
from daguerre.images import Picture
from daguerre.networks.style_transformer import AnyStyle
from daguerre.progress import silent
from daguerre.tasks.stylization.feed_forward import FeedForwardNetworks
from daguerre.tasks.stylization.style_vector import StyleVector

SIDE = 1000  # pixels


def ways(model: str) -> dict[str, Callable[[], Tensor]]:
    """What is measured, by name; the first is what the others are compared with."""
    picture = Picture.from_tensor(torch.rand(1, 3, SIDE, SIDE))
    image = picture.read()
    network = weights.load(model).network
    transformer = network.transformer if isinstance(network, AnyStyle) else network
    vector = StyleVector(values=(0.1,) * transformer.style)
    style = torch.tensor(vector.values)[None]
    painter = FeedForwardNetworks(model, choose_device("cpu"))
    exact = FeedForwardNetworks(model, choose_device("cpu", "float32"))

    def eager() -> Tensor:
        with torch.no_grad():
            return transformer(image, style)

    def streamed() -> Tensor:
        strips = painter.streamed(picture, lambda window: image[(..., *window.slices)], vector, silent)
        return torch.cat([strip for _, strip in strips], dim=2)

    return {
        "PyTorch, float32, NCHW": eager,
        "float32, channels last": lambda: exact.transform(image, vector),
        f"as we do ({painter.device.dtype})": lambda: painter.transform(image, vector),
        "as we do, streamed": streamed,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="any-style", help="the network that paints")
    parser.add_argument("--rounds", type=int, default=5, help="how often each way is timed")
    parser.add_argument("--megapixels", type=float, help="also paint a photograph of this size")
    arguments = parser.parse_args()
    measured = ways(arguments.model)
    times: dict[str, list[float]] = {name: [] for name in measured}
    for number in range(arguments.rounds + 1):
        for name, way in measured.items():
            started = time.process_time()
            way()
            if number:  # the first round warms up
                times[name].append(time.process_time() - started)
    print(f"a megapixel ({SIDE} x {SIDE}), {torch.get_num_threads()} threads, processor time")
    medians = {name: statistics.median(found) for name, found in times.items()}
    first = next(iter(medians.values()))
    for name, seconds in medians.items():
        print(f"    {name:26} {seconds:6.2f} s   {first / seconds:5.2f} times as fast")
    if arguments.megapixels:
        with tempfile.TemporaryDirectory() as folder:
            height = round(math.sqrt(arguments.megapixels * 1e6 / 1.5))
            source = write_photograph(Path(folder) / "photo.jpg", height, height * 3 // 2)
            words = ("--style", str(EXAMPLE), "--model", arguments.model, "-o", f"{folder}/out.jpg", "--quiet")
            spent = watch("stylize", str(source), *words)
        above = spent.memory - torch_alone()
        print(f"{arguments.megapixels:g} megapixels, JPEG to JPEG: {above:.0f} MiB above torch, {spent.seconds:.1f} s")


if __name__ == "__main__":
    main()
