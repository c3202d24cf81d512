"""Restore an old photograph of any size: fill damage, reduce blur, noise and grain, correct tones."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Unpack

from daguerre import weights
from daguerre.errors import PictureError
from daguerre.images import Picture, PictureLike, as_picture
from daguerre.progress import ProgressCallback, silent
from daguerre.tasks.faces.refiner import RefinedFace
from daguerre.tasks.kwargs import RestoreKwargs
from daguerre.tasks.provenance import COMPOSITE, ENHANCED, Record
from daguerre.tasks.restoration.damage_detection import read_mask
from daguerre.tasks.restoration.options import RestoreOptions
from daguerre.tasks.restoration.pipeline import STAGES, Restoration, Stages
from daguerre.tasks.result import Result, StageCallback, checksums, chosen, percent, recorded
from daguerre.tasks.scans.negatives import turned
from daguerre.tasks.scans.prints import find_prints, straightened

__all__ = ["STAGES", "RestoreOptions", "RestoreResult", "Restorer", "restore"]

UNCROPPED = "nothing to crop: no bed, mount or frame was found around the photograph"


@dataclass(frozen=True, kw_only=True)
class RestoreResult(Result):
    """A restored photograph and its findings.

    Args:
        mask: the filled damage: gray, white = damaged; None if damage was not looked for.
        damaged: fraction of the photograph that is damaged, in [0, 1].
        patched: fraction that was large holes, now filled with patches of the rest, in [0, 1].
        stained: fraction that was stained and has been lightened, in [0, 1].
        tone_change: mean absolute change of tone, in [0, 1].
        pale: distance that its darkest and lightest tones still have from black and white, summed, in [0, 1].
        more_tone_change: how much more they would have changed, in [0, 1], had fading been certain.
        blur: sigma in pixels of its Gaussian blur; 0 if it was sharp.
        finest: size in pixels of its finest detail: 2, 3 or 4 if it was enlarged, or as soft; else 1.
        faces: the faces found, and what was done to each.
        taken_back: fraction of the photograph, in [0, 1], in which a harmful change was undone: false `stains`, new
            `colours`, `rings` around edges, new `forms`, lost `texture`, or too large a change of `faces`.
        warnings: for people, one line each.
    """

    mask: Picture | None
    damaged: float
    tone_change: float
    patched: float = 0.0
    stained: float = 0.0
    pale: float = 0.0
    more_tone_change: float = 0.0
    blur: float = 0.0
    finest: int = 1
    faces: tuple[RefinedFace, ...] = ()
    taken_back: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def findings(self) -> dict[str, Any]:
        return {
            "damaged_percent": round(100 * self.damaged, 2),
            "patched_percent": round(100 * self.patched, 2),
            "stained_percent": round(100 * self.stained, 1),
            "blur_pixels": self.blur,
            "finest_pixels": self.finest,
            "tone_change_percent": round(100 * self.tone_change, 1),
            "more_tone_change_percent": round(100 * self.more_tone_change, 1),
            "pale_percent": round(100 * self.pale, 1),
            "taken_back_percent": {name: round(100 * part, 1) for name, part in self.taken_back.items()},
            "warnings": list(self.warnings),
            "faces": [face.findings() for face in self.faces],
        }


class Restorer:
    """Restores photographs, keeping its networks loaded.

    Args:
        options: the options; single ones may also be given by name.

    Raises:
        WeightsNotFound: a network is missing.
        OptionError: invalid options.
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
            mask: the damage, as a picture of the same size, white where damaged. By default damage is detected.
            on_stage: receives the name of each stage, one of `STAGES`, and the photograph after it.

        Raises:
            PictureError: the mask has another size; or only the print was requested, and there are several.
        """
        picture = as_picture(source)
        original, warnings = self.prepared(picture, progress)
        record_of_mask = {} if mask is None else {"scratches": "a mask that was given"}
        if mask is None and self.options.given_mask:
            mask = self.options.scratches
        given = None if mask is None else read_mask(mask, original)
        done = self.stages.restore(original, given, on_stage=on_stage, progress=progress)
        record = self.record(done)
        record = replace(record, options=dict(record.options) | record_of_mask)
        found = {entry.name: getattr(done, entry.name) for entry in fields(RestoreResult) if hasattr(done, entry.name)}
        found["warnings"] = (*warnings, *done.warnings)
        return RestoreResult(**found | vars(recorded(done.picture, record, picture, progress)))

    def prepared(self, picture: Picture, progress: ProgressCallback) -> tuple[Picture, list[str]]:
        """The photograph to restore, inverted and cropped if requested, and findings about it."""
        if self.options.negative:
            picture = turned(picture, progress)
        if not self.options.crop:
            return picture, []
        prints = find_prints(picture)
        if len(prints) > 1:
            name = picture.path or "this scan"
            raise PictureError(f"{name} holds {len(prints)} prints; --split makes a file of each")
        return (straightened(picture, prints[0]), []) if prints else (picture, [UNCROPPED])

    def record(self, done: Restoration) -> Record:
        """The record of a result."""
        faces = done.face_record
        models = {name: weights.checksum(name) for name in done.models} | dict(faces.models if faces else {})
        parts = {"filled": done.damaged, "stained": done.stained, "tone_change": done.tone_change}
        parts |= {"patched": done.patched} if done.patched else {}
        painted = done.damaged or self.options.filling or (faces is not None and faces.source_type == COMPOSITE)
        return Record(
            task="restore",
            options=chosen(self.options),
            models=models,
            measured={f"{name}_percent": percent(part) for name, part in parts.items()}
            | {f"taken_back_{name}_percent": percent(part) for name, part in sorted(done.taken_back.items())}
            | {"blur_pixels": done.blur, "finest_pixels": done.finest}
            | dict(faces.measured if faces else {}),
            source_type=COMPOSITE if painted else ENHANCED,
            files=checksums(self.options, models),
        )


def restore(source: PictureLike, **options: Unpack[RestoreKwargs]) -> Picture:
    """Restore a photograph: `restore("old.jpg").save("restored.jpg")`.

    Args:
        source: a picture in any form.
        options: fields of `RestoreOptions`.
    """
    return Restorer(**options)(source).picture
