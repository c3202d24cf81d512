"""Options of restoration."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from daguerre.devices import Precision, device_option, precision_option
from daguerre.errors import OptionError
from daguerre.options import check_range, option
from daguerre.tasks.faces.refiner import FaceOptions
from daguerre.tasks.restoration.bringing_old_photos import Filling
from daguerre.tasks.restoration.damage_detection import ScratchOptions
from daguerre.tasks.restoration.deblurring import WIDEST

__all__ = ["FixFading", "RestoreOptions"]

FixFading = Literal["auto", "strong", "off"]

FOUND_BY = ("sensitivity", "min_length", "min_area", "device", "precision")
"""Options that finding damage has as well."""


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
            strength=self.face_strength,
            face_limit=self.face_limit,
            finder=self.face_finder,
            device=self.device,
            precision=self.precision,
        )
