"""Results of an evaluation as a table, as CSV, as JSON, and as a contact sheet."""

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

from daguerre.errors import MissingExtra
from daguerre.evaluation.comparison import Evaluation, Scores
from daguerre.evaluation.metrics import affine_tone_match
from daguerre.files import whole
from daguerre.images.resample import resize_bicubic
from daguerre.tiling.windows import Window

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

__all__ = ["ContactSheet", "as_json", "as_tables", "write_csv"]

METRICS = {
    "psnr_y": ("PSNR\nY", 2),
    "ssim_y": ("SSIM\nY", 4),
    "psnr_rgb": ("PSNR\nRGB", 2),
    "ssim_rgb": ("SSIM\nRGB", 4),
    "perceptual": ("percep-\ntual ↓", 4),
    "lpips": ("LPIPS ↓", 4),
    "psnr_rgb_tone": ("PSNR\ntone", 2),
    "ssim_y_tone": ("SSIM\ntone", 4),
    "perceptual_tone": ("perc. ↓\ntone", 4),
    "lpips_tone": ("LPIPS ↓\ntone", 4),
    "consistency": ("consis-\ntency", 1),
    "precision": ("preci-\nsion", 3),
    "recall": ("re-\ncall", 3),
    "f1": ("F1", 3),
    "auc": ("AUC", 3),
}
"""Heading and decimals of each metric; ↓ where lower is better."""


LABEL = 16  # height of the letters on a contact sheet, in pixels
MARGIN = 16
PAPER, INK = "#ffffff", "#222222"


def as_tables(evaluation: Evaluation) -> list[Table]:
    """Tables for the terminal: every picture, the means, and the breakdowns."""
    mean = {f"mean of {len(evaluation.scores)}": evaluation.means()} if evaluation.scores else {}
    tables = {"picture": evaluation.scores | mean, **evaluation.breakdowns}
    return [as_table(heading, groups) for heading, groups in tables.items() if groups]


def as_table(heading: str, groups: Mapping[str, Scores]) -> Table:
    """One table with a row for each group and model; the best of each group is bold."""
    metrics = next(iter(next(iter(groups.values())).values()))
    table = Table(box=rich.box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column(heading, overflow="fold")
    table.add_column("model", no_wrap=True)
    for metric in metrics:
        table.add_column(METRICS[metric][0], justify="right")
    for name, models in groups.items():
        for row, (model, values) in enumerate(models.items()):
            cells = [cell(metric, value, models) for metric, value in values.items()]
            table.add_row(name if row == 0 else "", Path(model).name, *cells, end_section=row == len(models) - 1)
    return table


def cell(metric: str, value: float, models: Scores) -> str:
    """A number with the metric's decimals, bold if it is the best of all models."""
    if math.isnan(value):
        return "-"
    heading, decimals = METRICS[metric]
    known = [v for values in models.values() if not math.isnan(v := values[metric])]
    text = f"{value:.{decimals}f}"
    return f"[bold]{text}[/bold]" if value == (min if "↓" in heading else max)(known) and len(known) > 1 else text


def as_json(evaluation: Evaluation) -> str:
    """Everything, for programs; null for values that are infinite (two equal pictures) or not measured."""

    def finite(models: Scores) -> dict[str, dict[str, float | None]]:
        return {
            model: {metric: value if math.isfinite(value) else None for metric, value in values.items()}
            for model, values in models.items()
        }

    def all_finite(groups: Mapping[str, Scores]) -> dict[str, dict[str, dict[str, float | None]]]:
        return {name: finite(models) for name, models in groups.items()}

    return json.dumps(
        {
            "protocol": list(evaluation.protocol),
            "mean": finite(evaluation.means()),
            "pictures": all_finite(evaluation.scores),
            **{heading: all_finite(groups) for heading, groups in evaluation.breakdowns.items()},
            **({"made": evaluation.made} if evaluation.made else {}),
            "failures": evaluation.failures,
        },
        indent=2,
        ensure_ascii=False,
    )


def write_csv(evaluation: Evaluation, path: Path) -> None:
    """One line per picture and model, then one per model named `mean`, then one per group."""
    groups: list[tuple[str, Scores]] = [*evaluation.scores.items(), ("mean", evaluation.means())]
    for heading, parts in evaluation.breakdowns.items():
        groups += [(f"{heading}: {name}", models) for name, models in parts.items()]
    with whole(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["picture", "model", *next(iter(evaluation.means().values()), {})])
        writer.writeheader()
        for name, models in groups:
            writer.writerows({"picture": name, "model": model, **values} for model, values in models.items())


class ContactSheet:
    """Zoomed crops of the same spot of every result side by side, for each picture, with labels.

    By default the spot is where `baseline` is furthest from the reference, tones aside. Pixels are shown as squares,
    without interpolation. `look` is what `evaluate_upscale` and `evaluate_restore` call.

    Args:
        rows: number of pictures to show; the rest is left out.
        cell: side of each crop on the sheet, in pixels.
        zoom: sheet pixels per pixel of a large picture.
        baseline: name of the image whose errors choose the spot.
        wholes: show every image whole above its crop, instead of only the reference beside them.

    Raises:
        MissingExtra: the library that draws the labels is not installed.
    """

    def __init__(
        self, *, rows: int = 8, cell: int = 288, zoom: int = 3, baseline: str = "bicubic", wholes: bool = False
    ) -> None:
        try:
            import matplotlib
            from PIL import ImageFont
        except ImportError as error:
            raise MissingExtra(
                "contact sheets need Pillow and matplotlib; run `pip install 'daguerre[train]'`"
            ) from error
        # Not Pillow's own font, which is ASCII only, nor the system's, which may have none.
        self.font = ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), LABEL)
        self.limit, self.cell, self.zoom, self.baseline, self.wholes = rows, cell, zoom, baseline, wholes
        self.names: list[str] = []
        self.left_out = 0  # pictures for which there was no room
        self.headings: list[str] = []
        self.rows: list[list[tuple[Image.Image, str]]] = []  # crops with their captions

    def look(self, name: str, images: Mapping[str, Tensor], scores: Scores, spot: Window | None = None) -> None:
        """Add a picture.

        Args:
            images: the input, (1, 3, H, W) in [0, 1]; then the results, and the reference last, all (1, 3, scale * H,
                scale * W).
            scores: by model; the first two metrics are written below its crop.
            spot: window of the reference to show; its edges are multiples of the scale.
        """
        if len(self.names) == self.limit:
            self.left_out += 1
            return
        self.names.append(name)
        *_, right = images.values()
        height, width = right.shape[-2:]
        scale = width // next(iter(images.values())).shape[-1]
        side = max(self.cell // self.zoom // scale, 1) * scale
        spot = spot or worst_spot(images[self.baseline], right, min(side, height), min(side, width), scale)
        labels = [caption(scores.get(model, {})) for model in images]
        crops = [self.crop(image, spot, width // image.shape[-1]) for image in images.values()]
        if self.wholes:
            self.headings = list(images)
            wholes = [self.overview(image, spot) for image in images.values()]
            self.rows.append(list(zip(wholes, labels, strict=True)))
            self.rows.append([(crop, "") for crop in crops[:-1]] + [(crops[-1], name)])
        else:
            self.headings = ["", *images]
            self.rows.append([(self.overview(right, spot), name), *zip(crops, labels, strict=True)])

    def crop(self, image: Tensor, spot: Window, shrunk: int) -> "Image.Image":
        """The spot of an image that is `shrunk` times smaller than the reference, zoomed."""
        rows, columns = (slice(part.start // shrunk, part.stop // shrunk) for part in spot.slices)
        zoom = max(self.cell // max(spot.height, spot.width), 1) * shrunk
        crop = to_pillow(image[..., rows, columns])
        return crop.resize((crop.width * zoom, crop.height * zoom), resample=0)

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
            self.write(draw, Path(heading).name, MARGIN + column * step_x, top - line)
        for row, cells in enumerate(self.rows):
            for column, (picture, label) in enumerate(cells):
                left, upper = MARGIN + column * step_x, top + row * step_y
                sheet.paste(picture, (left, upper))
                self.write(draw, label, left, upper + picture.height + LABEL // 4)
        with whole(path) as partial:
            sheet.save(partial, "PNG")

    def write(self, draw: "ImageDraw.ImageDraw", text: str, left: int, top: int) -> None:
        """Write a label, shortened in the middle if it is wider than a cell."""
        shown, kept = text, len(text)
        while draw.textlength(shown, self.font) > self.cell:
            kept -= 1
            shown = f"{text[: kept // 2]}…{text[len(text) - (kept - kept // 2) :]}"
        draw.text((left, top), shown, INK, self.font)


def caption(values: Mapping[str, float]) -> str:
    """The first two of some scores."""
    said = []
    for name, value in list(values.items())[:2]:
        unit = " dB" if name.startswith("psnr") else ""
        said.append(f"{value:.{METRICS[name][1]}f}{unit}")
    return " / ".join(said)


def worst_spot(image: Tensor, right: Tensor, height: int, width: int, scale: int) -> Window:
    """Window of (height, width), its edges multiples of `scale`, where an image is furthest from the reference."""
    error = (affine_tone_match(image, right) - right).square().mean(dim=1, keepdim=True)
    errors = F.avg_pool2d(error, (height, width), stride=scale)[0, 0]
    row, column = divmod(int(errors.argmax()), errors.shape[1])
    return Window(row * scale, column * scale, height, width)


def to_pillow(image: Tensor) -> "Image.Image":
    from PIL import Image

    pixels = image[0].clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).contiguous()
    return Image.fromarray(pixels.numpy())
