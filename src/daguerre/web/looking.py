"""Functions of the preview process: everything that the page needs at once, while the other process works."""

import functools
from collections.abc import Callable
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np

from daguerre import weights
from daguerre.errors import OptionError, PictureError
from daguerre.images import WRITABLE, Picture, SaveOptions
from daguerre.images.metadata import Metadata
from daguerre.images.window_map import map_windows
from daguerre.tasks.registry import TASKS, options_of
from daguerre.tasks.restoration import tone_correction
from daguerre.tasks.restoration.damage_detection import ScratchDetector
from daguerre.tasks.restoration.tone_correction import ToneCorrection
from daguerre.tasks.upscaling.upscaler import Upscaler
from daguerre.tiling import Window
from daguerre.web.describing import FIXED, command_of, recipe_of, understood
from daguerre.web.folder import PhotoFolder
from daguerre.web.styles import draw_style

__all__ = [
    "PREVIEW",
    "THUMB",
    "describe",
    "dial",
    "draw_style_file",
    "inspect",
    "inspect_style",
    "paint_mask",
    "save_small",
    "schema",
    "show_damage",
    "show_large",
    "show_tones",
    "warm",
]

PREVIEW, LARGE, THUMB, TONE = 2_000_000, 24_000_000, 60_000, 90_000
"""Pixels of copies: for work, for zooming in, for lists, and for choosing tones."""

DETAIL_SIDE = 96  # pixels; side of the part that is enlarged as a preview
TONES = {"off": None, "auto": (False, False), "strong": (True, False), "sepia": (True, True)}
"""Ways to correct tones: whether they have certainly changed, and whether to keep every tint."""

Report = Callable[[Any], None]


def warm() -> None:
    """Do nothing beyond the imports above."""


def save_small(picture: Picture, path: Path, pixels: int) -> Picture:
    """Save a copy of limited size, in sRGB, without metadata; a mask as PNG."""
    share = min((pixels / (picture.height * picture.width)) ** 0.5, 1)
    image = picture.image
    if share < 1:
        wide, high = (max(round(side * share), 1) / side for side in (picture.width, picture.height))
        image = image.resize(wide, vscale=high)
    small = Picture(image, bits=picture.bits, colour=picture.colour, metadata=Metadata())
    small.save(path, overwrite=True, options=SaveOptions(quality=90 if path.suffix == ".jpg" else None, profile="srgb"))
    return small


def inspect(path: str, folder: str, max_pixels: int, report: Report) -> dict[str, Any]:
    """Check an uploaded photograph, and make thumbnails of it.

    Args:
        folder: folder for these; empty to check only the first bytes, and only the size.

    Raises:
        PictureError: why it cannot be used.
    """
    if not folder:
        try:
            picture = Picture.open(path, max_pixels=max_pixels)
        except PictureError as error:
            if "allow" in str(error):
                raise PictureError(plain(error, path)) from None
            return {}
        return {"width": picture.width, "height": picture.height}
    try:
        picture = Picture.open(path, max_pixels=max_pixels)
        small = save_small(picture, Path(folder) / "preview.jpg", PREVIEW)
        save_small(small, Path(folder) / "thumb.jpg", THUMB)
    except PictureError as error:
        raise PictureError(plain(error, path)) from None
    return {
        "width": picture.width,
        "height": picture.height,
        "bits": picture.bits,
        "dpi": round(picture.image.xres * 25.4),
        "preview": [small.width, small.height],
    }


def plain(error: PictureError, path: str) -> str:
    """An error message for people without a command line."""
    name = Path(path).name
    line = str(error).replace(path, name).split("; if you trust it")[0]
    return line if name in line else f"{name}: {line}"


def describe(
    root: str, kept: bool, asked: dict[str, Any], photo: str, max_pixels: int, report: Report
) -> dict[str, Any]:
    """Check a request for a photograph.

    Returns:
        `options`, as `Work.dumps` writes them; `stem` and `ending` of the result's name; `tasks`; `command` and
        `recipe`, which do the same; `size` (height, width) of the result.
    """
    folder = PhotoFolder(Path(root), kept=kept)
    request = understood(asked, folder.referred, max_pixels)
    path = folder.photo(photo)
    if path is None:
        raise OptionError("this photograph is not here any more; bring it again")
    info = folder.info(photo) or {}
    size = request.work.out_size(info["height"], info["width"])
    if size[0] * size[1] > 4 * max_pixels:
        raise OptionError(f"the result would have {size[1]} x {size[0]} pixels, too many for this page; take fewer")
    with_ending = path.suffix if path.suffix.lower() in WRITABLE else ".png"
    return {
        "options": request.work.dumps(),
        "stem": path.stem + request.suffix,
        "ending": request.ending or with_ending,
        "tasks": list(request.work.tasks),
        "command": command_of(request, path.name),
        "recipe": recipe_of(request, folder.own),
        "size": size,
    }


@functools.lru_cache(maxsize=1)
def detector(sensitivity: float) -> ScratchDetector:
    return ScratchDetector(sensitivity=sensitivity)


def show_large(path: str, target: str, report: Report) -> None:
    """A large copy for zooming in."""
    save_small(Picture.open(path), Path(target), LARGE)


def show_damage(path: str, folder: str, sensitivity: float, report: Report) -> None:
    """Detect the damage of a photograph; `damage.png` in the folder is a small mask, `mask.png` the full one."""
    mask = detector(sensitivity)(Picture.open(path))
    mask.save(Path(folder) / "mask.png", overwrite=True)
    save_small(mask, Path(folder) / "damage.png", PREVIEW)


def paint_mask(photo: str, painted: str, found: str, whole: str, target: str, report: Report) -> None:
    """Make a full-size mask from one that was painted over a small copy of a photograph.

    Where the painted mask equals the detected one, the full-size detected mask is used, with its finer outline.

    Args:
        painted: the current small mask.
        found, whole: the previous small and full-size masks; empty if there were none.
        target: file for the new mask, in the photograph's size.
    """
    picture = Picture.open(photo)
    brush = np.asarray(Picture.open(painted))
    brush = (brush[..., :3].max(2) if brush.ndim == 3 else brush) >= 128
    size = picture.height, picture.width
    made = enlarged(brush, size)
    if whole:
        before = np.asarray(Picture.open(whole)) >= 128
        seen = np.asarray(Picture.open(found)) >= 128
        if seen.shape == brush.shape and before.shape == size:
            made = np.where(enlarged(brush != seen, size), made, before)
    Picture.from_array(made).save(target, overwrite=True)


def enlarged(mask: Any, size: tuple[int, int]) -> Any:
    """A mask (h, w) at another size, nearest pixels."""
    rows = np.arange(size[0]) * mask.shape[0] // size[0]
    columns = np.arange(size[1]) * mask.shape[1] // size[1]
    return mask[rows[:, None], columns]


def show_tones(path: str, folder: str, report: Report) -> list[str]:
    """Make thumbnails of all ways to correct the tones of a photograph; returns those that differ."""
    whole = Picture.open(path)
    small = save_small(whole, Path(folder) / "tone-0.jpg", TONE)
    model = tone_model()
    for number, how in enumerate(TONES.values()):
        if how is None:
            continue
        tones = ToneCorrection.estimate(small, model, changed=how[0], keep_colour=how[1])
        made = map_windows(small, tones, step="", like=small)
        save_small(made, Path(folder) / f"tone-{number}.jpg", TONE)
        report(("tone", number))
    return list(TONES)


@functools.lru_cache(maxsize=1)
def tone_model() -> Any:
    import torch

    from daguerre.devices import Device, choose_device

    device = choose_device()
    return weights.load(tone_correction.MODEL).on(Device(device.torch_device, torch.float32))


@functools.lru_cache(maxsize=4)
def upscaler(clean: bool, vivid: float, scale: float) -> Upscaler:
    return Upscaler(clean=clean, vivid=vivid, scale=scale)


def dial(path: str, x: float, y: float, clean: bool, vivid: float, scale: float, report: Report) -> bytes:
    """A part of a photograph, enlarged, as a JPEG file.

    Args:
        x, y: its center, relative to the photograph.
    """
    picture = Picture.open(path)
    scale = min(max(scale, 1), 8)
    side = min(DETAIL_SIDE, picture.height, picture.width)
    left = min(max(round(x * picture.width - side / 2), 0), picture.width - side)
    top = min(max(round(y * picture.height - side / 2), 0), picture.height - side)
    part = Picture.from_levels(picture.fetch(Window(top, left, side, side)), like=picture)
    made = upscaler(clean, round(vivid, 2), scale)(part)
    return made.picture.to_bytes("jpg", options=SaveOptions(quality=92, profile="srgb"))


def draw_style_file(name: str, folder: str, report: Report) -> None:
    """Draw one of the gallery's styles as `NAME.png`."""
    Picture.from_array(draw_style(name)).save(Path(folder) / f"{name}.png", overwrite=True)


def inspect_style(path: str, target: str, max_pixels: int, report: Report) -> None:
    """Check an uploaded style, and store it unchanged under a name of ours."""
    try:
        Picture.open(path, max_pixels=max_pixels).fetch(Window(0, 0, 1, 1))
    except PictureError as error:
        raise PictureError(plain(error, path)) from None
    Path(path).replace(target)


def schema(report: Report) -> dict[str, Any]:
    """The options of every task, and of saving, as JSON Schema: types, defaults, choices and help."""
    tables = {task: options_of(task) for task in TASKS} | {"saving": SaveOptions}
    return {name: table_schema(kind) for name, kind in tables.items()}


def table_schema(kind: type[Any]) -> dict[str, Any]:
    hints = get_type_hints(kind)
    shown = [field for field in fields(kind) if field.name not in FIXED]
    properties = {}
    for field in shown:
        said = type_schema(hints[field.name]) | {"description": field.metadata["help"]}
        if field.default is not MISSING and field.default is not None:
            said["default"] = list(field.default) if isinstance(field.default, tuple) else field.default
        properties[field.name] = said
    return {"type": "object", "additionalProperties": False, "properties": properties}


def type_schema(hint: Any) -> dict[str, Any]:
    """A type as JSON Schema."""
    parts = [part for part in get_args(hint) if part is not type(None)]
    if get_origin(hint) is Literal:
        return {"type": "string", "enum": list(parts)}
    if get_origin(hint) is tuple:
        return {"type": "array", "items": type_schema(parts[0])}
    if parts:
        return type_schema(parts[0])
    return {"type": {bool: "boolean", int: "integer", float: "number"}.get(hint, "string")}
