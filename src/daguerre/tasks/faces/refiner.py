"""Refine the faces of a photograph: add the detail lost to blur, grain and low resolution, and nothing else."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Unpack

import torch
from torch import Tensor

from daguerre import weights
from daguerre.devices import Precision, choose_device, device_option, precision_option
from daguerre.errors import OptionError
from daguerre.images import Picture, PictureLike, as_picture
from daguerre.images.grain import kept_grain
from daguerre.images.pixels import luma
from daguerre.images.visible import read_exactly
from daguerre.images.window_map import map_windows
from daguerre.networks.compact_face import CompactFace
from daguerre.options import check_range, option
from daguerre.progress import ProgressCallback, silent
from daguerre.tasks.faces.crops import Frame, Sight, calmed, changed, common
from daguerre.tasks.faces.detection import Boxes, Face, FaceDetector, FaceFinder, finder_option
from daguerre.tasks.kwargs import FaceKwargs
from daguerre.tasks.provenance import COMPOSITE, Record
from daguerre.tasks.result import Result, StageCallback, checksums, chosen, recorded
from daguerre.tiling import Window

__all__ = ["OUR_FRAME", "FaceOptions", "FaceRefiner", "FaceResult", "RefinedFace", "find_faces", "refine_faces"]

WINDOW_SIDE = 512  # pixels of a window
MODELS = {"auto": "faces", "microsoft": "microsoft-face-256"}


@dataclass(frozen=True, kw_only=True)
class FaceOptions:
    """Which faces to refine, and how much."""

    task: ClassVar[str] = "faces"

    model: str = option("auto", "auto: the one that ships; microsoft: the published one; or a name or file", file=True)
    strength: float = option(1.0, "blend between the faces as they are (0) and fully refined (1)")
    face_limit: float = option(4.0, "keep a face as it is if it would change by more than this percentage")
    finder: str = finder_option()
    min_size: int = option(12, "ignore faces smaller than this many pixels")
    confidence: float = option(0.68, "minimum detection score, from 0 to 1")
    only: str = option("", "refine only the faces with these numbers", metavar="1,3")
    skip: str = option("", "refine all faces except those with these numbers", metavar="2")
    each: str = option("", "strengths of individual faces, by number, multiplied by --strength", metavar="1:0.5,3:0.2")
    boxes: str = option(
        "", "text file of faces, one per line: left, top, width, height; replaces detection", metavar="FILE", file=True
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
        strengths(self.each)

    def finding(self) -> FaceDetector:
        """The face detector.

        Raises:
            WeightsError: the detector's weights cannot be used.
        """
        if self.boxes:
            return Boxes(Path(self.boxes))
        return FaceFinder(self.finder, min_size=self.min_size, confidence=self.confidence)


@dataclass(frozen=True)
class RefinedFace:
    """A face and what was done to it.

    Args:
        number: from 1, in reading order; used by `only` and `skip`.
        change: mean absolute change within the face, in percent of the range from black to white.
        fate: `refined`; `left out`, as requested; or `kept`, because it would have changed too much.
        held_back: percentage of its area where the network's change was limited, because it was locally too large.
    """

    number: int
    face: Face
    change: float = 0.0
    fate: str = "left out"
    held_back: float = 0.0

    def findings(self) -> dict[str, Any]:
        """The face as JSON values."""
        return {"number": self.number, **asdict(self.face), "change_percent": self.change, "fate": self.fate}


@dataclass(frozen=True, kw_only=True)
class FaceResult(Result):
    """A photograph with its faces refined, and what was done to each.

    Args:
        faces: all faces found, in reading order.
    """

    faces: tuple[RefinedFace, ...]

    def findings(self) -> dict[str, Any]:
        return {"faces": [face.findings() for face in self.faces]}

    @property
    def refined(self) -> int:
        """Number of refined faces."""
        return sum(face.fate == "refined" for face in self.faces)

    @property
    def kept(self) -> int:
        """Number of faces left as they were because they would have changed too much."""
        return sum(face.fate == "kept" for face in self.faces)


class FaceRefiner:
    """Refines the faces of photographs, keeping its network loaded.

    The network sees a face at its own size and predicts a residual, and only that is resized and added: a face larger
    than the network's input keeps all its detail. Every face is refined from the original photograph; where two
    overlap, the larger and thus nearer one is on top.

    Args:
        options: the options; single ones may also be given by name.

    Raises:
        WeightsNotFound: no model of that name.
        OptionError: the model does not refine faces.
    """

    def __init__(self, options: FaceOptions | None = None, **changes: Unpack[FaceKwargs]) -> None:
        self.options = replace(options or FaceOptions(), **changes)
        self.device = choose_device(self.options.device, self.options.precision)
        self.model = MODELS.get(self.options.model, self.options.model)
        loaded = weights.load(self.model)
        if loaded.header.task != "faces":
            raise OptionError(f"{self.options.model} is for {loaded.header.task}, not for refining faces")
        self.ours = isinstance(loaded.network, CompactFace)
        if not self.ours:  # in bfloat16, related networks agree only to 28 to 32 dB with float32
            self.device = replace(self.device, dtype=torch.float32)
        self.network = loaded.on(self.device)
        self.side = int(getattr(loaded.network, "side", 0))
        self.frame = OUR_FRAME if self.ours else PUBLISHED_FRAME
        self.find = self.options.finding()

    def __call__(
        self, source: PictureLike, *, on_stage: StageCallback | None = None, progress: ProgressCallback = silent
    ) -> FaceResult:
        """Refine the faces of a photograph.

        Args:
            source: a picture in any form.
            on_stage: not called; present as in all tasks.
        """
        photo = as_picture(source)
        faces: list[RefinedFace] = []
        frames: list[Frame] = []
        found = self.find(photo)
        wanted, each = self.wanted(len(found)), strengths(self.options.each)
        for number, face in enumerate(found, start=1):
            if number not in wanted:
                faces.append(RefinedFace(number, face))
                continue
            frame, held_back = self.refine(photo, face, self.options.strength * each.get(number, 1.0))
            change = 100 * changed(frame)
            fate = "refined" if change <= self.options.face_limit else "kept"
            faces.append(RefinedFace(number, face, round(change, 2), fate, round(100 * held_back, 1)))
            frames += [frame] if fate == "refined" else []
        picture = self.blend(photo, sorted(frames, key=lambda frame: frame.side), progress) if frames else photo
        return FaceResult(**vars(recorded(picture, self.record(faces), photo, progress)), faces=tuple(faces))

    def wanted(self, count: int) -> set[int]:
        """The numbers of the faces to refine.

        Raises:
            OptionError: no face has a requested number.
        """
        only, skip = (numbers(name, getattr(self.options, name)) for name in ("only", "skip"))
        each = set(strengths(self.options.each))
        for number in sorted(only | skip | each):
            if number > count:
                name = "only" if number in only else "skip" if number in skip else "each"
                raise OptionError(f"--{name} names face {number}, but there are {count}; `--list` shows them")
        return (only or set(range(1, count + 1))) - skip

    @torch.inference_mode()
    def refine(self, photo: Picture, face: Face, strength: float) -> tuple[Frame, float]:
        """The residual of a face, times `strength`, and the fraction of the face where it was limited."""
        sight = Sight.of(photo, face, self.frame, self.side)
        whole = sight.upright().to(self.device.torch_device)
        made = self.network(whole)
        if self.ours:  # averaged with its mirror image: 0.07 dB better on 60 held-out faces
            made = (made + self.network(whole.flip(-1)).flip(-1)) / 2
        detail, held_back = (made - whole).cpu(), 0.0
        if self.ours:  # the published one redraws faces, as its user wants
            detail, less = calmed(detail)
            held_back = float((less > 0).float().mean())
        seen = luma(whole.cpu())
        detail = detail + kept_grain(seen, seen + luma(detail))
        return Frame(sight.top, sight.left, sight.side, sight.inside, strength * sight.laid_back(detail)), held_back

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

        return map_windows(
            photo, compute, step="refining faces", side=WINDOW_SIDE, read=read_exactly, progress=progress
        )

    def record(self, faces: list[RefinedFace]) -> Record:
        """The record of a result."""
        refined = [face.change for face in faces if face.fate == "refined"]
        kept = sum(face.fate == "kept" for face in faces)
        names = [self.model, *([self.find.model] if isinstance(self.find, FaceFinder) else [])]
        models = {Path(name).name: weights.checksum(name) for name in names}
        return Record(
            task="faces",
            options=chosen(self.options),
            models=models,
            measured={
                "faces_found": len(faces),
                "faces_refined": len(refined),
                "faces_kept": kept,
                "largest_change_percent": max(refined, default=0.0),
            },
            source_type=COMPOSITE if refined else None,
            files=checksums(self.options, models),
        )


OUR_FRAME = (0.004, 0.083, 1.02)
"""Left, top and side of our network's input, relative to a face's square: the mean over 300 aligned training faces of
the whole picture against the detected square."""

PUBLISHED_FRAME = (-0.6, -0.62, 2.2)
"""The same for the published network: its template has the eyes 0.18 of its side apart, 0.45 of it from the top."""


def numbers(name: str, text: str) -> set[int]:
    """`1,3` as {1, 3}.

    Raises:
        OptionError: something else.
    """
    words = text.replace(",", " ").split()
    if (text and not words) or not all(
        word.isascii() and word.isdigit() and len(word) < 10 and int(word) > 0 for word in words
    ):
        raise OptionError(f"{name} is {text!r}; write the numbers of faces with commas between, such as 1,3")
    return {int(word) for word in words}


def find_faces(source: PictureLike, **options: Unpack[FaceKwargs]) -> list[Face]:
    """Find the faces of a photograph, in reading order: squares in pixels, each with its score.

    Args:
        source: a picture in any form.
        options: the fields `finder`, `min_size` and `confidence` of `FaceOptions`.
    """
    return FaceOptions(**options).finding()(as_picture(source))


def refine_faces(source: PictureLike, **options: Unpack[FaceKwargs]) -> Picture:
    """Refine the faces of a photograph: `refine_faces("group.jpg").save("refined.jpg")`.

    Args:
        source: a picture in any form.
        options: fields of `FaceOptions`.
    """
    return FaceRefiner(**options)(source).picture


def strengths(text: str) -> dict[int, float]:
    """`1:0.5,3:0.2` as {1: 0.5, 3: 0.2}.

    Raises:
        OptionError: something else.
    """
    found = {}
    for pair in text.replace(",", " ").split():
        number, colon, strength = pair.partition(":")
        try:
            (face,) = numbers("each", number)
            found[face] = float(strength if colon else "")
        except (OptionError, ValueError):
            raise OptionError(f"each is {text!r}; write faces and strengths such as 1:0.5,3:0.2") from None
        check_range(f"each {number}", found[face], 0, 1)
    return found
