"""Restore an old photograph of any size: damage found and filled, blur, noise and grain undone, tones set right."""

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, cast

import numpy as np
import torch
from torch import Tensor

from daguerre import weights
from daguerre.devices import Precision, choose_device, device_option, precision_option
from daguerre.images import Canvas, Picture, SaveOptions
from daguerre.networks.compact_translation import CompactTranslation, LatentRestoration
from daguerre.networks.compact_vae import CompactVAE
from daguerre.networks.tone import ToneCurves
from daguerre.options import check_range, option
from daguerre.progress import ProgressCallback, silent
from daguerre.tasks.colours import read_colours
from daguerre.tasks.mending import Mending, fill_coarsely, read_damage
from daguerre.tasks.provenance import Step, add_step
from daguerre.tasks.scratches import ScratchDetector, read_mask
from daguerre.tasks.tone import ToneCorrection
from daguerre.tasks.upscale import as_picture
from daguerre.tiling import Window, run_windows

__all__ = ["RestoreOptions", "Restored", "Restorer", "restore"]

OLD, CLEAN, TRANSLATION, TONE = "restore-vae-old", "restore-vae-clean", "restore-translation", "tone"
SCRATCHES = "scratches"


@dataclass(frozen=True, kw_only=True)
class RestoreOptions:
    """How to restore."""

    task: ClassVar[str] = "restore"

    scratches: str = option(
        "auto",
        "auto finds scratches, holes and stains and fills them, off leaves them; or a mask: white = damaged",
        metavar="auto|off|MASK",
        file=True,
    )
    sensitivity: float = option(0.5, "how readily something counts as a scratch, from 0 to 1")
    min_length: int = option(8, "shortest scratch in pixels; shorter ones are kept if they are large enough")
    min_area: int = option(4, "smallest damage in pixels")
    fix_fading: Literal["on", "off"] = option("on", "undo fading, yellowing, colour casts and uneven light")
    keep_colour: bool = option(False, "when fading is undone, change the lightness alone: every tint stays")
    strength: float = option(1.0, "how far to go from the photograph as it is, 0, to the restored one, 1")
    device: str = device_option()
    precision: Precision = precision_option()

    def __post_init__(self) -> None:
        check_range("sensitivity", self.sensitivity, 0, 1)
        check_range("strength", self.strength, 0, 1)


@dataclass(frozen=True, kw_only=True)
class Restored:
    """A result, and what is known of it.

    Args:
        picture: the restored photograph.
        mask: where damage was filled: grey, white = damaged; nothing if nobody looked for any.
        damaged: part of the photograph that is damaged, in [0, 1].
        tone_change: mean absolute change of tone, in [0, 1].
        step: the record of what was done that a saved file carries.
        stages: the photograph on its way, by name, in order, if they were asked for.
    """

    picture: Picture
    mask: Picture | None
    damaged: float
    tone_change: float
    step: Step
    stages: dict[str, Picture] = field(default_factory=dict)

    def save(
        self,
        path: Path | str,
        *,
        overwrite: bool = False,
        options: SaveOptions | None = None,
        progress: ProgressCallback = silent,
    ) -> Path:
        """Save the picture with a record in it of what was done; for the rest as `Picture.save`."""
        xmp = add_step(self.picture.xmp, self.step)
        return self.picture.save(path, overwrite=overwrite, options=options, xmp=xmp, progress=progress)


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
        self.device = choose_device(self.options.device, self.options.precision)
        old, clean = (cast(CompactVAE, weights.load(name).network) for name in (OLD, CLEAN))
        translation = cast(CompactTranslation, weights.load(TRANSLATION).network)
        self.network = cast(LatentRestoration, self.device.place(LatentRestoration(old, clean, translation)))
        self.detector = self.make_detector() if self.options.scratches == "auto" else None
        self.tone = None
        if self.options.fix_fading == "on":
            self.tone = cast(ToneCurves, self.device.place(weights.load(TONE).network))

    def make_detector(self) -> ScratchDetector:
        options = self.options
        return ScratchDetector(
            sensitivity=options.sensitivity,
            min_length=options.min_length,
            min_area=options.min_area,
            device=options.device,
            precision=options.precision,
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
        mask = self.find_damage(original, progress)
        begun, told = (original, None) if mask is None else self.fill(original, mask, progress)
        tone = self.estimate_tone(original)
        picture, mended = self.restore(original, begun, told, tone, stages, progress)
        way = {"damage": mask, "holes filled": None if begun is original else begun, "mended": mended}
        damaged = 0.0 if mask is None else share(mask)
        change = 0.0 if tone is None else tone.change
        return Restored(
            picture=picture,
            mask=mask,
            damaged=damaged,
            tone_change=change,
            step=self.step(damaged, change),
            stages={name: made for name, made in way.items() if made is not None} if stages else {},
        )

    def find_damage(self, photo: Picture, progress: ProgressCallback) -> Picture | None:
        """The mask: found, given by a person, or none."""
        if self.detector is not None:
            return self.detector(photo, progress=progress)
        return None if self.options.scratches == "off" else read_mask(self.options.scratches, photo)

    def fill(self, photo: Picture, mask: Picture, progress: ProgressCallback) -> tuple[Picture, Picture]:
        return fill_coarsely(photo, mask, self.network, self.device, progress)

    def estimate_tone(self, photo: Picture) -> ToneCorrection | None:
        if self.tone is None:
            return None
        return ToneCorrection.estimate(photo, self.tone, self.device, keep_colour=self.options.keep_colour)

    def restore(
        self,
        original: Picture,
        begun: Picture,
        damage: Picture | None,
        tone: ToneCorrection | None,
        stages: bool,
        progress: ProgressCallback,
    ) -> tuple[Picture, Picture | None]:
        """Mend and tone every window; gives the result, and what was mended alone if it is asked for.

        Args:
            begun: the original, its large holes filled coarsely.
            damage: 0, 1/2 where it was filled coarsely, or 1.
        """
        size = (original.height, original.width)
        mending = Mending(self.network, self.device, size)
        canvas = Canvas(*size, bits=original.bits, grey=original.grey, alpha=original.alpha)
        between = Canvas(*size, bits=original.bits, grey=original.grey) if stages else None

        def read(window: Window) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
            source = mending.source(window)
            hurt = torch.zeros(1, 1, source.height, source.width) if damage is None else read_damage(damage, source)
            return read_colours(begun, source)[0], hurt, *read_colours(original, window)

        def compute(
            window: Window, source: tuple[Tensor, Tensor, Tensor, Tensor | None]
        ) -> tuple[Tensor, Tensor, Tensor | None]:
            image, hurt, before, alpha = source
            mended = mending(window, image, hurt).clamp_(0, 1)
            mended = torch.lerp(before, mended, self.options.strength)
            toned = mended if tone is None else torch.lerp(mended, tone(window, mended), self.options.strength)
            return mended, toned, alpha

        def write(window: Window, made: tuple[Tensor, Tensor, Tensor | None]) -> None:
            mended, toned, alpha = made
            canvas.write(window, toned)
            if alpha is not None:
                canvas.write_alpha(window, alpha)
            if between is not None:
                between.write(window, mended)

        run_windows(mending.windows(), read=read, compute=compute, write=write, step="restoring", progress=progress)
        return canvas.picture(like=original), between.picture(like=original) if between else None

    def step(self, damaged: float, tone_change: float) -> Step:
        """What to record of a result: the options that differ from the defaults, but not where it was computed."""
        chosen = {
            field.name: getattr(self.options, field.name)
            for field in fields(self.options)
            if getattr(self.options, field.name) != field.default and field.name != "device"
        }
        if self.options.scratches not in ("auto", "off"):
            chosen["scratches"] = Path(self.options.scratches).name
        used = [OLD, CLEAN, TRANSLATION, *([SCRATCHES] if self.detector else []), *([TONE] if self.tone else [])]
        return Step(
            task=self.options.task,
            options=chosen,
            models={name: weights.checksum(name) for name in used},
            measured={"damaged_percent": round(100 * damaged, 2), "tone_change_percent": round(100 * tone_change, 2)},
            source_type="compositeWithTrainedAlgorithmicMedia" if damaged else "algorithmicallyEnhanced",
        )


def share(mask: Picture) -> float:
    """Part of a mask that is white."""
    return float(mask.image.avg() / 255)


def restore(source: Picture | Path | str | np.ndarray, **options: Any) -> Picture:
    """Restore a photograph: `restore("old.jpg").save("restored.jpg")`.

    Args:
        source: a picture, a file, or an array as `Picture.from_array` takes it.
        options: fields of `RestoreOptions`.
    """
    return Restorer(**options)(source).picture
