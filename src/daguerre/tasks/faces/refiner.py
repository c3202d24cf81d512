"""Refine the faces of a photograph: what blur, grain and low resolution took from each is added, and nothing else."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from daguerre import weights
from daguerre.devices import Precision, choose_device, device_option, precision_option
from daguerre.errors import OptionError
from daguerre.images import Picture
from daguerre.images.picture import as_picture
from daguerre.images.visible import read_exactly
from daguerre.images.window_map import map_windows
from daguerre.networks.compact_face import CompactFace
from daguerre.options import check_range, option
from daguerre.progress import ProgressCallback, silent
from daguerre.tasks.faces.crops import Frame, Sight, calmed, changed, common, missing_grain
from daguerre.tasks.faces.detection import Boxes, Face, FaceDetector, FaceFinder, YuNet
from daguerre.tasks.provenance import COMPOSITE, Record
from daguerre.tasks.result import Result
from daguerre.tiling import Window

__all__ = ["OUR_FRAME", "FaceOptions", "FaceRefiner", "Refined", "RefinedFace", "refine_faces"]

SIDE = 512  # pixels of a window
MODELS = {"auto": "faces", "microsoft": "microsoft-face-256"}


@dataclass(frozen=True, kw_only=True)
class FaceOptions:
    """Which faces to refine, and how far."""

    task: ClassVar[str] = "faces"

    model: str = option("auto", "auto takes what ships; microsoft the published network; or a name or file")
    strength: float = option(1.0, "how far to go from the faces as they are, 0, to the refined ones, 1")
    face_limit: float = option(4.0, "leave a face as it is that would change by more than so many percent")
    finder: str = option(
        "cascades", "what finds faces: cascades, which ship with OpenCV, or YuNet's file", metavar="FILE", file=True
    )
    min_size: int = option(
        40, "leave faces alone that are smaller than so many pixels; a 46th of the picture's longer side is the least"
    )
    confidence: float = option(0.4, "how sure a face must be, from 0 to 1")
    only: str = option("", "refine only the faces of these numbers", metavar="1,3")
    skip: str = option("", "refine all faces but those of these numbers", metavar="2")
    boxes: str = option(
        "", "a text file of faces, each line left, top, width, height; none are looked for", metavar="FILE", file=True
    )
    device: str = device_option()
    precision: Precision = precision_option()

    def __post_init__(self) -> None:
        check_range("strength", self.strength, 0, 1)
        check_range("face_limit", self.face_limit, 0, 100)
        check_range("confidence", self.confidence, 0, 1)
        check_range("min_size", self.min_size, 8, 100_000)
        if self.only and self.skip:
            raise OptionError("--only and --skip exclude each other; give one of them")
        numbers("only", self.only)
        numbers("skip", self.skip)

    def finding(self) -> FaceDetector:
        """What finds faces.

        Raises:
            OptionError: YuNet's file cannot be used.
        """
        if self.boxes:
            return Boxes(Path(self.boxes))
        least: dict[str, Any] = {"min_size": self.min_size, "confidence": self.confidence}
        return FaceFinder(**least) if self.finder == "cascades" else YuNet(Path(self.finder), **least)


@dataclass(frozen=True)
class RefinedFace:
    """A face, and what was done to it.

    Args:
        number: from 1, in reading order; what `only` and `skip` count by.
        change: mean absolute change within it, in percent of the range from black to white.
        fate: `refined`; `left out`, as asked for; or `kept`, for it would have changed too much.
        held_back: percent of it where less was changed than the network wanted, for that was too much at one place.
    """

    number: int
    face: Face
    change: float = 0.0
    fate: str = "left out"
    held_back: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Refined(Result):
    """A result, and its faces.

    Args:
        picture: the photograph with its faces refined.
        faces: all that were found, in reading order.
        step: the record of what was done that a saved file carries.
    """

    faces: tuple[RefinedFace, ...]

    @property
    def refined(self) -> int:
        """How many were refined."""
        return sum(face.fate == "refined" for face in self.faces)

    @property
    def kept(self) -> int:
        """How many were left as they were because they would have changed too much."""
        return sum(face.fate == "kept" for face in self.faces)


class FaceRefiner:
    """Refines the faces of photographs, keeping its network loaded between them.

    The network sees a face at its own size and makes a difference, which alone is resized and added: a face that is
    larger than the network keeps every detail it has. The faces are refined from the photograph as it came; where two
    overlap the larger one, which is nearer, lies above.

    Args:
        options: how; single options may be given by name instead or on top.

    Raises:
        WeightsNotFound: no model of that name.
        OptionError: a model that does not refine faces.
    """

    def __init__(self, options: FaceOptions | None = None, **changes: Any) -> None:
        self.options = replace(options or FaceOptions(), **changes)
        self.device = choose_device(self.options.device, self.options.precision)
        self.model = MODELS.get(self.options.model, self.options.model)
        loaded = weights.load(self.model)
        if loaded.header.task != "faces":
            raise OptionError(f"{self.options.model} is for {loaded.header.task}, not for refining faces")
        self.ours = isinstance(loaded.network, CompactFace)
        if not self.ours:  # in bfloat16 its siblings give only 28 to 32 dB of what they give in float32
            self.device = replace(self.device, dtype=torch.float32)
        self.network = loaded.on(self.device)
        self.side = int(getattr(loaded.network, "side", 0))
        self.frame = OUR_FRAME if self.ours else PUBLISHED_FRAME
        self.find = self.options.finding()

    def __call__(self, source: Picture | Path | str | np.ndarray, *, progress: ProgressCallback = silent) -> Refined:
        """Refine the faces of a photograph.

        Args:
            source: a picture, a file, or an array as `Picture.from_array` takes it.
        """
        photo = as_picture(source)
        faces: list[RefinedFace] = []
        frames: list[Frame] = []
        found = self.find(photo)
        chosen = self.chosen(len(found))
        for number, face in enumerate(found, start=1):
            if number not in chosen:
                faces.append(RefinedFace(number, face))
                continue
            frame, held_back = self.refine(photo, face)
            change = 100 * changed(frame)
            fate = "refined" if change <= self.options.face_limit else "kept"
            faces.append(RefinedFace(number, face, round(change, 2), fate, round(100 * held_back, 1)))
            frames += [frame] if fate == "refined" else []
        picture = self.blend(photo, sorted(frames, key=lambda frame: frame.side), progress) if frames else photo
        return Refined(picture=picture, faces=tuple(faces), step=self.step(faces))

    def chosen(self, count: int) -> set[int]:
        """The numbers of the faces to refine.

        Raises:
            OptionError: there is no face of a number that is asked for.
        """
        only, skip = (numbers(name, getattr(self.options, name)) for name in ("only", "skip"))
        for number in sorted(only | skip):
            if number > count:
                name = "only" if only else "skip"
                raise OptionError(f"--{name} names face {number}, but there are {count}; `--list` shows them")
        return (only or set(range(1, count + 1))) - skip

    @torch.inference_mode()
    def refine(self, photo: Picture, face: Face) -> tuple[Frame, float]:
        """What the network adds to a face, and the part of the face where that is held back."""
        sight = Sight.of(photo, face, self.frame, self.side)
        whole = sight.image.to(self.device.torch_device)
        made = self.network(whole)
        if self.ours:  # and its mirror image: 0.07 dB on 60 faces held out
            made = (made + self.network(whole.flip(-1)).flip(-1)) / 2
        detail, held_back = (made - whole).cpu()[..., sight.rows, sight.columns], 0.0
        if self.ours:  # the published one paints faces anew, which is what its user asks for
            detail, less = calmed(detail)
            held_back = float((less > 0).float().mean())
        grain = missing_grain(photo, sight.inside, detail) if self.options.strength else 0.0
        strength = self.options.strength
        frame = Frame(sight.top, sight.left, sight.side, sight.inside, strength * detail, strength * grain)
        return frame, held_back

    def blend(self, photo: Picture, frames: list[Frame], progress: ProgressCallback) -> Picture:
        """The photograph with the faces changed, the last of them on top."""

        def compute(window: Window, colours: Tensor) -> Tensor:
            made = colours.clone()
            for frame in frames:
                if not frame.touches(window):
                    continue
                part = common(window, frame.inside)
                rows, columns = part.within(window).slices
                before = colours[..., rows, columns]
                wanted = (before + frame.change(part)).clamp(0, 1)
                made[..., rows, columns] = torch.lerp(made[..., rows, columns], wanted, frame.weight(part))
            return made

        return map_windows(photo, compute, step="refining faces", side=SIDE, read=read_exactly, progress=progress)

    def step(self, faces: list[RefinedFace]) -> Record:
        """What to record of a result: the options that differ from the defaults, but not where it was computed."""
        chosen = {
            field.name: getattr(self.options, field.name)
            for field in fields(self.options)
            if getattr(self.options, field.name) != field.default and field.name != "device"
        }
        for name in ("boxes", "finder", "model"):
            if name in chosen:
                chosen[name] = Path(chosen[name]).name
        refined = [face.change for face in faces if face.fate == "refined"]
        kept = sum(face.fate == "kept" for face in faces)
        return Record(
            task="faces",
            options=chosen,
            models={Path(self.model).name: weights.checksum(self.model)},
            measured={
                "faces_found": len(faces),
                "faces_refined": len(refined),
                "faces_kept": kept,
                "largest_change_percent": max(refined, default=0.0),
            },
            source_type="algorithmicallyEnhanced" if self.ours else COMPOSITE,
        )


OUR_FRAME = (0.004, 0.083, 1.02)
"""Left, top and side of what our network sees of a face, in sides of its square: the mean of 300 training faces, which
lie in their pictures as alignment put them, against the squares that the finder finds there."""

PUBLISHED_FRAME = (-0.6, -0.62, 2.2)
"""The same for the published network: its template has the eyes 0.18 of its side apart, 0.45 of it from the top."""


def numbers(name: str, text: str) -> set[int]:
    """`1,3` as {1, 3}.

    Raises:
        OptionError: something else.
    """
    words = text.replace(",", " ").split()
    if (text and not words) or not all(word.isascii() and word.isdigit() and int(word) > 0 for word in words):
        raise OptionError(f"{name} is {text!r}; write the numbers of faces with commas between, such as 1,3")
    return {int(word) for word in words}


def refine_faces(source: Picture | Path | str | np.ndarray, **options: Any) -> Picture:
    """Refine the faces of a photograph: `refine_faces("group.jpg").save("refined.jpg")`.

    Args:
        source: a picture, a file, or an array as `Picture.from_array` takes it.
        options: fields of `FaceOptions`.
    """
    return FaceRefiner(**options)(source).picture
