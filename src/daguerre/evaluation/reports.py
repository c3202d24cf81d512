"""What was measured, as a table, as CSV, as JSON, and as a sheet to look at."""

import csv
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import rich.box
from rich.table import Table
from torch import Tensor
from torch.nn import functional as F

from daguerre.errors import MissingExtra, UnwritablePicture
from daguerre.evaluation.upscale import Evaluation
from daguerre.images.resample import resize_bicubic
from daguerre.tiling.windows import Window

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

__all__ = ["ContactSheet", "as_json", "as_table", "write_csv"]

Scores = Mapping[str, Mapping[str, float]]
"""Value by model and metric."""

METRICS = {
    "psnr_y": ("PSNR\nY", 2),
    "ssim_y": ("SSIM\nY", 4),
    "psnr_rgb": ("PSNR\nRGB", 2),
    "ssim_rgb": ("SSIM\nRGB", 4),
    "perceptual": ("percep-\ntual ↓", 4),
    "lpips": ("LPIPS ↓", 4),
    "consistency": ("consis-\ntency", 1),
}
"""Heading and decimals of each metric; ↓ where less is better."""


LABEL = 16  # height of the letters on a contact sheet, in pixels
MARGIN = 16
PAPER, INK = "#ffffff", "#222222"


def as_table(evaluation: Evaluation) -> Table:
    """A table for the terminal: every picture, then the means; the best of each group is bold."""
    means = evaluation.means()
    metrics = next(iter(means.values()), {})
    table = Table(box=rich.box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("picture", overflow="fold")
    table.add_column("model", no_wrap=True)
    for metric in metrics:
        table.add_column(METRICS[metric][0], justify="right")
    groups: list[tuple[str, Scores]] = [*evaluation.scores.items(), (f"mean of {len(evaluation.scores)}", means)]
    for name, models in groups if means else []:
        for row, (model, values) in enumerate(models.items()):
            cells = [cell(metric, value, models) for metric, value in values.items()]
            table.add_row(name if row == 0 else "", Path(model).name, *cells, end_section=row == len(models) - 1)
    return table


def cell(metric: str, value: float, models: Scores) -> str:
    """A number with the metric's decimals, bold if it is the best of all models."""
    heading, decimals = METRICS[metric]
    best = (min if "↓" in heading else max)(values[metric] for values in models.values())
    text = f"{value:.{decimals}f}"
    return f"[bold]{text}[/bold]" if value == best and len(models) > 1 else text


def as_json(evaluation: Evaluation) -> str:
    """Everything, for programs; what is infinite (two equal pictures) is null, for JSON has no infinity."""

    def finite(models: Scores) -> dict[str, dict[str, float | None]]:
        return {
            model: {metric: value if math.isfinite(value) else None for metric, value in values.items()}
            for model, values in models.items()
        }

    return json.dumps(
        {
            "protocol": list(evaluation.protocol),
            "mean": finite(evaluation.means()),
            "pictures": {picture: finite(models) for picture, models in evaluation.scores.items()},
            "failures": evaluation.failures,
        },
        indent=2,
        ensure_ascii=False,
    )


def write_csv(evaluation: Evaluation, path: Path) -> None:
    """One line for each picture and model, then one for each model with `mean` for the picture."""
    means = evaluation.means()
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["picture", "model", *next(iter(means.values()), {})])
            for picture, models in [*evaluation.scores.items(), ("mean", means)]:
                writer.writerows([picture, model, *values.values()] for model, values in models.items())
    except OSError as error:
        raise UnwritablePicture(f"{path}: cannot write the table ({error.strerror or error})") from error


class ContactSheet:
    """Zoomed crops of the same spot of every result side by side, a row for each picture, with labels.

    The spot is where bicubic enlargement is furthest from the original, unless it is given. Pixels are shown as
    squares, none blended with its neighbours. `look` is what `evaluate_upscale` calls.

    Args:
        rows: pictures to show; further ones are left out.
        cell: side of each crop on the sheet, in pixels.
        zoom: sheet pixels per pixel of a large picture.

    Raises:
        MissingExtra: what draws the labels is not installed.
    """

    def __init__(self, *, rows: int = 8, cell: int = 288, zoom: int = 3) -> None:
        try:
            import matplotlib
            from PIL import ImageFont
        except ImportError as error:
            raise MissingExtra(
                "contact sheets need Pillow and matplotlib; run `pip install 'daguerre[train]'`"
            ) from error
        # Not Pillow's own font, which has no letter beyond ASCII, nor the system's, which may have no font at all.
        self.font = ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), LABEL)
        self.limit, self.cell, self.zoom = rows, cell, zoom
        self.headings: list[str] = []
        self.rows: list[list[tuple[Image.Image, str]]] = []  # crops with what stands below them

    def look(self, name: str, images: Mapping[str, Tensor], scores: Scores, spot: Window | None = None) -> None:
        """Add a row.

        Args:
            images: `input` (1, 3, H, W); `bicubic`, any models, `original` (1, 3, scale * H, scale * W); in [0, 1].
            scores: by model; `psnr_y` and `ssim_y` are written below its crop.
            spot: what to show, a window of the original whose edges are multiples of the scale.
        """
        if len(self.rows) == self.limit:
            return
        original = images["original"]
        height, width = original.shape[-2:]
        scale = width // images["input"].shape[-1]
        side = max(self.cell // self.zoom // scale, 1) * scale
        spot = spot or worst_spot(images["bicubic"], original, min(side, height), min(side, width), scale)
        self.headings = ["", *(Path(heading).name for heading in images)]
        self.rows.append([(self.overview(original, spot), name)])
        for model, image in images.items():
            shrunk = width // image.shape[-1]
            rows, columns = (slice(part.start // shrunk, part.stop // shrunk) for part in spot.slices)
            zoom = max(self.cell // max(spot.height, spot.width), 1) * shrunk
            crop = to_pillow(image[..., rows, columns])
            crop = crop.resize((crop.width * zoom, crop.height * zoom), resample=0)
            score = scores.get(model)
            self.rows[-1].append((crop, f"{score['psnr_y']:.2f} dB / {score['ssim_y']:.4f}" if score else ""))

    def overview(self, original: Tensor, spot: Window) -> "Image.Image":
        """The whole picture, small, with a frame around the spot."""
        from PIL import ImageDraw

        share = self.cell / max(original.shape[-2:])
        height, width = (max(round(size * share), 1) for size in original.shape[-2:])
        whole = to_pillow(resize_bicubic(original, height, width))
        left, top, right, bottom = (round(edge * share) for edge in (spot.left, spot.top, spot.right, spot.bottom))
        draw = ImageDraw.Draw(whole)
        draw.rectangle([left, top, right - 1, bottom - 1], outline=INK, width=4)
        draw.rectangle([left + 1, top + 1, right - 2, bottom - 2], outline=PAPER, width=2)
        return whole

    def save(self, path: Path, title: str = "") -> None:
        """Write the sheet as PNG.

        Args:
            title: a line above everything.

        Raises:
            UnwritablePicture: the file cannot be written.
        """
        from PIL import Image, ImageDraw

        line = LABEL * 3 // 2
        step_x, step_y = self.cell + MARGIN, self.cell + line + MARGIN
        top = MARGIN + (line + MARGIN // 2 if title else 0) + line
        size = (MARGIN + step_x * len(self.headings), top + step_y * len(self.rows))
        sheet = Image.new("RGB", size, PAPER)
        draw = ImageDraw.Draw(sheet)
        draw.text((MARGIN, MARGIN), title, INK, self.font)
        for column, heading in enumerate(self.headings):
            self.write(draw, heading, MARGIN + column * step_x, top - line)
        for row, cells in enumerate(self.rows):
            for column, (picture, label) in enumerate(cells):
                left, upper = MARGIN + column * step_x, top + row * step_y
                sheet.paste(picture, (left, upper))
                self.write(draw, label, left, upper + picture.height + LABEL // 4)
        try:
            sheet.save(path, "PNG")
        except OSError as error:
            raise UnwritablePicture(f"{path}: cannot write the contact sheet ({error.strerror or error})") from error

    def write(self, draw: "ImageDraw.ImageDraw", text: str, left: int, top: int) -> None:
        """Write a label, its middle cut out where it is wider than a cell."""
        shown, kept = text, len(text)
        while draw.textlength(shown, self.font) > self.cell:
            kept -= 1
            shown = f"{text[: kept // 2]}…{text[len(text) - (kept - kept // 2) :]}"
        draw.text((left, top), shown, INK, self.font)


def worst_spot(bicubic: Tensor, original: Tensor, height: int, width: int, scale: int) -> Window:
    """Window of (height, width), its edges multiples of `scale`, where bicubic errs most."""
    error = (bicubic - original).square().mean(dim=1, keepdim=True)
    errors = F.avg_pool2d(error, (height, width), stride=scale)[0, 0]
    row, column = divmod(int(errors.argmax()), errors.shape[1])
    return Window(row * scale, column * scale, height, width)


def to_pillow(image: Tensor) -> "Image.Image":
    from PIL import Image

    pixels = image[0].clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).contiguous()
    return Image.fromarray(pixels.numpy())
