"""Examples like scans of damaged prints: real textures over photographs, soft, compressed and enlarged."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from daguerre.degradation.aging import DAMAGES, age
from daguerre.degradation.aging import paper_damage as paper
from daguerre.degradation.aging.distractors import add_border, add_distractors
from daguerre.degradation.aging.noise import colour, pixel_coordinates, smooth_noise, white_noise
from daguerre.degradation.aging.real_textures import (
    PAPERS,
    STYLES,
    Texture,
    crack_net,
    flakes,
    lay_cut_out,
    lay_damage,
    read_texture,
    specks,
    take,
)
from daguerre.degradation.aging.texture import compress
from daguerre.images.filters import gaussian
from daguerre.training.data.draws import Draws
from daguerre.training.data.lettering import lettering
from daguerre.training.data.pictures import picture_files

__all__ = ["DAMAGED", "WRITING", "DamagedExample", "damaged_photo", "load_marks", "load_textures", "marked_photo"]

# Change of a channel, after all blur, from which it counts as damage, and up to which it does not.
SEEN, UNSEEN = 0.09, 0.045
WRITING = DAMAGES.index("writing") + 1
FINEST, COARSEST = 1.0, 3.0  # factors by which a scan is enlarged
LEAST_SIZE, GREATEST_SIZE = 0.6, 1.8  # scale factors of a photograph with marked damage
DAMAGED, EITHER, SOUND = 255, 128, 64  # levels of a mask; 0 was not marked, and may have been overlooked
# Of new pictures, and of old ones, the fraction below the first bound is aged, and that between the two has damage laid
# over it. The rest is undamaged, like most look-alikes of damage in real photographs.
AGED, LAID = (0.35, 0.12), ((0.3, 0.5), (0.65, 1.0))
CUT_OUT = 0.45  # of what is laid over pictures was cut out of others, where there are any
ON_DAMAGE, ON_SOUND = 0.6, 0.8  # bounds of a draw: up to them, crops are around damage, or what only looks like it
TURNED = 0.15  # of the photographs with marks lie on a side
OWN_TONES = (0.25, 0.35)  # of the new pictures keep their tones: damaged ones, and undamaged ones


@dataclass(frozen=True)
class DamagedExample:
    """A crop (1, 3, H, W) in [0, 1], and its masks of damage and of writing, (1, 2, H, W), 1 = marked.

    Changes that are hard to see are not `certain`, (1, 1, H, W), 1 = certain.
    """

    image: Tensor
    target: Tensor
    certain: Tensor


def load_textures(data: Path, parts: Sequence[str], exclude: Sequence[str] = ()) -> list[Texture]:
    """The scans of damage in some parts of the data, except excluded and unusable ones.

    Raises:
        DataError: a part is missing.
    """
    textures = []
    for name, read in picture_files(data, parts):
        if Path(name).name in exclude:
            continue
        with Image.open(io.BytesIO(read())) as scan:
            pixels = np.array(scan.convert("RGBA"))
        textures.append(read_texture(torch.from_numpy(pixels).permute(2, 0, 1)))
    return [texture for texture in textures if texture is not None]


def load_marks(data: Path, parts: Sequence[str]) -> dict[str, Tensor]:
    """Masks of photographs (1, H, W), 8 bits, in some parts of the data, by name without suffix.

    Levels: DAMAGED; SOUND, which looks like damage; EITHER, of which nobody knows; 0 for the rest.

    Raises:
        DataError: a part is missing.
    """
    marks = {}
    for name, read in picture_files(data, parts):
        with Image.open(io.BytesIO(read())) as mask:
            marks[Path(name).stem] = torch.from_numpy(np.array(mask.convert("L")))[None]
    return marks


def marked_photo(
    picture: Tensor, marks: Tensor, textures: Sequence[Texture], side: int, generator: torch.Generator
) -> DamagedExample:
    """A crop, slightly altered, of a photograph (3, H, W), 8 bits, whose damage is marked (1, H, W).

    Usually there is marked damage, or a look-alike, near its center; sometimes more damage is laid over it.

    Args:
        side: of the crop in pixels.
    """
    dice = Draws(generator)
    _, height, width = picture.shape
    reach = min(round(side / dice.log(LEAST_SIZE, GREATEST_SIZE)), height, width)
    top, left = (int(dice.number(0, 0.99999) * (n - reach + 1)) for n in (height, width))
    where = dice.number()
    sought = DAMAGED if where < ON_DAMAGE else SOUND if where < ON_SOUND else None
    places = (marks[0] == sought).nonzero() if sought else marks.new_zeros(0, 2)
    if len(places):
        row, column = places[int(dice.number(0, 0.99999) * len(places))].tolist()
        top, left = (
            min(max(at - int(dice.number(0.1, 0.9) * reach), 0), n - reach)
            for at, n in ((row, height), (column, width))
        )
    rows, columns = slice(top, top + reach), slice(left, left + reach)
    stacked = [picture, (marks == DAMAGED) * 255, (marks == EITHER) * 255]
    crop = torch.cat([plane[:, rows, columns].float() for plane in stacked])[None] / 255
    crop = crop.flip(3) if dice.maybe(0.5) else crop
    crop = crop.transpose(2, 3) if dice.maybe(TURNED) else crop
    crop = F.interpolate(crop, size=(side, side), mode="bilinear", antialias=True)
    image, lost, either = crop[:, :3], (crop[:, 3:4] > 0.35).float(), (crop[:, 4:] > 0.35).float()
    if dice.maybe(0.4):
        image = image.mean(1, keepdim=True).expand(1, 3, -1, -1)
    image = (dice.number(-0.08, 0.08) + dice.number(0.8, 1.15) * image).clamp(0, 1) ** dice.log(0.75, 1.35)
    sound = image
    if dice.maybe(0.3):
        image = harmed(image, textures, dice)
    example = scanned(image, sound, lost, torch.zeros_like(lost), side, dice)
    certain = example.certain * torch.maximum(1 - either, example.target[:, :1])
    return DamagedExample(example.image, example.target, certain)


def damaged_photo(
    picture: Tensor, textures: Sequence[Texture], side: int, generator: torch.Generator, *, old: bool
) -> DamagedExample:
    """A crop of a picture (3, H, W), 8 bits, like a scan of a damaged print.

    Args:
        side: of the crop in pixels.
        old: the photograph is old already: its tones are kept, and damage is added less often.
    """
    dice = Draws(generator)
    enlarged = 1.0 if dice.maybe(0.45) else dice.log(FINEST, COARSEST)
    small = max(math.ceil(side / enlarged), 64)
    image = piece(picture, small, dice, shrink=not old)
    small = image.shape[-1]
    written = torch.zeros_like(image[:, :1])
    image, written = scene(image, written, textures, dice, old=old)
    lost = torch.zeros_like(written)
    harm = dice.number()
    undamaged = harm >= max(AGED[old], LAID[old][1])
    if not old and not dice.maybe(OWN_TONES[undamaged]):
        image = tones(image, dice)
    if harm < AGED[old]:
        kind = "damaged" if old or dice.maybe(0.4) else "any"
        aged = age(image, seed=generator, kind=kind, strength=dice.number(0.3, 1.6), unit=dice.log(0.8, 2.0))
        image, lost = aged.image, aged.lost.float()
        written = torch.maximum(written, (aged.kinds == WRITING).float())
        lost = lost * (aged.kinds != WRITING)
    sound = image
    if LAID[old][0] < harm < LAID[old][1]:
        for _ in range(1 + int(2.5 * dice.number() ** 2)):
            image = harmed(image, textures, dice)
    return scanned(image, sound, lost, written, side, dice)


def piece(picture: Tensor, side: int, dice: Draws, *, shrink: bool) -> Tensor:
    """A square piece (1, 3, side, side) of a picture, mirrored half of the time, never upside down."""
    _, height, width = picture.shape
    room = min(height, width) / side
    factor = dice.log(1.0, max(min(room, 2.5), 1.0)) if shrink else min(room, 1.0) or 1.0
    reach = min(max(round(side * (factor if room >= 1 else room)), 16), height, width)
    top, left = (int(dice.number(0, 0.99999) * (n - reach + 1)) for n in (height, width))
    crop = picture[:, top : top + reach, left : left + reach][None].float() / 255
    crop = crop.flip(3) if dice.maybe(0.5) else crop
    if reach != side:
        crop = F.interpolate(crop, size=(side, side), mode="bicubic", antialias=True).clamp(0, 1)
    return crop


def scene(
    image: Tensor, written: Tensor, textures: Sequence[Texture], dice: Draws, *, old: bool
) -> tuple[Tensor, Tensor]:
    """Undamaged look-alikes of damage: sticks and plates, borders, film edges, frames, writing."""
    side = image.shape[-1]
    if dice.maybe(0.05 if old else 0.12):  # its rails look like scratches
        reach = dice.log(0.05, 0.3) * side
        image = add_distractors(image, count=1 + int(5 * dice.number()), size=reach, generator=dice.generator)
    if dice.maybe(0.3):
        image = add_border(image, generator=dice.generator)
    framed = [texture for texture in textures if texture.form == "frame"]
    if framed and dice.maybe(0.06):
        image = frame(image, dice.pick(framed), dice)
    for chance in (0.3, 0.1):
        image = strip(image, dice) if dice.maybe(chance) else image
    if dice.maybe(0.35):
        for _ in range(1 + int(2 * dice.number())):
            size = dice.log(6, 0.25 * side)
            cover = lettering(side, side, size=size, generator=dice.generator)
            ink = colour(dice.pick([(0.05, 0.05, 0.06), (0.2, 0.17, 0.15), (0.1, 0.1, 0.3), *PAPERS]), image)
            image = torch.lerp(image, ink.expand_as(image), cover * dice.number(0.5, 1))
            written = torch.maximum(written, (cover > 0.3).float())
    return image, written


def frame(image: Tensor, texture: Texture, dice: Draws) -> Tensor:
    """A corner of a frame around a picture."""
    assert texture.pixels is not None
    stacked = torch.cat([texture.pixels, texture.cover])
    _, height, width = stacked.shape
    reach = int(min(height, width) * dice.number(0.4, 0.8))
    top, left = (0 if dice.maybe(0.5) else n - reach for n in (height, width))
    corner = stacked[:, top : top + reach, left : left + reach][None].float() / 255
    corner = F.interpolate(corner, size=image.shape[-2:], mode="bilinear", antialias=True)
    return torch.lerp(image, corner[:, :3], corner[:, 3:])


def strip(image: Tensor, dice: Draws) -> Tensor:
    """A border along one side: a scanner's bed with the paper's shadow, a mount, a film's rebate with its holes."""
    y, x = pixel_coordinates(image)
    side = image.shape[-1]
    tilt = math.tan(dice.number(-0.06, 0.06) * dice.number())
    away = (x if dice.maybe(0.5) else side - 1 - x) + tilt * (y - side / 2)
    if dice.maybe(0.5):
        away = away.transpose(2, 3)
    depth = dice.log(0.02, 0.3) * side
    rough = dice.number() ** 3 * 2 * smooth_noise(image, dice.log(6, 60), dice.generator)
    inside = away - depth + rough
    shade = dice.pick([0.0, 0.03, 0.08, 0.97, 1.0, 1.0, 0.9, 0.5, dice.number()])
    ink = image.new_tensor([shade, shade * dice.number(0.9, 1), shade * dice.number(0.75, 1)]).view(1, 3, 1, 1)
    image = image * (1 - dice.number(0, 0.6) * torch.exp(-inside.clamp(min=0) / dice.log(1, 8)))
    image = torch.lerp(image, ink.expand_as(image), torch.sigmoid(-2 * inside / dice.number(0.5, 2.5)))
    if shade < 0.1 and dice.maybe(0.5) and depth > 12:  # sprocket holes
        along = y if away.shape[-1] == side and away.shape[-2] != 1 else x
        along = y.expand_as(inside) if bool((inside[0, 0, 0] - inside[0, 0, -1]).abs().mean() < 2) else x
        pitch = dice.number(0.7, 1.3) * depth
        phase = (along / pitch).frac() - 0.5
        box = torch.maximum((phase.abs() - 0.28) * pitch, (away - depth / 2).abs() - 0.3 * depth)
        hole = torch.sigmoid(-2 * box)
        image = torch.lerp(image, torch.full_like(image, dice.pick([1.0, 0.95, 0.6])), hole)
    return image


def tones(image: Tensor, dice: Draws) -> Tensor:
    """Tones of old prints: gray, toned, pale or dark."""
    if dice.maybe(0.75):
        weights = torch.tensor([dice.number(0.1, 0.4), dice.number(0.3, 0.7), dice.number(0.05, 0.4)])
        image = (image * (weights / weights.sum()).view(1, 3, 1, 1)).sum(1, keepdim=True).expand(1, 3, -1, -1)
    low, high = dice.number(0, 0.3) * dice.number(), 1 - dice.number(0, 0.4) * dice.number()
    image = low + (high - low) * image.clamp(0, 1) ** dice.log(0.6, 1.7)
    if dice.maybe(0.6):
        warm = dice.number(0, 0.35)
        image = image * torch.tensor([1.0, 1 - 0.4 * warm, 1 - warm]).view(1, 3, 1, 1)
    return image


def harmed(image: Tensor, textures: Sequence[Texture], dice: Draws) -> Tensor:
    """Add one kind of damage to an image."""
    side = image.shape[-1]
    cut_out = [texture for texture in textures if texture.form == "cutout"]
    if cut_out and dice.maybe(CUT_OUT):
        return lay_cut_out(image, dice.pick(cut_out), generator=dice.generator)
    scans = [texture for texture in textures if texture.form == "damage"]
    kind = dice.number() if scans else dice.number(0.5, 1)
    style = dice.pick(STYLES)
    if kind < 0.5:
        cover = take(dice.pick(scans).cover, side, dice.generator)
        cover = (cover * dice.number(0.8, 1.8)).clamp(0, 1)
    elif kind < 0.68:
        cover = specks(image, share=dice.log(2e-4, 8e-3), generator=dice.generator)
        style = dice.pick(["paper", "paper", "lighter", "darker"])
    elif kind < 0.82:
        cells = round(dice.log(3, 40))
        cover = crack_net(image, cells=cells, width=dice.log(0.3, 2.5), generator=dice.generator)
    elif kind < 0.94:
        cover = flakes(image, size=dice.log(6, 90), share=dice.log(0.003, 0.08), generator=dice.generator)
        style = dice.pick(["peeled", "peeled", "paper", "lighter"])
    else:
        rim, backing = dice.log(1.5, 6), dice.pick([(1.0, 1.0, 1.0), (0.95, 0.94, 0.9), (0.05, 0.05, 0.05)])
        if dice.maybe(0.65):
            size = dice.log(0.1, 0.6) * side
            return paper.torn_corner(image, size=size, rim=rim, backing=backing, generator=dice.generator)[0]
        depth = dice.log(0.01, 0.06) * side
        return paper.torn_edge(image, depth=depth, rim=rim, backing=backing, generator=dice.generator)[0]
    return lay_damage(image, cover, style=style, generator=dice.generator)


def scanned(image: Tensor, sound: Tensor, lost: Tensor, written: Tensor, side: int, dice: Draws) -> DamagedExample:
    """A crop after scanning and web publishing: soft, enlarged, noisy, compressed; only visible damage counts."""
    both = torch.cat([image, sound])
    masks = torch.cat([lost, written], 1)
    if dice.maybe(0.6):
        both = gaussian(both, dice.log(0.3, 1.3))
    if image.shape[-1] != side:
        mode = dice.pick(["bicubic", "bilinear"])
        both = F.interpolate(both, size=(side, side), mode=mode).clamp(0, 1)
        masks = (F.interpolate(masks, size=(side, side), mode="bilinear") > 0.4).float()
    change = (both[:1] - both[1:]).abs().amax(1, keepdim=True)
    lost = torch.maximum(masks[:, :1], (change >= SEEN).float())
    certain = torch.maximum(lost, (change <= UNSEEN).float())
    image = both[:1]
    if dice.maybe(0.5):
        grain = white_noise(image, 1 if dice.maybe(0.7) else 3, dice.generator)
        grain = gaussian(grain, dice.number(0.3, 1.0)) if dice.maybe(0.5) else grain
        image = (image + dice.log(0.004, 0.05) * grain).clamp(0, 1)
    if dice.maybe(0.7):
        image = compress(image, quality=round(dice.number(35, 95)))
    written = masks[:, 1:] * (1 - lost)
    return DamagedExample(image.clamp(0, 1), torch.cat([lost, written], 1), certain)
