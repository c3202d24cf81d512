"""Restore an old photograph of any size: damage found and filled, blur, noise and grain undone, tones corrected."""

from dataclasses import dataclass, replace
from typing import Unpack

from daguerre import weights
from daguerre.images import Picture, PictureLike, as_picture
from daguerre.progress import ProgressCallback, silent
from daguerre.tasks.faces.refiner import RefinedFace
from daguerre.tasks.kwargs import RestoreKwargs
from daguerre.tasks.provenance import COMPOSITE, Record
from daguerre.tasks.restoration.damage_detection import read_mask
from daguerre.tasks.restoration.options import RestoreOptions
from daguerre.tasks.restoration.pipeline import STAGES, Restoration, Stages
from daguerre.tasks.result import Result, StageCallback, chosen, recorded

__all__ = ["STAGES", "RestoreOptions", "RestoreResult", "Restorer", "restore"]


@dataclass(frozen=True, kw_only=True)
class RestoreResult(Result):
    """A restored photograph, and what is known of it.

    Args:
        mask: where damage was filled: grey, white = damaged; nothing if nobody looked for any.
        damaged: part of the photograph that is damaged, in [0, 1].
        stained: part of it that was stained and has been lightened, in [0, 1].
        tone_change: mean absolute change of tone, in [0, 1].
        pale: how far its darkest and lightest tones still are from black and white, both together, in [0, 1].
        blur: sigma in pixels of the Gaussian that it was blurred with; 0 if it was sharp.
        finest: pixels of the finest detail that it held: 2, 3 or 4 if it was enlarged, or as soft as if; else 1.
        faces: those that were found, and what was done to each.
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

    def __init__(self, options: RestoreOptions | None = None, **changes: Unpack[RestoreKwargs]) -> None:
        self.options = replace(options or RestoreOptions(), **changes)
        self.stages = Stages(self.options)

    def __call__(
        self,
        source: PictureLike,
        *,
        mask: PictureLike | None = None,
        on_stage: StageCallback | None = None,
        progress: ProgressCallback = silent,
    ) -> RestoreResult:
        """Restore a photograph.

        Args:
            source: a picture in any form.
            mask: where it is damaged: a picture of the same size, white there. Unless given, damage is detected.
            on_stage: called with a name, one of `STAGES`, and the photograph as it is after that stage.

        Raises:
            PictureError: the mask has another size.
        """
        original = as_picture(source)
        if mask is None and self.options.given_mask:
            mask = self.options.scratches
        given = None if mask is None else read_mask(mask, original)
        done = self.stages.restore(original, given, on_stage=on_stage, progress=progress)
        record = self.record(done)
        return RestoreResult(
            picture=recorded(done.picture, record, original),
            record=record,
            mask=done.mask,
            damaged=done.damaged,
            stained=done.stained,
            tone_change=done.tone_change,
            pale=done.pale,
            blur=done.blur,
            finest=done.finest,
            faces=done.faces,
        )

    def record(self, done: Restoration) -> Record:
        """What to record of a result."""
        faces = done.face_record
        redrawn = faces is not None and faces.source_type == COMPOSITE
        parts = {"damaged": done.damaged, "stained": done.stained, "tone_change": done.tone_change}
        return Record(
            task="restore",
            options=chosen(self.options),
            models={name: weights.checksum(name) for name in done.models} | dict(faces.models if faces else {}),
            measured={f"{name}_percent": round(100 * part, 2) for name, part in parts.items()}
            | {"blur_pixels": done.blur, "finest_pixels": done.finest}
            | dict(faces.measured if faces else {}),
            source_type=COMPOSITE if done.damaged or redrawn else "algorithmicallyEnhanced",
        )


def restore(source: PictureLike, **options: Unpack[RestoreKwargs]) -> Picture:
    """Restore a photograph: `restore("old.jpg").save("restored.jpg")`.

    Args:
        source: a picture in any form.
        options: fields of `RestoreOptions`.
    """
    return Restorer(**options)(source).picture
