"""Captions, credits and signs, drawn with Matplotlib's fonts: writing that is not damage."""

import math
from functools import cache
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["lettering"]

LETTERS = "ABCDEFGHIKLMNOPRSTUVWabcdefghiiklmnnoooprsstttuuvwaeeeyz0123456789"
MARKS = ".,-'/&()"
STEMS = ("DejaVuS", "STIXGeneral", "cmr10", "cmti10", "cmss10", "cmtt10", "cmb10")  # fonts with all these letters


@cache
def fonts() -> list[Path]:
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return sorted(path for path in folder.glob("*.ttf") if path.stem.startswith(STEMS))


def words(count: int, generator: torch.Generator) -> str:
    """Meaningless words with this many letters."""
    drawn = torch.rand(count, 2, generator=generator).tolist()
    text = ""
    for kind, which in drawn:
        if kind < 0.15:
            text += " "
        elif kind < 0.2:
            text += MARKS[int(which * 0.9999 * len(MARKS))]
        else:
            text += LETTERS[int(which * 0.9999 * len(LETTERS))]
    return text.upper() if drawn[0][1] < 0.35 else text


def lettering(height: int, width: int, *, size: float, generator: torch.Generator) -> Tensor:
    """Coverage by ink (1, 1, H, W): a few lines in one font, more often at a border than in the middle.

    Args:
        height, width: of the picture in pixels.
        size: of a letter in pixels.
    """
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    drawn = torch.rand(9, generator=generator).tolist()
    chosen = fonts()[int(drawn[0] * 0.9999 * len(fonts()))]
    font = ImageFont.truetype(str(chosen), max(round(size), 5))
    lines = 1 + int(3 * drawn[1] ** 2)
    text = "\n".join(words(3 + int(28 * drawn[2]), generator) for _ in range(lines))
    plate = Image.new("L", (width, height))
    along, across = drawn[3], drawn[4]
    if drawn[5] < 0.65:
        across = across * 0.12 if across < 0.5 else 1 - (1 - across) * 0.2 - size / height
    place = (round(width * (along * 0.9 - 0.15)), round(height * across))
    ImageDraw.Draw(plate).multiline_text(place, text, fill=255, font=font, stroke_width=int(drawn[6] > 0.9))
    cover = torch.from_numpy(np.asarray(plate).copy())[None, None].float() / 255
    if drawn[7] < 0.5:
        tilt = math.radians(12 * (2 * drawn[8] - 1) * drawn[7])
        turn = torch.tensor([[[math.cos(tilt), -math.sin(tilt), 0.0], [math.sin(tilt), math.cos(tilt), 0.0]]])
        cover = F.grid_sample(cover, F.affine_grid(turn, list(cover.shape), align_corners=False), align_corners=False)
    if drawn[7] > 0.75:
        cover = torch.rot90(cover, 1, (2, 3)) if height == width else cover
    return cover
