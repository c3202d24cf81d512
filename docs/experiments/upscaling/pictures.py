"""The pictures of the report on upscaling, from weights that ship and from the short trainings beside this file.

$ python docs/experiments/upscaling/pictures.py RUNS OUT

RUNS holds the folders of the short trainings (`RUNS/srresnet/srresnet.safetensors`, ...); OUT gets the pictures.
"""

import io
import sys
from pathlib import Path

import matplotlib
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from skimage import data
from torch import Tensor

from daguerre import Upscaler
from daguerre.evaluation.metrics import consistency, psnr
from daguerre.evaluation.upscale import enlarge, shrink
from daguerre.tasks.upscaling.upscaler import UpscaleOptions

FONT = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
GAP, LINE = 6, 20
FACE, TEETH, EAR = (40, 144, 184, 144), (128, 196, 36, 56), (108, 256, 48, 48)  # top, left, height, width


def tensor(pixels: np.ndarray) -> Tensor:
    """(H, W, 3) uint8 to (1, 3, H, W) in [0, 1]."""
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255


def image(picture: Tensor) -> Image.Image:
    return Image.fromarray(picture[0].clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).contiguous().numpy())


def printed_text() -> Tensor:
    """Black letters on white, 24 down to 10 pixels high, (1, 3, 144, 256)."""
    page = Image.new("RGB", (256, 144), "#f4f2ec")
    draw, top = ImageDraw.Draw(page), 6
    for size in (24, 18, 14, 12, 10):
        font, line = ImageFont.truetype(FONT, size), ""
        for word in ("Daguerre,", "Paris,", "1839:", "8", "minutes", "of", "light"):
            if draw.textlength(f"{line} {word}", font) > 240:
                break
            line += f" {word}"
        draw.text((8, top), line.strip(), "#26221c", font)
        top += round(1.45 * size) + 2
    return tensor(np.asarray(page))


def damaged(low: Tensor, sigma: float = 7 / 255, quality: int = 50) -> Tensor:
    """With noise, then saved as JPEG."""
    noisy = low + sigma * torch.randn(low.shape, generator=torch.Generator().manual_seed(0))
    buffer = io.BytesIO()
    image(noisy).save(buffer, "JPEG", quality=quality)
    return tensor(np.asarray(Image.open(buffer)))


def made(low: Tensor, model: str, **options: object) -> Tensor:
    """What a model makes of a small picture, 4x; `bicubic` and `pixels` are no models."""
    if model == "bicubic":
        return enlarge(low, 4)
    if model == "pixels":
        return torch.nn.functional.interpolate(low, scale_factor=4)
    return Upscaler(UpscaleOptions(model=model, scale=4), **{"agree": "off"} | options).tensor(low)


def sheet(path: Path, rows: list[list[Tensor]], headings: list[str], zoom: int) -> None:
    """Write rows of pictures of the same width, zoomed without smoothing, below their headings.

    Args:
        headings: of the columns; or of every picture, row by row.
    """
    cells = [[image(cell).resize((cell.shape[3] * zoom, cell.shape[2] * zoom), 0) for cell in row] for row in rows]
    width, columns = cells[0][0].width + GAP, len(cells[0])
    lines = [headings[first : first + columns] for first in range(0, len(headings), columns)]
    height = LINE * len(lines) + sum(row[0].height + GAP for row in cells) - GAP
    page = Image.new("RGB", (width * columns - GAP, height), "white")
    draw, top = ImageDraw.Draw(page), 0
    for row in cells:
        for column, heading in enumerate(lines.pop(0) if lines else []):
            draw.text((column * width, top + 2), heading, "#222222", ImageFont.truetype(FONT, 13))
            top += LINE if column == columns - 1 else 0
        for column, cell in enumerate(row):
            page.paste(cell, (column * width, top))
        top += row[0].height + GAP
    page.save(path, quality=86, optimize=True)


def cut(picture: Tensor, place: tuple[int, int, int, int]) -> Tensor:
    top, left, height, width = place
    return picture[..., top : top + height, left : left + width]


def side_by_side(runs: Path, out: Path, astronaut: Tensor) -> None:
    """The four generations on a face and on text; teeth and an ear close up."""
    models = {
        "pixels": "pixels",
        "bicubic": "bicubic",
        "SRCNN": "srcnn-x4",
        "SRResNet": str(runs / "srresnet" / "srresnet.safetensors"),
        "SRGAN": str(runs / "srgan" / "srgan.safetensors"),
        "RRDB": "rrdb-x4",
        "ESRGAN": "rrdb-x4-gan",
    }
    for name, high in (("face", astronaut), ("text", printed_text())):
        results = [*(made(shrink(high, 4), model) for model in models.values()), high]
        headings = [*models, "original"]
        for heading, result in zip(headings, results, strict=True):
            print(f"{name:6} {heading:10} {psnr(result, high, border=4).item():6.2f} dB")
        if name == "text":
            sheet(out / "text.jpg", [results[:4], results[4:]], headings, 1)
            continue
        sheet(out / "face.jpg", [[cut(result, FACE) for result in results]], headings, 1)
        for close, place, zoom in (("teeth", TEETH, 4), ("ear", EAR, 4)):
            chosen = [0, 1, 5, 6, 7]
            sheet(out / f"{close}.jpg", [[cut(results[i], place) for i in chosen]], [headings[i] for i in chosen], zoom)


def dial(out: Path, astronaut: Tensor) -> None:
    """From rrdb-x4 to rrdb-x4-gan, as they are and made to agree with the small picture."""
    low, rows = shrink(astronaut, 4), []
    amounts = (0.0, 0.3, 0.6, 1.0)
    for agree in ("off", "on"):
        results = [made(low, "rrdb-x4", towards="rrdb-x4-gan", amount=amount, agree=agree) for amount in amounts]
        for amount, result in zip(amounts, results, strict=True):
            measured = psnr(result, astronaut, border=4).item(), consistency(result.clamp(0, 1), low).item()
            print(f"dial {amount:.1f} agree {agree:3} {measured[0]:6.2f} dB, agrees to {measured[1]:5.1f} dB")
        rows.append([cut(result, FACE) for result in results])
    sheet(out / "dial.jpg", rows, [f"{amount:.0%}" for amount in amounts], 1)
    gan, plain = {}, {}
    tiny = np.asarray(image(low))
    Upscaler(model="rrdb-x4", towards="rrdb-x4-gan", amount=1.0)(tiny, on_stage=gan.__setitem__)
    Upscaler(model="rrdb-x4")(tiny, on_stage=plain.__setitem__)
    maps = [plain["invented"].read(), gan["invented"].read()]
    sheet(out / "invented.jpg", [[cut(m, FACE) for m in maps]], ["RRDB", "ESRGAN"], 1)


def photographs(out: Path) -> None:
    """Noisy, compressed photographs: bicubic, the faithful, the cleaning and the photographic model, the original."""
    models = {"bicubic": "bicubic", "compact-x4": "compact-x4", "compact-x4-clean": "compact-x4-clean"}
    models["compact-x4-photo"] = "compact-x4-photo"
    rows = []
    for name, place in (("astronaut", FACE), ("coffee", (110, 330, 184, 144)), ("chelsea", (60, 110, 184, 144))):
        high = tensor(getattr(data, name)())
        results = [made(damaged(shrink(high, 4)), model) for model in models.values()]
        rows.append([cut(result, place) for result in [*results, high]])
    sheet(out / "photographs.jpg", rows, [*models, "original"], 1)


def ideas(runs: Path, out: Path, astronaut: Tensor) -> None:
    """Pairs of equal trainings that differ in one idea, and from compact-x4 two adversarial ones."""
    low = shrink(astronaut, 4)
    for sheet_name, trainings in (
        ("norms", {"normalised": "srresnet-normed", "plain": "srresnet-plain"}),
        ("scaling", {"scaled": "rrdb-scaled", "unscaled": "rrdb-unscaled"}),
        ("losses", {"adversarial": "gan-without", "+ perceptual": "gan-with"}),
    ):
        files = {heading: str(runs / name / f"{name}.safetensors") for heading, name in trainings.items()}
        if sheet_name == "losses":
            files = {"compact-x4": "compact-x4"} | files
        cells = [cut(made(low, model), FACE) for model in files.values()]
        sheet(out / f"{sheet_name}.jpg", [[*cells, cut(astronaut, FACE)]], [*files, "original"], 1)


def drawings(out: Path) -> None:
    """Letters of one bit and squares of four pixels, enlarged as photographs and as what they are."""
    page = Image.new("1", (72, 44), 1)
    for top, size in ((2, 15), (22, 12)):
        ImageDraw.Draw(page).text((3, top), "Atelier", 0, ImageFont.truetype(FONT, size))
    colours = np.array([[20, 18, 16], [240, 236, 226], [196, 60, 44], [48, 96, 168], [236, 184, 72]], np.uint8)
    half = np.random.default_rng(4).integers(0, len(colours), (11, 9))
    squares = colours[np.concatenate([half, half[:, ::-1]], axis=1)].repeat(4, 0).repeat(4, 1)
    rows = [
        [tensor(pixels).repeat_interleave(4, 2).repeat_interleave(4, 3)]
        + [Upscaler(scale=4, content=content)(pixels).picture.read() for content in ("photo", "auto")]
        for pixels in (np.asarray(page.convert("RGB")), squares)
    ]
    sheet(out / "drawings.png", rows, ["pixels", "as a photograph", "recognized"], 1)


def main(runs: Path, out: Path) -> None:
    torch.set_num_threads(1)
    out.mkdir(parents=True, exist_ok=True)
    astronaut = tensor(data.astronaut())
    side_by_side(runs, out, astronaut)
    dial(out, astronaut)
    photographs(out)
    ideas(runs, out, astronaut)
    drawings(out)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
