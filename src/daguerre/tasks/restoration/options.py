"""Options of restoration."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from daguerre.devices import Precision, device_option, precision_option
from daguerre.errors import OptionError
from daguerre.options import check_range, option
from daguerre.tasks.faces.detection import finder_option
from daguerre.tasks.faces.refiner import FaceOptions
from daguerre.tasks.restoration.bringing_old_photos import Filling
from daguerre.tasks.restoration.damage_detection import ScratchOptions, Writing
from daguerre.tasks.restoration.deblurring import MAX_SIGMA

__all__ = ["FixFading", "RestoreOptions"]

FixFading = Literal["auto", "strong", "off"]

FOUND_BY = ("sensitivity", "min_length", "min_area", "writing", "device", "precision")
"""Options shared with damage detection."""


@dataclass(frozen=True, kw_only=True)
class RestoreOptions:
    """How to restore."""

    task: ClassVar[str] = "restore"

    model: Literal["auto", "microsoft", "microsoft-patches"] = option(
        "auto",
        "auto: the networks that ship; microsoft: the published ones, fetched with `daguerre models`; "
        "microsoft-patches: the same, but damage is filled with patches of the photograph",
    )
    prints: Literal["auto", "off"] = option(
        "auto",
        "auto: find prints on a scanner bed or a mount, and slides in their frames, and restore only these; off: "
        "treat the whole picture as the photograph",
    )
    crop: bool = option(False, "keep only the print, straightened, without the scanner bed or frame around it")
    negative: bool = option(False, "invert a negative, including the orange mask of color film")
    scratches: str = option(
        "auto",
        "auto: find and fill scratches, tears and holes; off: leave them; or a mask file: white = damaged",
        metavar="auto|off|MASK",
        file=True,
    )
    sensitivity: float = option(0.5, "how much counts as damage: 0 hardly anything, 1 anything that might be")
    min_length: int = option(1, "ignore damage shorter than this many pixels")
    min_area: int = option(3, "ignore damage that covers fewer pixels than this")
    writing: Writing = option(
        "keep", "writing on the photograph: keep leaves captions, names and notes alone, remove treats them as damage"
    )
    large_holes: Literal["fill", "leave"] = option(
        "fill", "large holes and torn-off corners: fill them with patches of the photograph, or leave them as they are"
    )
    stains: Literal["auto", "off"] = option(
        "auto",
        "auto: remove stains, water lines and old tape from black-and-white or sepia prints; off: leave them",
    )
    grain: Literal["auto", "keep"] = option(
        "auto",
        "auto: reduce grain, noise and what is left of blur; keep: change nothing finer than stains and tones "
        "where nothing is damaged",
    )
    blur: str = option(
        "auto",
        "auto: deblur if no edge is sharp, and re-upscale pictures enlarged from a smaller one; off: neither; or the "
        "blur's sigma in pixels (0.7 is normal)",
        metavar="auto|off|PIXELS",
    )
    fix_fading: FixFading = option(
        "auto",
        "correct fading, yellowing, color casts and uneven light: auto: cautiously, since the picture may be meant to "
        "be pale; strong: if you know that it has faded or changed color",
    )
    keep_colour: bool = option(False, "correct fading in lightness only; keep every tint")
    strength: float = option(1.0, "blend between the photograph as it is (0) and fully restored (1)")
    faces: Literal["auto", "off"] = option("auto", "auto: find faces and refine their detail; off: leave them")
    face_strength: float = option(1.0, "strength of face refinement, from 0 to 1; multiplied by strength")
    face_limit: float = option(4.0, "keep a face as it is if it would change by more than this percentage")
    face_finder: str = finder_option()
    device: str = device_option()
    precision: Precision = precision_option()

    def __post_init__(self) -> None:
        check_range("strength", self.strength, 0, 1)
        check_range("face_strength", self.face_strength, 0, 1)
        if self.crop and self.prints == "off":
            raise OptionError("crop needs to know where the print is; leave out prints off")
        if self.given_mask and (self.crop or self.negative):
            raise OptionError("a mask fits the picture as it is; crop or turn the picture first, and restore that")
        if self.scratches.lower() in ("", "auto", "off") and self.given_mask:
            raise OptionError(f"scratches is {self.scratches!r}; write auto, off, or the name of a mask's file")
        if self.grain == "keep" and self.blur != "off":
            raise OptionError("with grain that is kept no blur can be undone; set blur to off, or grain to auto")
        if self.filling and (
            self.grain == "keep" or self.fix_fading != "auto" or self.keep_colour or self.blur != "auto"
        ):
            raise OptionError(
                "the published networks undo blur and set tones as they were trained to; leave out blur, grain, "
                "fix-fading and keep-colour"
            )
        self.blur_pixels, self.finding(), self.refining()  # raise if they are invalid

    @property
    def given_mask(self) -> bool:
        """Whether the user gives a mask."""
        return self.scratches not in ("auto", "off")

    @property
    def blur_pixels(self) -> float | None:
        """Standard deviation of the photograph's Gaussian blur in pixels; None if it has to be measured.

        Raises:
            OptionError: `blur` is neither auto, off, nor a number of pixels.
        """
        if self.blur == "auto":
            return None
        try:
            pixels = float(self.blur.replace("off", "0"))
        except ValueError:
            raise OptionError(f"blur is {self.blur!r}; write auto, off, or a number of pixels such as 1.5") from None
        check_range("blur", pixels, 0, MAX_SIGMA)
        return pixels

    @property
    def filling(self) -> Filling | None:
        """How the published networks fill damage; None if not used."""
        return {"microsoft": "attention", "microsoft-patches": "patches"}.get(self.model)  # type: ignore[return-value]

    @property
    def detector(self) -> str:
        """The model that detects damage, as in `ScratchOptions`."""
        return "microsoft-scratch-detection" if self.filling else "auto"

    def finding(self) -> ScratchOptions:
        """Options of damage detection."""
        shared = {name: getattr(self, name) for name in FOUND_BY}
        return ScratchOptions(model=self.detector, **shared)

    def refining(self) -> FaceOptions:
        """Options of face refinement."""
        return FaceOptions(
            model="microsoft" if self.filling else "auto",
            strength=self.face_strength,
            face_limit=self.face_limit,
            finder=self.face_finder,
            device=self.device,
            precision=self.precision,
        )
