"""Time per megapixel of each task on the available device: a GPU, if there is one.

    python -m benchmarks.speed.device

Whole tasks, from the picture in memory to the result in memory, in wall-clock time, the best of five after a warm-up.
"The network alone" is the part that a GPU computes, with the picture already there.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks.common.pictures import EXAMPLE, draw_scratches, write_photograph
from daguerre import Picture, RestoreOptions, Restorer, StylizeOptions, Stylizer, UpscaleOptions, Upscaler
from daguerre.devices import Device, choose_device
from daguerre.tasks.stylization.feed_forward import FeedForwardNetworks
from daguerre.tasks.stylization.style_vector import StyleVector

HEIGHT, WIDTH = 816, 1224  # pixels


def network_alone(device: Device, picture: Picture) -> Callable[[], None]:
    """The network that paints in one pass, on a picture that lies on the device."""
    painter = FeedForwardNetworks("any-style", device)
    style = painter.tensor(StyleVector(values=(0.1,) * painter.transformer.style))
    image = picture.read().to(device.torch_device).contiguous(memory_format=torch.channels_last)

    @torch.inference_mode()
    def paint() -> None:
        with device.autocast():
            painter.transformer(image, style)
        if device.torch_device.type == "cuda":
            torch.cuda.synchronize()

    return paint


def ways(device: Device, folder: Path) -> dict[str, Callable[[], object]]:
    """What is measured, by name."""
    photo = Picture.open(draw_scratches(write_photograph(folder / "photo.png", HEIGHT, WIDTH)))
    photo.read()
    restorer, faceless = Restorer(), Restorer(RestoreOptions(faces="off"))
    fast = Stylizer(style=EXAMPLE)
    slow = Stylizer(StylizeOptions(method="optimize", steps=20), style=EXAMPLE)
    compact, rrdb = Upscaler(UpscaleOptions(scale=2)), Upscaler(UpscaleOptions(scale=4, model="rrdb-x4"))
    return {
        "restore, faces looked for": lambda: restorer(photo),
        "restore, faces off": lambda: faceless(photo),
        "stylize in one pass": lambda: fast(photo),
        "  the network alone": network_alone(device, photo),
        "stylize by optimisation, 20 steps": lambda: slow(photo),
        "upscale twice": lambda: compact(photo),
        "upscale four times, rrdb-x4": lambda: rrdb(photo),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="how often each is timed")
    arguments = parser.parse_args()
    device = choose_device("auto")
    gpu = torch.cuda.get_device_name() if device.torch_device.type == "cuda" else f"{torch.get_num_threads()} threads"
    print(f"{WIDTH} x {HEIGHT} pixels, {gpu}, {device.dtype}")
    with tempfile.TemporaryDirectory() as folder:
        for name, way in ways(device, Path(folder)).items():
            times = []
            for _ in range(arguments.rounds + 1):
                started = time.perf_counter()
                way()
                times.append(time.perf_counter() - started)
            print(f"    {name:36} {min(times[1:]):8.3f} s", flush=True)


if __name__ == "__main__":
    main()
