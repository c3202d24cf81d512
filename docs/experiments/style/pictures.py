"""Make the pictures and figures of style.md.

    python docs/experiments/style/pictures.py PAINTINGS

PAINTINGS is a folder with starry.jpg (The Starry Night), scream.jpg (The Scream) and wave.jpg (The Great Wave), some
400 pixels on the shorter side. The photographs are those of examples/. Name experiments to run only some of them.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
from matplotlib.figure import Figure

from daguerre.images import Picture, SaveOptions
from daguerre.images.resample import resize_bicubic
from daguerre.tasks.painting import Painting, Row, Style
from daguerre.tasks.stylize import Stylized, StylizeOptions, Stylizer
from daguerre.tasks.working import make_sheet

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples"
IMAGES = ROOT / "docs" / "images" / "style"
CONTENTS = ("astronaut", "chelsea", "coffee", "rocket")
LAYERS = {
    "all": StylizeOptions().style_layers,
    "shallow": ("relu1_1", "relu2_1"),
    "deep": ("relu4_1", "relu5_1"),
}


def content(name: str, side: int) -> Picture:
    """An example photograph, its longer side shrunk to `side`."""
    image = Picture.open(EXAMPLES / f"{name}.jpg").read()
    share = side / max(image.shape[-2:])
    return Picture.from_tensor(resize_bicubic(image, *(round(s * share) for s in image.shape[-2:])).clamp_(0, 1))


def style_loss(picture: Picture, painting: Painting) -> float:
    image = picture.read()
    return painting.objective(image, None)(image)[0].style


def compare(photo: Picture, style: Path, painted: Stylized, options: StylizeOptions) -> str:
    """The style loss of the photograph and of the result, for both kinds of statistics."""
    words = []
    for kind in ("moments", "gram"):
        stylizer = Stylizer(options, styles=style, statistics=kind, precision="float32")
        painting = Painting(photo, [Style(Picture.open(style))], stylizer.options, stylizer.eye)
        before, after = (style_loss(picture, painting) for picture in (photo, painted.picture))
        words.append(f"{kind} {before:.3f} -> {after:.4f} ({before / after:.0f} times)")
    return f"content {painted.history[-1].content:.3f}; style loss: " + ", ".join(words)


def save(pictures: list[Picture], name: str) -> None:
    target = IMAGES / f"{name}.jpg"
    make_sheet(pictures).save(target, options=SaveOptions(quality=82), overwrite=True)


def plot(histories: dict[str, list[Row]], name: str) -> None:
    figure = Figure(figsize=(8, 3), layout="constrained", dpi=80)
    for axes, loss in zip(figure.subplots(1, 2), ("content", "style"), strict=True):
        for label, history in histories.items():
            axes.plot([row.step for row in history], [getattr(row, loss) for row in history], label=label)
        axes.set(yscale="log", xlabel="step", ylabel=f"{loss} loss")
        axes.legend(fontsize=8)
    figure.savefig(IMAGES / f"{name}.jpg", pil_kwargs={"quality": 85})


def gradual(paintings: Path) -> None:
    photo = content("astronaut", 320)
    options = StylizeOptions(method="optimize", steps=500)
    painted = Stylizer(options, styles=paintings / "starry.jpg")(photo, stages=[1, 10, 50, 100, 500])
    save(list(painted.stages.values()), "gradual")
    plot({"astronaut": painted.history}, "gradual-losses")
    print("gradual", compare(photo, paintings / "starry.jpg", painted, options), flush=True)


def many(paintings: Path) -> None:
    options = StylizeOptions(method="optimize", steps=200)
    stylizer = Stylizer(options, styles=paintings / "scream.jpg")
    painted = {}
    for name in CONTENTS:
        photo = content(name, 320)
        painted[name] = stylizer(photo)
        print("many", name, compare(photo, paintings / "scream.jpg", painted[name], options), flush=True)
    save([result.picture for result in painted.values()], "many")
    plot({name: result.history for name, result in painted.items()}, "many-losses")


def layers(paintings: Path) -> None:
    photo, made = content("chelsea", 320), []
    for name, some in LAYERS.items():
        painted = Stylizer(styles=paintings / "wave.jpg", method="optimize", steps=200, style_layers=some)(photo)
        options = StylizeOptions(method="optimize", steps=200)
        print("layers", name, compare(photo, paintings / "wave.jpg", painted, options), flush=True)
        made.append(painted.picture)
    save(made, "layers")


EXPERIMENTS: dict[str, Callable[[Path], None]] = {"gradual": gradual, "many": many, "layers": layers}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paintings", type=Path)
    parser.add_argument("experiments", nargs="*", help=", ".join(EXPERIMENTS))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name in arguments.experiments or EXPERIMENTS:
        EXPERIMENTS[name](arguments.paintings)


if __name__ == "__main__":
    main()
