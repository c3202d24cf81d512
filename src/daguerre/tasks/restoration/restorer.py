"""Restore an old photograph of any size: damage found and filled, blur, noise and grain undone, tones corrected."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from daguerre import weights
from daguerre.images import Picture
from daguerre.images.picture import as_picture
from daguerre.progress import ProgressCallback, silent
from daguerre.tasks.faces.refiner import RefinedFace
from daguerre.tasks.provenance import COMPOSITE, Record
from daguerre.tasks.restoration.damage_detection import read_mask
from daguerre.tasks.restoration.options import RestoreOptions
from daguerre.tasks.restoration.pipeline import STAGES, OnStage, Restoration, Stages
from daguerre.tasks.result import Result

__all__ = ["STAGES", "RestoreOptions", "Restored", "Restorer", "restore"]


@dataclass(frozen=True, kw_only=True)
class Restored(Result):
    """A result, and what is known of it.

    Args:
        picture: the restored photograph.
        mask: where damage was filled: grey, white = damaged; nothing if nobody looked for any.
        damaged: part of the photograph that is damaged, in [0, 1].
        stained: part of it that was stained and has been lightened, in [0, 1].
        tone_change: mean absolute change of tone, in [0, 1].
        pale: how far its darkest and lightest tones still are from black and white, both together, in [0, 1].
        blur: sigma in pixels of the Gaussian that it was blurred with; 0 if it was sharp.
        finest: pixels of the finest detail that it held: 2, 3 or 4 if it was enlarged, or as soft as if; else 1.
        faces: those that were found, and what was done to each.
        step: the record of what was done that a saved file carries.
    """

    mask: Picture | None
    damaged: float
    tone_change: float
    stained: float = 0.0
    pale: float = 0.0
    blur: float = 0.0
    finest: int = 1
    faces: tuple[RefinedFace, ...] = ()


class Restorer:
    """Restores photographs, keeping its networks loaded between them.

    Args:
        options: how; single options may be given by name instead or on top.

    Raises:
        WeightsNotFound: a network is missing.
        OptionError: options that make no sense.
    """

    def __init__(self, options: RestoreOptions | None = None, **changes: Any) -> None:
        self.options = replace(options or RestoreOptions(), **changes)
        self.stages = Stages(self.options)

    def __call__(
        self,
        source: Picture | Path | str | np.ndarray,
        *,
        mask: Picture | Path | str | np.ndarray | None = None,
        on_stage: OnStage | None = None,
        progress: ProgressCallback = silent,
    ) -> Restored:
        """Restore a photograph.

        Args:
            source: a picture, a file, or an array as `Picture.from_array` takes it.
            mask: where it is damaged: a picture of the same size, white there. Unless given, damage is detected.
            on_stage: called with a name, one of `STAGES`, and the photograph as it is after that stage.

        Raises:
            PictureError: the mask has another size.
        """
        original = as_picture(source)
        if mask is None and self.options.given_mask:
            mask = self.options.scratches
        given = None if mask is None else read_mask(as_picture(mask), original)
        done = self.stages.restore(original, given, on_stage=on_stage, progress=progress)
        return Restored(
            picture=done.picture,
            mask=done.mask,
            damaged=done.damaged,
            stained=done.stained,
            tone_change=done.tone_change,
            pale=done.pale,
            blur=done.blur,
            finest=done.finest,
            faces=done.faces,
            step=self.record(done),
        )

    def record(self, done: Restoration) -> Record:
        """What to record of a result: the options that differ from the defaults, but not where it was computed."""
        chosen = {
            field.name: getattr(self.options, field.name)
            for field in fields(self.options)
            if getattr(self.options, field.name) != field.default and field.name != "device"
        }
        for name in ("scratches", "face_finder"):
            if name in chosen:
                chosen[name] = Path(chosen[name]).name
        faces = done.face_record
        redrawn = faces is not None and faces.source_type == COMPOSITE
        parts = {"damaged": done.damaged, "stained": done.stained, "tone_change": done.tone_change}
        return Record(
            task="restore",
            options=chosen,
            models={name: weights.checksum(name) for name in done.models} | dict(faces.models if faces else {}),
            measured={f"{name}_percent": round(100 * part, 2) for name, part in parts.items()}
            | {"blur_pixels": done.blur, "finest_pixels": done.finest}
            | dict(faces.measured if faces else {}),
            source_type="compositeWithTrainedAlgorithmicMedia"
            if done.damaged or redrawn
            else "algorithmicallyEnhanced",
        )


def restore(source: Picture | Path | str | np.ndarray, **options: Any) -> Picture:
    """Restore a photograph: `restore("old.jpg").save("restored.jpg")`.

    Args:
        source: a picture, a file, or an array as `Picture.from_array` takes it.
        options: fields of `RestoreOptions`.
    """
    return Restorer(**options)(source).picture
