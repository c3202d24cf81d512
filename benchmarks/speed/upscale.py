"""Speed of `daguerre upscale`, measured in one run together with what it is compared with.

    python -m benchmarks.speed.upscale
    python -m benchmarks.speed.upscale --clock cpu --threads 1    on a busy machine

Every number is the median of several rounds, and each round measures everything once, so that a slow minute affects all
equally. What counts are the ratios:

1. the network as daguerre runs it against the same network with PyTorch's defaults: float32, NCHW, `no_grad`; 2. the
arithmetic it reaches against the most that PyTorch reaches here, in the convolution that suits it best; 3. the whole
way from file to file against the network's own time for the same windows, and where the rest goes; 4. the time in which
`daguerre --help` answers.
"""

import argparse
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from benchmarks.common.pictures import write_photograph
from benchmarks.common.timing import CLOCKS, medians
from daguerre import weights
from daguerre.devices import choose_device
from daguerre.images import Canvas, Picture
from daguerre.tasks.upscaling.back_projection import Enlargement
from daguerre.tasks.upscaling.consistency import measure_agreement
from daguerre.tasks.upscaling.upscaler import Upscaler
from daguerre.tiling import plan_windows


def compare_networks(rounds: int, clock: Callable[[], float]) -> None:
    """Points 1 and 2 of the docstring above."""
    device = choose_device("cpu")
    plain = weights.load("compact-x4").network
    model = weights.load("compact-x4").on(device)
    per_pixel = 2 * sum(layer.weight.numel() for layer in plain.modules() if isinstance(layer, nn.Conv2d))
    wide = nn.Conv2d(256, 256, 3, padding=1, dtype=device.dtype)
    features = torch.rand(1, 256, 96, 96, dtype=device.dtype).to(memory_format=torch.channels_last)
    limit_work = 2 * wide.weight.numel() * 96**2
    print(f"\ncompact-x4 in {device.dtype}, against float32 as PyTorch runs it unasked")
    print("input px   ratio   agreement   GFLOP/s   limit   share of it")
    for side in (128, 256, 376):
        image = torch.rand(1, 3, side, side)
        ours = model(image)
        with torch.no_grad():
            theirs = plain(image)
        agreement = -10 * math.log10((ours - theirs).square().mean())

        def run_ours(image: torch.Tensor = image) -> None:
            model(image)

        def run_theirs(image: torch.Tensor = image) -> None:
            with torch.no_grad():
                plain(image)

        def run_limit() -> None:
            with torch.inference_mode():
                wide(features)

        took = medians({"ours": run_ours, "theirs": run_theirs, "limit": run_limit}, rounds, clock)
        reached, limit = per_pixel * side**2 / took["ours"] / 1e9, limit_work / took["limit"] / 1e9
        print(
            f"{side:8}   {took['theirs'] / took['ours']:5.2f}   {agreement:6.1f} dB   {reached:7.0f}   {limit:5.0f}"
            f"   {reached / limit:8.0%}"
        )


def compare_whole(megapixels: float, rounds: int, clock: Callable[[], float], folder: Path) -> None:
    """Point 3 of the docstring above: a result of so many megapixels, four times as wide and high as its original."""
    height = round(math.sqrt(megapixels * 1e6 / 16 / 1.5))
    source = write_photograph(folder / "photo.jpg", height, height * 3 // 2)
    picture = Picture.open(source)
    upscaler = Upscaler(device="cpu")
    made = upscaler(picture).picture
    model = weights.load("compact-x4").on(upscaler.device)
    size, out_size = (picture.height, picture.width), (made.height, made.width)
    enlargement = Enlargement(model, size=size, out_size=out_size)
    windows = plan_windows(*out_size, 4 * model.window_side(halo=enlargement.halo))
    low = [picture.read(enlargement.source(window)) for window in windows]
    high = [made.read(window) for window in windows]
    canvas = Canvas(*out_size)

    def run_networks() -> None:
        for piece in low:
            model(piece)

    def enlarge() -> None:
        for window, piece in zip(windows, low, strict=True):
            enlargement(window, piece)

    def paint() -> None:
        for window, piece in zip(windows, high, strict=True):
            canvas.write(window, piece)

    def upscale(target: str) -> None:
        upscaler(Picture.open(source)).save(folder / target, overwrite=True)

    took = medians(
        {
            "the network": run_networks,
            "the network and the projection": enlarge,
            "decoding": lambda: Picture.open(source).read(),
            "painting the canvas": paint,
            "measuring the agreement": lambda: measure_agreement(made, picture),
            "encoding JPEG": lambda: made.save(folder / "made.jpg", overwrite=True),
            "encoding PNG": lambda: made.save(folder / "made.png", overwrite=True),
            "all, JPEG to JPEG": lambda: upscale("whole.jpg"),
            "all, JPEG to PNG": lambda: upscale("whole.png"),
        },
        rounds,
        clock,
    )
    took["the projection"] = took.pop("the network and the projection") - took["the network"]
    read = sum(piece.shape[-2] * piece.shape[-1] for piece in low)
    print(f"\n{out_size[0]} x {out_size[1]} pixels in {len(windows)} windows; halos make {read / math.prod(size):.2f}")
    print("times the input's pixels pass through the network")
    for name, seconds in took.items():
        print(f"{name:28} {seconds:7.2f} s   {seconds / took['the network']:5.2f} times the network")


def measure_start(rounds: int, clock: str) -> None:
    """Point 4 of the docstring above."""

    def children() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    def start(*words: str) -> Callable[[], object]:
        return lambda: subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)

    commands = {"python -c pass": start("-c", "pass"), "daguerre --help": start("-m", "daguerre", "--help")}
    print()
    for name, seconds in medians(commands, rounds, children if clock == "cpu" else time.perf_counter).items():
        print(f"{name:28} {seconds:7.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="wall clock, or this program's processor time")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="threads that compute")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of which the median is taken")
    parser.add_argument("--megapixels", type=float, default=24, help="size of the result of the whole way")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"torch {torch.__version__}, threads: {arguments.threads}")
    print(f"medians of {arguments.rounds} rounds, {arguments.clock} time")
    compare_networks(arguments.rounds, CLOCKS[arguments.clock])
    with tempfile.TemporaryDirectory() as folder:
        compare_whole(arguments.megapixels, arguments.rounds, CLOCKS[arguments.clock], Path(folder))
    measure_start(2 * arguments.rounds, arguments.clock)


if __name__ == "__main__":
    main()
