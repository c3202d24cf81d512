"""Real damage laid over photographs: scans of cracks, scratches, dust and worn borders, and how they catch the light.

A texture is a scan of damage alone: light on black paper, dark on white, or transparent where there is none. Its form
is recognized from the scan itself, so a folder of scans needs no index.
"""

import math
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from daguerre.degradation.aging.noise import Colour, colour, pixel_coordinates, smooth_noise, uniform, white_noise
from daguerre.images.filters import gaussian

__all__ = [
    "STYLES",
    "Texture",
    "crack_net",
    "cut_out",
    "flakes",
    "lay_cut_out",
    "lay_damage",
    "read_texture",
    "specks",
    "take",
]

Form = Literal["damage", "frame", "paper", "cutout"]

DARK, LIGHT = 0.3, 0.72  # mean lightness below which a scan shows light damage, and above which dark damage
CLEAR = 0.02  # fraction of a picture that must be transparent for its alpha to be used as coverage
BED = 31  # divisions of a scan's shorter side, at which the paper's own shade is estimated
GREY = 0.06  # difference between channels above which a light scan is yellowed paper, not marks
FAINT = 0.1  # lightness above the paper's that still counts as paper
CROWDED = 0.25  # fraction of a scan that damage may cover; beyond that it is paper grain
RIM = 2  # pixels: what is cut out with the damage of a photograph
TRIES = 4  # places tried when looking for damage
PAPERS: list[Colour] = [(0.97, 0.96, 0.94), (0.93, 0.90, 0.84), (0.88, 0.83, 0.74), (0.75, 0.73, 0.70), (1.0, 1.0, 1.0)]
STYLES = ("paper", "paper", "lighter", "lighter", "folded", "folded", "peeled", "darker")
"""How damage looks, as often as it does: bare paper, worn thin, creased with a lit and a shady side, come off with a
dark rim, filled with dirt."""


@dataclass(frozen=True)
class Texture:
    """A scan of damage.

    Args:
        form: damage, a frame around a picture, plain paper, or damage cut out of a photograph.
        cover: coverage of each pixel (1, H, W), 8 bits; for paper, its lightness.
        pixels: colors (3, H, W), 8 bits, of a frame or of a damaged photograph.
        beneath: colors that this photograph may have had under its damage, (3, H, W), 8 bits.
    """

    form: Form
    cover: Tensor
    pixels: Tensor | None = None
    beneath: Tensor | None = None


def read_texture(pixels: Tensor) -> Texture | None:
    """The texture in a scan (3 or 4, H, W), 8 bits; None if it is unusable.

    A scan whose alpha is opaque around a transparent center is a frame.
    """
    if pixels.shape[0] == 4 and (pixels[3] < 128).float().mean() > CLEAR:
        alpha = pixels[3:]
        _, height, width = alpha.shape
        inner = alpha[:, height // 4 : -height // 4, width // 4 : -width // 4].float().mean() / 255
        if inner < 0.1 and alpha.float().mean() / 255 > 0.05:
            return Texture("frame", alpha, pixels[:3])
        return Texture("damage", alpha) if alpha.float().mean() / 255 < CROWDED else None
    light = pixels[:3].float().amax(0, keepdim=True)[None] / 255
    mean = light.mean()
    coloured = (pixels[:3].amax(0).int() - pixels[:3].amin(0).int()).float().mean() / 255
    if DARK <= mean <= LIGHT or (mean > LIGHT and (coloured > GREY or not contrasted(light))):
        return Texture("paper", to_bytes(light[0]))
    raised = light if mean < DARK else 1 - light
    raised = raised - bed(raised) - FAINT
    top = torch.quantile(raised.flatten()[::7].clamp(min=0), 0.999).clamp(min=0.15)
    cover = (raised / top).clamp(0, 1)
    return Texture("damage", to_bytes(cover[0])) if (cover > 0.3).float().mean() < CROWDED else None


def cut_out(photograph: Tensor, damaged: Tensor) -> Texture:
    """The damage of a photograph (3, H, W), 8 bits, where it is `damaged` (1, H, W), to lay over others."""
    mask = damaged[0].byte().numpy()
    mask = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * RIM + 1, 2 * RIM + 1)))
    pixels = np.ascontiguousarray(photograph.permute(1, 2, 0).numpy())
    beneath = torch.from_numpy(cv2.inpaint(pixels, mask, RIM, cv2.INPAINT_TELEA)).permute(2, 0, 1).contiguous()
    return Texture("cutout", to_bytes(torch.from_numpy(mask)[None].float()), photograph, beneath)


def lay_cut_out(image: Tensor, damage: Texture, *, generator: torch.Generator) -> Tensor:
    """Damage an image (1, 3, H, W) in [0, 1] by a piece of what was cut out of a photograph.

    What it changed there is added, or its colors replace the image's: emulsion that is worn, or gone.
    """
    assert damage.pixels is not None
    assert damage.beneath is not None
    drawn = torch.rand(8, generator=generator).tolist()
    side = image.shape[-1]
    _, height, width = damage.cover.shape
    reach = min(round(side * 0.6 * 3 ** drawn[0]), height, width)
    places = damage.cover[0].nonzero()
    row, column = places[int(drawn[1] * 0.9999 * len(places))].tolist()
    top, left = (
        min(max(at - int((0.1 + 0.8 * part) * reach), 0), n - reach)
        for at, part, n in ((row, drawn[2], height), (column, drawn[3], width))
    )
    stacked = torch.cat([damage.cover, damage.pixels, damage.beneath])[:, top : top + reach, left : left + reach]
    piece = F.interpolate(stacked[None].float() / 255, size=image.shape[-2:], mode="bilinear", antialias=True)
    turns = int(drawn[4] * 8)
    piece = torch.rot90(piece, turns % 4, (2, 3))
    piece = piece.flip(3) if turns >= 4 else piece
    cover, there, beneath = gaussian(piece[:, :1], 0.7), piece[:, 1:4], piece[:, 4:]
    if drawn[5] < 0.5:
        there, beneath = (one.mean(1, keepdim=True).expand(1, 3, -1, -1) for one in (there, beneath))
    if drawn[6] < 0.6:
        worn: Tensor = (image + (0.7 + 0.8 * drawn[7]) * cover * (there - beneath)).clamp(0, 1)
        return worn
    changed = ((there - beneath).abs().amax(1, keepdim=True) / 0.15).clamp(0, 1)
    return torch.lerp(image, there, cover * changed)


def contrasted(light: Tensor) -> bool:
    """Whether a light scan (1, 1, H, W) shows black marks."""
    return bool((light < 0.35).float().mean() > 0.002)


def bed(light: Tensor) -> Tensor:
    """The shade of the paper under the damage (1, 1, H, W): the darkest quarter of each neighborhood, smoothed."""
    side = max(min(light.shape[-2:]) // BED, 4)
    coarse = F.avg_pool2d(light, 4)
    low = -F.max_pool2d(-F.avg_pool2d(coarse, max(side // 8, 1)), 3, stride=1, padding=1)
    return F.interpolate(low, size=light.shape[-2:], mode="bilinear")


def to_bytes(values: Tensor) -> Tensor:
    return (values * 255).round().byte()


def take(cover: Tensor, side: int, generator: torch.Generator, *, sizes: tuple[float, float] = (0.7, 3.0)) -> Tensor:
    """A square piece (1, 1, side, side) in [0, 1] of a texture's cover (1, H, W), resized, turned and mirrored.

    Of several places, usually the one with the most damage is taken.

    Args:
        sizes: smallest and largest number of texture pixels per resulting pixel.
    """
    drawn = torch.rand(3 + 2 * TRIES, generator=generator).tolist()
    _, height, width = cover.shape
    size = sizes[0] * (sizes[1] / sizes[0]) ** drawn[0]
    reach = min(max(round(side * size), 8), height, width)
    best: Tensor | None = None
    for at in range(TRIES if drawn[1] < 0.75 else 1):
        top, left = (int(drawn[3 + 2 * at + k] * (n - reach + 1)) for k, n in enumerate((height, width)))
        piece = cover[:, top : top + reach, left : left + reach]
        if best is None or piece[:, ::4, ::4].float().mean() > best[:, ::4, ::4].float().mean():
            best = piece
    assert best is not None
    made = F.interpolate(best[None].float() / 255, size=(side, side), mode="bilinear", antialias=reach > side)
    turns = int(drawn[2] * 8)
    made = torch.rot90(made, turns % 4, (2, 3))
    return made.flip(3) if turns >= 4 else made


def lay_damage(image: Tensor, cover: Tensor, *, style: str, generator: torch.Generator) -> Tensor:
    """Damage an image (1, 3, H, W) in [0, 1] where `cover` (1, 1, H, W) says, in one of `STYLES`."""
    drawn = torch.rand(8, generator=generator).tolist()
    opacity = 0.35 + 0.65 * drawn[0]
    ink = colour(PAPERS[int(drawn[1] * 0.9999 * len(PAPERS))], image).expand_as(image)
    if style == "darker":
        darkened: Tensor = image * (1 - opacity * cover * (0.5 + 0.5 * drawn[2]))
        return darkened
    if style == "lighter":
        lightened: Tensor = image + (ink - image).clamp(min=0) * cover * opacity
        return lightened
    if style == "folded":
        soft = gaussian(cover, 0.5 + 2 * drawn[3])
        turn = 2 * math.pi * drawn[4]
        down, across = (soft.roll(1, dim) - soft.roll(-1, dim) for dim in (2, 3))
        relief = math.cos(turn) * across + math.sin(turn) * down
        image = image * (1 + (0.3 + 1.2 * drawn[5]) * relief)
        core = ((cover - 0.3 - 0.4 * drawn[2]) * 4).clamp(0, 1)
        return torch.lerp(image, ink, core * opacity).clamp(0, 1)
    if style == "peeled":
        gone = ((cover - 0.15 - 0.3 * drawn[2]) * 5).clamp(0, 1)
        rim = (gaussian(gone, 0.7 + 1.5 * drawn[3]) - gone).clamp(min=0)
        image = image * (1 - (0.3 + drawn[5]) * rim).clamp(min=0)
        paper = ink * (1 + 0.05 * smooth_noise(image, 3.0, generator))
        return torch.lerp(image, paper, gone * max(opacity, 0.6)).clamp(0, 1)
    return torch.lerp(image, ink, cover * opacity)


def specks(like: Tensor, *, share: float, generator: torch.Generator) -> Tensor:
    """Specks and pinholes of varying density: their coverage (1, 1, H, W) of `like` (1, …, H, W).

    Args:
        share: approximate fraction of pixels at which one starts.
    """
    cloud = torch.exp(1.2 * smooth_noise(like, min(like.shape[-2:]) / 3, generator))
    total = like.new_zeros(1, 1, *like.shape[-2:])
    for radius, part in ((0.45, 0.6), (0.8, 0.3), (1.4, 0.08), (2.4, 0.02)):
        starts = torch.rand(total.shape, generator=generator) < share * part * cloud
        strength = torch.rand(total.shape, generator=generator) * 0.8 + 0.4
        reach = math.ceil(radius + 1)
        y, x = pixel_coordinates(like.new_zeros(1, 1, 2 * reach + 1, 2 * reach + 1))
        disc = (radius + 0.5 - torch.hypot(y - reach, x - reach)).clamp(0, 1)
        disc = disc / disc.amax() if radius >= 0.5 else disc
        total = torch.maximum(total, F.conv2d(starts * strength, disc, padding=reach))
    ragged = 1 + 0.5 * white_noise(like, 1, generator) * (total > 0)
    return (total * ragged).clamp(0, 1)


def crack_net(like: Tensor, *, cells: int, width: float, generator: torch.Generator) -> Tensor:
    """Cracks between `cells` islands of emulsion, some of them closed: their coverage (1, 1, H, W).

    They are the borders of Voronoi cells, distorted by noise.
    """
    y, x = pixel_coordinates(like)
    height, longer = like.shape[-2:]
    sway = 0.25 * math.sqrt(height * longer / cells)
    y = y + sway * 0.5 * smooth_noise(like, sway, generator, 3)
    x = x + sway * 0.5 * smooth_noise(like, sway, generator, 3)
    rows, columns = (uniform(like, -0.1, 1.1, generator, cells) * n for n in (height, longer))
    near = torch.hypot(y - rows, x - columns).topk(2, dim=1, largest=False).values
    open_ = (0.6 + 1.2 * smooth_noise(like, 2 * sway, generator, 2)).clamp(0, 1.5)
    return (width * open_ - (near[:, 1:] - near[:, :1]) / 2 + 0.5).clamp(0, 1) * (open_ > 0.05)


def flakes(like: Tensor, *, size: float, share: float, generator: torch.Generator) -> Tensor:
    """Coverage where emulsion has come off in ragged pieces of about `size` pixels, over a `share` of the picture."""
    hills = smooth_noise(like, size, generator, 5)
    level = torch.quantile(hills.flatten()[::5], 1 - share)
    return ((hills - level) * 8 + 0.5).clamp(0, 1)
