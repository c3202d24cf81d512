"""Speed of stylization by optimization: bfloat16, channels last against float32; coarse to fine against one size.

    python -m benchmarks.speed.optimize
    python -m benchmarks.speed.optimize --schedules --pair photo.jpg painting.jpg     only the latter, on other pictures
    python -m benchmarks.speed.optimize --large 4096     time and memory of two steps at a large size, in windows

All figures are from one run on the same photograph and style. Time is CPU time of one thread, which other programs
hardly affect. The losses compared are those at the last size, measured in float32 for all.
"""

import argparse
import resource
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.common.pictures import write_photograph
from daguerre import weights
from daguerre.devices import Device, choose_device
from daguerre.images import Picture
from daguerre.images.resample import resize_bicubic
from daguerre.tasks.stylization.optimization import HistoryEntry, Style, StyleOptimization, plan_scales
from daguerre.tasks.stylization.options import StylizeOptions, layer_weights
from daguerre.tasks.stylization.vgg_statistics import FeatureExtractor

EXAMPLES = Path(__file__).parents[2] / "examples"
CPU = torch.device("cpu")


class PlainEye(FeatureExtractor):
    """Looks at pictures as one would without thinking of speed: float32, color planes one after the other."""

    def look(self, image: Tensor, view: Any) -> dict[str, Tensor]:
        self.network.to(memory_format=torch.contiguous_format)
        seen = self.network(image.contiguous(), self.layers)
        return {layer: seen[layer][(..., *view.features(self.stride[layer]))] for layer in self.layers}


@dataclass(frozen=True)
class Painted:
    image: Tensor
    history: list[HistoryEntry]
    seconds: list[float]  # of processor time, from the beginning to after each step


def extractor_of(
    options: StylizeOptions, dtype: torch.dtype, kind: type[FeatureExtractor] = FeatureExtractor
) -> FeatureExtractor:
    layers = list(layer_weights("", [*options.content_layers, *options.style_layers]))
    network: Any = weights.load(options.features).network
    return kind(network, Device(CPU, dtype), layers, pooling=options.pooling)


def paint(content: Picture, style: Picture, options: StylizeOptions, looking: FeatureExtractor) -> Painted:
    painting = StyleOptimization(content, [Style(style)], options, looking)
    begun, seconds = time.process_time(), []
    for _ in painting.steps(lambda _: None):
        seconds.append(time.process_time() - begun)
    return Painted(painting.image, painting.history, seconds)


def judge(painted: Painted, content: Picture, style: Picture, options: StylizeOptions) -> float:
    """The weighted loss of a result, in float32."""
    painting = StyleOptimization(content, [Style(style)], options, extractor_of(options, torch.float32))
    scale = painted.image.shape[-2:]
    losses, _ = painting.objective(resize_bicubic(content.read(), *scale).clamp_(0, 1), None)(painted.image)
    return losses.total


def per_step(painted: Painted) -> float:
    """Median seconds of a step."""
    steps = [after - before for before, after in zip(painted.seconds, painted.seconds[1:], strict=False)]
    return sorted(steps)[len(steps) // 2]


def formats(content: Picture, style: Picture, steps: int) -> None:
    options = StylizeOptions(method="optimize", steps=steps, scales=1)
    fast = paint(content, style, options, extractor_of(options, torch.bfloat16))
    plain = paint(content, style, options, extractor_of(options, torch.float32, PlainEye))
    a, b = (judge(painted, content, style, options) for painted in (fast, plain))
    noise = (fast.image - plain.image).square().mean().log10() * -10
    print(f"float32, NCHW            {per_step(plain):.3f} s a step, loss {b:.4f}")
    print(f"bfloat16, channels last  {per_step(fast):.3f} s a step, loss {a:.4f}; pictures differ by {noise:.1f} dB")
    print(f"ratio                    {per_step(plain) / per_step(fast):.2f}")


def schedules(content: Picture, style: Picture, steps: int) -> None:
    """One size and coarse to fine, in the same time and in half of it."""
    dtype = choose_device("cpu").dtype
    for name, scales in ("one size", 1), ("coarse to fine", None):
        for part in 1.0, 0.5:
            options = StylizeOptions(method="optimize", scales=scales)
            options = replace(options, steps=steps_for(part * steps, content.height, scales))
            painted = paint(content, style, options, extractor_of(options, dtype))
            loss = judge(painted, content, style, options)
            print(f"{name:14} {painted.seconds[-1]:5.1f} s for {options.steps} steps, loss {loss:.4f}", flush=True)


def steps_for(steps: float, side: int, scales: int | None) -> int:
    """Steps through all sizes that cost as much as `steps` at the last one."""
    pixels = sum(scale.steps * scale.height * scale.width for scale in plan_scales(side, side, 1000, scales))
    return round(steps * 1000 * side**2 / pixels)


def read(path: Path, side: int) -> Picture:
    image = Picture.open(path).read()
    short = min(image.shape[-2:])
    return Picture.from_tensor(resize_bicubic(image[..., :short, :short], side, side).clamp_(0, 1))


def enlarge(side: int) -> None:
    """Two steps at a size that needs windows."""
    style = Picture.open(EXAMPLES / "coffee.jpg")
    options = StylizeOptions(method="optimize", steps=2, scales=1)
    with tempfile.TemporaryDirectory() as folder:
        content = Picture.open(write_photograph(Path(folder) / "photo.tif", side, side))
        looking = extractor_of(options, torch.bfloat16)
        painted = paint(content, style, options, looking)
    first, second = painted.seconds
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{side} x {side} in {len(looking.views(side, side))} windows: {second - first:.1f} s a step of processor time,"
    )
    print(f"{first:.1f} s for the first and what is before it; at most {peak:.2f} GiB in all")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=384, help="of the square picture, in pixels")
    parser.add_argument("--steps", type=int, default=60)
    pair = (EXAMPLES / "astronaut.jpg", EXAMPLES / "coffee.jpg")
    parser.add_argument("--pair", type=Path, nargs=2, default=pair, metavar=("PHOTOGRAPH", "STYLE"))
    parser.add_argument("--schedules", action="store_true", help="only coarse to fine against one size")
    parser.add_argument("--large", type=int, metavar="SIDE", help="only two steps at this size")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.large:
        enlarge(arguments.large)
        return
    content, style = (read(path, arguments.side) for path in arguments.pair)
    print(f"{arguments.side} x {arguments.side}, {' in the style of '.join(path.name for path in arguments.pair)}")
    if not arguments.schedules:
        formats(content, style, arguments.steps)
    schedules(content, style, arguments.steps)


if __name__ == "__main__":
    main()
