"""Write images as an animation that plays in any browser."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from daguerre.errors import UnwritablePicture
from daguerre.images.formats import GIF, WEBP
from daguerre.images.pixels import to_levels
from daguerre.images.save import check_target, replacing, unwritable
from daguerre.images.vips import begin_use, pyvips

__all__ = ["check_film", "write_film"]

FRAME_MS = 80  # milliseconds per frame
LAST_FRAME_MS = 2000  # milliseconds of the last frame


def check_film(path: Path, *, overwrite: bool = False) -> None:
    """Check, before any work is done, that a film can be written as `path`.

    Raises:
        UnwritablePicture: neither WebP nor GIF, or `path` may not be written to.
        OutputExists: the file exists, and `overwrite` is false.
    """
    format = check_target(path, overwrite=overwrite)
    if format not in (WEBP, GIF):
        raise UnwritablePicture(f"{path}: a {format.name} file cannot hold a film; use .webp or .gif")


def write_film(frames: Sequence[Tensor], path: Path, *, overwrite: bool = False) -> Path:
    """Write images (1, 3, H, W) in [0, 1] of one size, at least one, as a looping WebP or GIF animation.

    Raises:
        UnwritablePicture: neither WebP nor GIF, no such folder, disk full.
        OutputExists: the file exists, and `overwrite` is false.
    """
    begin_use()
    check_film(path, overwrite=overwrite)
    levels = np.concatenate([to_levels(frame, 8) for frame in frames])  # one below the other, as libvips has it
    film = pyvips.Image.new_from_memory(levels, levels.shape[1], levels.shape[0], 3, "uchar").copy(
        interpretation="srgb"
    )
    film.set_type(pyvips.GValue.gint_type, "page-height", levels.shape[0] // len(frames))
    film.set_type(pyvips.GValue.array_int_type, "delay", [FRAME_MS] * (len(frames) - 1) + [LAST_FRAME_MS])
    film.set_type(pyvips.GValue.gint_type, "loop", 0)
    with replacing(path, overwrite) as part:
        saver = "webpsave" if path.suffix.lower() == ".webp" else "gifsave"
        try:
            pyvips.Operation.call(saver, film, os.fsencode(part), **({"Q": 80} if saver == "webpsave" else {}))
        except pyvips.Error as error:
            raise unwritable(path.parent, check_target(path, overwrite=True), str(error)) from error
    return path
