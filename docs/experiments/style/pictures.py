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
from daguerre.images.contact_sheet import make_sheet
from daguerre.images.resample import resize_bicubic
from daguerre.tasks.stylization.optimization import HistoryEntry, Style, StyleOptimization
from daguerre.tasks.stylization.stylizer import StylizeOptions, Stylizer

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


def compare(photo: Picture, style: Path, painted: Picture) -> str:
    """The losses of the photograph and of the result, for both kinds of statistics, in float32."""
    words = []
    for kind in ("moments", "gram"):
        stylizer = Stylizer(style=style, method="optimize", statistics=kind, precision="float32")
        painting = StyleOptimization(photo, [Style(Picture.open(style))], stylizer.options, stylizer.eye)
        objective = painting.objective(photo.read(), None)
        before, after = (objective(picture.read())[0] for picture in (photo, painted))
        words.append(f"{kind} {before.style:.3f} -> {after.style:.4f} ({before.style / after.style:.0f} times)")
    return f"content {after.content:.3f}; style loss: " + ", ".join(words)


def save(pictures: list[Picture], name: str) -> None:
    target = IMAGES / f"{name}.jpg"
    make_sheet(pictures).save(target, options=SaveOptions(quality=82), overwrite=True)


def plot(histories: dict[str, list[HistoryEntry]], name: str) -> None:
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
    shown: dict[str, Picture] = {}
    stylizer = Stylizer(options, style=paintings / "starry.jpg")
    painted = stylizer(photo, stages=[1, 10, 50, 100, 500], on_stage=shown.__setitem__)
    save(list(shown.values()), "gradual")
    plot({"astronaut": painted.history}, "gradual-losses")
    print("gradual", compare(photo, paintings / "starry.jpg", painted.picture), flush=True)


def many(paintings: Path) -> None:
    options = StylizeOptions(method="optimize", steps=200)
    stylizer = Stylizer(options, style=paintings / "scream.jpg")
    painted = {}
    for name in CONTENTS:
        photo = content(name, 320)
        painted[name] = stylizer(photo)
        print("many", name, compare(photo, paintings / "scream.jpg", painted[name].picture), flush=True)
    save([result.picture for result in painted.values()], "many")
    plot({name: result.history for name, result in painted.items()}, "many-losses")


def layers(paintings: Path) -> None:
    photo, made = content("chelsea", 320), []
    for name, some in LAYERS.items():
        painted = Stylizer(style=paintings / "wave.jpg", method="optimize", steps=200, style_layers=some)(photo)
        print("layers", name, compare(photo, paintings / "wave.jpg", painted.picture), flush=True)
        made.append(painted.picture)
    save(made, "layers")


def methods(paintings: Path) -> None:
    """One pass above, optimisation below."""
    made = []
    for method in ("fast", "optimize"):
        for name, style in (("astronaut", "starry"), ("chelsea", "scream"), ("coffee", "wave")):
            photo, painting = content(name, 256), paintings / f"{style}.jpg"
            made.append(Stylizer(StylizeOptions(method=method), style=painting)(photo).picture)
            print("methods", name, method, compare(photo, painting, made[-1]), flush=True)
    save(made, "methods")


def formats(paintings: Path) -> None:
    """float32 and bfloat16, without growing, so that all losses are of one size."""
    photo, found = content("astronaut", 128), {}
    for precision in ("float32", "bfloat16"):
        options = StylizeOptions(method="optimize", steps=100, scales=1, precision=precision, device="cpu")
        found[precision] = Stylizer(options, style=paintings / "starry.jpg")(photo)
        print("formats", compare(photo, paintings / "starry.jpg", found[precision].picture), flush=True)
    one, other = (painted.picture.read() for painted in found.values())
    print(f"formats: the pictures agree to {-10 * (one - other).square().mean().log10():.1f} dB")
    figure = Figure(figsize=(10, 3.2), layout="constrained", dpi=80)
    *sides, axes = figure.subplots(1, 3)
    for side, (precision, painted) in zip(sides, found.items(), strict=True):
        side.imshow(painted.picture.array())
        side.set(title=precision, xticks=[], yticks=[])
        axes.plot([row.step for row in painted.history], [row.total for row in painted.history], label=precision)
    axes.set(yscale="log", xlabel="step", ylabel="loss")
    axes.legend(fontsize=8)
    figure.savefig(IMAGES / "formats.jpg", pil_kwargs={"quality": 85})


EXPERIMENTS: dict[str, Callable[[Path], None]] = {
    "gradual": gradual,
    "many": many,
    "layers": layers,
    "methods": methods,
    "formats": formats,
}


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
