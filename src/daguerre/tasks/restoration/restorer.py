"""Restore an old photograph of any size: damage found and filled, blur, noise and grain undone, tones set right."""

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from daguerre import weights
from daguerre.devices import Precision, choose_device, device_option, precision_option
from daguerre.errors import OptionError
from daguerre.images import Picture
from daguerre.images.picture import as_picture
from daguerre.options import check_range, option
from daguerre.progress import ProgressCallback, silent
from daguerre.tasks.faces.refiner import MODELS, FaceOptions, FaceRefiner, RefinedFace
from daguerre.tasks.provenance import Record
from daguerre.tasks.restoration.bringing_old_photos import Filling, require
from daguerre.tasks.restoration.bringing_old_photos import models as published_models
from daguerre.tasks.restoration.damage_detection import ScratchDetector, ScratchOptions, damaged_part, read_mask
from daguerre.tasks.restoration.deblurring import WIDEST
from daguerre.tasks.restoration.pipeline import FixFading, Made, Method, OurMethod, PublishedMethod
from daguerre.tasks.restoration.stain_removal import MODEL as STAINS
from daguerre.tasks.restoration.stain_removal import Lightened, StainLifter
from daguerre.tasks.result import Result

__all__ = ["STAGES", "RestoreOptions", "Restored", "Restorer", "restore"]


@dataclass(frozen=True, kw_only=True)
class RestoreOptions:
    """How to restore."""

    task: ClassVar[str] = "restore"

    model: Literal["auto", "microsoft", "microsoft-patches"] = option(
        "auto",
        "auto takes what ships; microsoft the published networks, which `daguerre models` can fetch; microsoft-patches "
        "the one among them that fills damage with patches of the photograph",
    )
    scratches: str = option(
        "auto",
        "auto finds scratches, tears and holes and fills them, off leaves them; or a mask: white = damaged",
        metavar="auto|off|MASK",
        file=True,
    )
    sensitivity: float = option(0.5, "how much counts as damage, from 0, hardly anything, to 1, whatever could be")
    min_length: int = option(1, "leave damage alone whose longer side is shorter than so many pixels")
    min_area: int = option(3, "leave damage alone that covers fewer pixels than so many")
    stains: Literal["auto", "off"] = option(
        "auto",
        "auto lightens what stains, water lines and old tape have darkened on prints without colour, off leaves it",
    )
    blur: str = option(
        "auto",
        "auto undoes blur where the edges of the photograph are soft without exception, and makes finer what was "
        "enlarged from a small picture; off leaves both; or how wide the blur is in pixels, such as 1.5; 0.7 is usual "
        "and stays",
        metavar="auto|off|PIXELS",
    )
    fix_fading: FixFading = option(
        "auto",
        "undo fading, yellowing, casts and uneven light: auto with care, for a picture may be pale by nature; strong "
        "where you know that it has faded or changed colour",
    )
    keep_colour: bool = option(False, "when fading is undone, change the lightness alone: every tint stays")
    strength: float = option(1.0, "how far to go from the photograph as it is, 0, to the restored one, 1")
    faces: Literal["auto", "off"] = option("auto", "auto finds faces and gives them back their detail, off leaves them")
    face_strength: float = option(1.0, "how far to go with faces, from 0, not at all, to 1; counts within strength")
    face_limit: float = option(4.0, "leave a face as it is that would change by more than so many percent")
    face_finder: str = option(
        "cascades", "what finds faces: cascades, which ship with OpenCV, or YuNet's file", metavar="FILE", file=True
    )
    device: str = device_option()
    precision: Precision = precision_option()

    def __post_init__(self) -> None:
        check_range("strength", self.strength, 0, 1)
        check_range("face_strength", self.face_strength, 0, 1)
        if self.scratches.lower() in ("", "auto", "off") and self.given_mask:
            raise OptionError(f"scratches is {self.scratches!r}; write auto, off, or the name of a mask's file")
        if self.filling and (self.fix_fading != "auto" or self.keep_colour or self.blur != "auto"):
            raise OptionError(
                "the published networks undo blur and set tones as they were trained to; leave out blur, "
                "fix-fading and keep-colour"
            )
        self.blur_pixels, self.finding(), self.refining()  # refuse what makes no sense to them

    @property
    def given_mask(self) -> bool:
        """Whether a person says where the damage is."""
        return self.scratches not in ("auto", "off")

    @property
    def blur_pixels(self) -> float | None:
        """How the photograph is blurred, the Gaussian's deviation in pixels; nothing if it is to be measured.

        Raises:
            OptionError: `blur` is neither auto, off, nor a number of pixels.
        """
        if self.blur == "auto":
            return None
        try:
            pixels = float(self.blur.replace("off", "0"))
        except ValueError:
            raise OptionError(f"blur is {self.blur!r}; write auto, off, or a number of pixels such as 1.5") from None
        check_range("blur", pixels, 0, WIDEST)
        return pixels

    @property
    def filling(self) -> Filling | None:
        """What fills damage in the published networks; nothing if they are not wanted."""
        return {"microsoft": "attention", "microsoft-patches": "patches"}.get(self.model)  # type: ignore[return-value]

    @property
    def detector(self) -> str:
        """The network that finds damage."""
        return "microsoft-scratch-detection" if self.filling else "scratches"

    def finding(self) -> ScratchOptions:
        """How damage is found."""
        shared = {name: getattr(self, name) for name in FOUND_BY}
        return ScratchOptions(model=self.detector, **shared)

    def refining(self) -> FaceOptions:
        """How faces are refined."""
        return FaceOptions(
            model="microsoft" if self.filling else "auto",
            strength=self.strength * self.face_strength,
            face_limit=self.face_limit,
            finder=self.face_finder,
            device=self.device,
            precision=self.precision,
        )


STAGES = ("stains lifted", "damage", "holes filled", "cleaned", "mended", "restored", "before the faces")
"""What a photograph may be on its way, in order; of what is not needed there is none."""

FOUND_BY = ("sensitivity", "min_length", "min_area", "device", "precision")
"""Options that finding damage has as well."""


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
        blur: deviation in pixels of the Gaussian that it was blurred with; 0 if it was sharp.
        finest: pixels of the finest detail that it held: 2, 3 or 4 if it was enlarged, or as soft as if; else 1.
        faces: those that were found, and what was done to each.
        step: the record of what was done that a saved file carries.
        stages: the photograph on its way, by name, in order, if they were asked for.
    """

    mask: Picture | None
    damaged: float
    tone_change: float
    stained: float = 0.0
    pale: float = 0.0
    blur: float = 0.0
    finest: int = 1
    faces: tuple[RefinedFace, ...] = ()
    stages: dict[str, Picture] = field(default_factory=dict)


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
        finds = self.options.scratches == "auto"
        refining = self.options.refining()
        refines = self.options.faces == "auto" and refining.strength > 0
        if filling := self.options.filling:  # all that is missing is named at once
            more = [self.options.detector] * finds + [MODELS["microsoft"]] * refines
            require([*published_models(filling), *published_models(None), *more])
        self.detector = ScratchDetector(self.options.finding()) if finds else None
        self.lifter = self.make_lifter()
        self.method = self.make_method()
        self.refiner = FaceRefiner(refining) if refines else None

    def make_lifter(self) -> StainLifter | None:
        options = self.options
        if options.stains == "off" or options.filling:  # the published networks have no such step
            return None
        return StainLifter(choose_device(options.device, options.precision), strength=options.strength)

    def make_method(self) -> Method:
        options = self.options
        device = choose_device(options.device, options.precision)
        if options.filling:
            return PublishedMethod(device, strength=options.strength, filling=options.filling)
        return OurMethod(
            device,
            strength=options.strength,
            blur=options.blur_pixels,
            fix_fading=options.fix_fading,
            keep_colour=options.keep_colour,
        )

    def __call__(
        self, source: Picture | Path | str | np.ndarray, *, stages: bool = False, progress: ProgressCallback = silent
    ) -> Restored:
        """Restore a photograph.

        Args:
            source: a picture, a file, or an array as `Picture.from_array` takes it.
            stages: also keep the photograph as it is after each stage.
        """
        original = as_picture(source)
        lightened = self.lighten(original, progress)
        photo = lightened.picture
        mask = self.find_damage(photo, progress)
        damaged = 0.0 if mask is None else damaged_part(mask)
        made = self.method(photo, mask if damaged else None, stages=stages, progress=progress)
        refined = self.refiner(made.picture, progress=progress) if self.refiner else None
        way = {"stains lifted": photo} if photo is not original else {}
        way |= ({"damage": mask} if mask is not None else {}) | made.stages
        return Restored(
            picture=refined.picture if refined else made.picture,
            mask=mask,
            damaged=damaged,
            stained=lightened.stained,
            tone_change=made.tone_change,
            pale=made.pale,
            blur=made.blur,
            finest=made.finest,
            faces=refined.faces if refined else (),
            step=self.step(damaged, lightened.stained, made, refined.step if refined else None),
            stages=way | ({"before the faces": made.picture} if refined and refined.refined else {}) if stages else {},
        )

    def lighten(self, photo: Picture, progress: ProgressCallback = silent) -> Lightened:
        """The photograph without its stains, or as it is; damage is looked for in what this gives."""
        return self.lifter(photo, progress) if self.lifter else Lightened(photo)

    def find_damage(self, photo: Picture, progress: ProgressCallback) -> Picture | None:
        """The mask: found, given by a person, or none."""
        if self.detector is not None:
            return self.detector(photo, progress=progress)
        return None if self.options.scratches == "off" else read_mask(self.options.scratches, photo)

    def step(self, damaged: float, stained: float, made: Made, faces: Record | None) -> Record:
        """What to record of a result: the options that differ from the defaults, but not where it was computed.

        Args:
            faces: the record of refining the faces, if they were.
        """
        chosen = {
            field.name: getattr(self.options, field.name)
            for field in fields(self.options)
            if getattr(self.options, field.name) != field.default and field.name != "device"
        }
        for name in ("scratches", "face_finder"):
            if name in chosen:
                chosen[name] = Path(chosen[name]).name
        used = list(made.models)
        if self.detector is not None:
            used.append(self.options.detector)
        if self.lifter is not None:
            used.append(STAINS)
        redrawn = faces is not None and faces.source_type == "compositeWithTrainedAlgorithmicMedia"
        parts = {"damaged": damaged, "stained": stained, "tone_change": made.tone_change}
        return Record(
            task="restore",
            options=chosen,
            models={name: weights.checksum(name) for name in used} | dict(faces.models if faces else {}),
            measured={f"{name}_percent": round(100 * part, 2) for name, part in parts.items()}
            | {"blur_pixels": made.blur, "finest_pixels": made.finest}
            | dict(faces.measured if faces else {}),
            source_type="compositeWithTrainedAlgorithmicMedia" if damaged or redrawn else "algorithmicallyEnhanced",
        )


def restore(source: Picture | Path | str | np.ndarray, **options: Any) -> Picture:
    """Restore a photograph: `restore("old.jpg").save("restored.jpg")`.

    Args:
        source: a picture, a file, or an array as `Picture.from_array` takes it.
        options: fields of `RestoreOptions`.
    """
    return Restorer(**options)(source).picture
