"""The stages of restoration, in order."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from daguerre import weights
from daguerre.devices import Device, choose_device
from daguerre.images import Canvas, Picture
from daguerre.images.filters import BLURRED_SIGMA, excess
from daguerre.images.resize import read_reduced
from daguerre.images.visible import read_colours, read_exactly
from daguerre.images.window_map import map_windows
from daguerre.progress import ProgressCallback, silent
from daguerre.tasks.faces.crops import common, cut
from daguerre.tasks.faces.refiner import MODELS as FACES
from daguerre.tasks.faces.refiner import FaceRefiner, RefinedFace
from daguerre.tasks.provenance import Record
from daguerre.tasks.restoration import denoising, resolution, stain_removal, tone_correction, translation
from daguerre.tasks.restoration.bringing_old_photos import PublishedRestorer, require
from daguerre.tasks.restoration.bringing_old_photos import models as published_models
from daguerre.tasks.restoration.damage_detection import ScratchDetector, damaged_part
from daguerre.tasks.restoration.deblurring import measure_edges
from daguerre.tasks.restoration.denoising import denoise
from daguerre.tasks.restoration.guard import HALO, Guard
from daguerre.tasks.restoration.inpainting import finished, inpaint, without_large_holes
from daguerre.tasks.restoration.options import RestoreOptions
from daguerre.tasks.restoration.resolution import measure_resolution, upscale_again
from daguerre.tasks.restoration.stain_removal import remove_stains
from daguerre.tasks.restoration.tint import UsualTint
from daguerre.tasks.restoration.tone_correction import ToneCorrection
from daguerre.tasks.restoration.translation import Translation, read_damage, spread
from daguerre.tasks.result import StageCallback
from daguerre.tasks.scans.negatives import has_orange_mask, shows_faces_inverted
from daguerre.tasks.scans.prints import Print, find_prints
from daguerre.tiling import Window
from daguerre.weights import Model

__all__ = ["STAGES", "Restoration", "Stages"]

STAGES = ("stains removed", "damage", "inpainted", "denoised", "translated", "before the faces", "at full strength")
"""The stages of a photograph, in order; those that are not needed are skipped."""

NEGATIVE = "this looks like a negative; --negative turns it"
TINT_COPY_SIDE = 384  # pixels; longer side of the copy in which the tint of a print is measured
LEAST_PART = 0.001  # minimum fraction of a photograph in which undone changes are reported


@dataclass
class Restoration:
    """A restored photograph, and findings along the way; the fields are those of `RestoreResult`."""

    picture: Picture
    models: list[str]
    on_stage: StageCallback | None
    progress: ProgressCallback
    mask: Picture | None = None
    unfinished: Picture | None = None
    damaged: float = 0.0
    patched: float = 0.0
    stained: float = 0.0
    tone_change: float = 0.0
    pale: float = 0.0
    more_tone_change: float = 0.0
    blur: float = 0.0
    finest: int = 1
    faces: tuple[RefinedFace, ...] = ()
    face_record: Record | None = None
    taken_back: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def take_back(self, what: str, part: float) -> None:
        """Record that changes were undone in a fraction of the photograph, in [0, 1], unless that is negligible."""
        if part >= LEAST_PART:
            self.taken_back[what] = part

    def show(self, stage: str, picture: Picture) -> None:
        if self.on_stage is not None:
            self.on_stage(stage, picture)


class Stages:
    """The loaded models of all stages; None for those that the options leave out.

    Raises:
        WeightsNotFound: a network is missing.
    """

    def __init__(self, options: RestoreOptions) -> None:
        self.options = options
        finds, faces = options.scratches == "auto", options.refining()
        refines = options.faces == "auto" and faces.strength > 0
        if options.filling:  # name all missing weights at once
            more = [options.detector] * finds + [FACES["microsoft"]] * refines
            require([*published_models(options.filling), *published_models(None), *more])
        device = choose_device(options.device, options.precision)
        exact = Device(device.torch_device, torch.float32)
        ours = options.filling is None
        self.published = None if ours else PublishedRestorer(device, filling=options.filling)
        self.stains = weights.load(stain_removal.MODEL).on(exact) if ours and options.stains == "auto" else None
        self.damage = ScratchDetector(options.finding()) if finds else None
        self.restoration = translation.load_restoration(device) if ours else None
        cleans = ours and options.grain == "auto"
        self.denoising = weights.load(denoising.MODEL).on(device) if cleans else None
        self.tones = weights.load(tone_correction.MODEL).on(exact) if ours and options.fix_fading != "off" else None
        self.faces = FaceRefiner(faces) if refines else None
        self.upscaling: dict[str, Model] = {}
        self.device = device

    def restore(
        self,
        original: Picture,
        mask: Picture | None,
        *,
        on_stage: StageCallback | None = None,
        progress: ProgressCallback = silent,
    ) -> Restoration:
        """Restore a photograph, or each print of a scan, leaving the scanner bed unchanged.

        Args:
            mask: 8-bit gray, white where damaged; by default damage is detected, unless the options prevent that.
        """
        prints = find_prints(original) if self.options.prints == "auto" else []
        if not prints:
            return self.restore_print(original, mask, on_stage=on_stage, progress=progress)
        pieces = []
        for one in prints:
            box, seen = one.box(original.height, original.width), {}  # type: Window, dict[str, Picture]
            given = None if mask is None else cut(mask, box)
            done = self.restore_print(
                cut(original, box), given, on_stage=seen.__setitem__ if on_stage else None, progress=progress
            )
            pieces.append(Piece(one, box, done, seen))
        return joined(original, pieces, on_stage)

    def restore_print(
        self, original: Picture, mask: Picture | None, *, on_stage: StageCallback | None, progress: ProgressCallback
    ) -> Restoration:
        """Restore a photograph that fills its picture."""
        done = Restoration(original, self.used(), on_stage, progress)
        photo = self.remove_stains(original, done)
        self.detect_damage(photo, mask, done)
        if self.published is not None:
            done.picture = self.published(photo, done.mask if done.damaged else None, progress=done.progress)
        else:
            tones = self.estimate_tones(photo, done)
            filled = self.inpaint(photo, done)
            photo = self.finish_holes(filled, done) if self.denoising is None else self.clean(filled, done)
            done.picture = self.correct_tones(tint_filled(photo, done), original, tones, done)
        self.refine_faces(done)
        self.apply_strength(original, done)
        self.suspect_negative(original, done)
        return done

    def clean(self, filled: Picture, done: Restoration) -> Picture:
        """Remove grain, noise and blur, and refine filled areas."""
        photo = self.denoise(filled, done)
        photo = self.sharpen(photo, done)
        done.show("denoised", photo)
        photo = self.hold_back(filled, self.translate(photo, done), done)
        done.show("translated", photo)
        return photo

    def finish_holes(self, filled: Picture, done: Restoration) -> Picture:
        """Refine filled areas, and leave the rest unchanged."""
        if done.unfinished is None or self.restoration is None:
            return filled
        done.models.extend(translation.MODELS)
        return finished(filled, done.unfinished, self.restoration, done.progress)

    def suspect_negative(self, original: Picture, done: Restoration) -> None:
        if self.options.negative:
            return
        inverted = self.faces is not None and not done.faces and shows_faces_inverted(original, self.faces.find)
        if inverted or has_orange_mask(original):
            done.warnings.append(NEGATIVE)

    def used(self) -> list[str]:
        """Names of the networks used in every restoration."""
        if self.published is not None:
            made_by = list(dict.fromkeys((*published_models(None), *published_models(self.options.filling))))
        else:
            made_by = [denoising.MODEL, *translation.MODELS] if self.denoising is not None else []
        tones, stains = self.tones is not None, self.stains is not None
        return made_by + [tone_correction.MODEL] * tones + [stain_removal.MODEL] * stains

    def remove_stains(self, photo: Picture, done: Restoration) -> Picture:
        if self.stains is None:
            return photo
        unstained, done.stained, doubtful = remove_stains(photo, self.stains, done.progress)
        done.take_back("stains", doubtful)
        if unstained is not photo:
            done.show("stains removed", unstained)
        return unstained

    def detect_damage(self, photo: Picture, given: Picture | None, done: Restoration) -> None:
        done.mask = given
        if given is None and self.damage is not None:
            done.mask = self.damage(photo, progress=done.progress)
            done.models.extend(self.damage.every_name)
        if done.mask is not None:
            if self.options.large_holes == "leave":
                done.mask = without_large_holes(done.mask)
            done.damaged = damaged_part(done.mask)
            done.show("damage", done.mask)

    def inpaint(self, photo: Picture, done: Restoration) -> Picture:
        if done.mask is None or not done.damaged or self.restoration is None:
            return photo
        filled, done.unfinished, done.patched = inpaint(photo, done.mask, self.restoration, done.progress)
        done.show("inpainted", filled)
        return filled

    def denoise(self, photo: Picture, done: Restoration, *, blur: float = 0.0) -> Picture:
        return photo if self.denoising is None else denoise(photo, self.denoising, done.progress, blur=blur)

    def sharpen(self, photo: Picture, done: Restoration) -> Picture:
        """Deblur a photograph without any sharp edge; upscale again one that was enlarged."""
        if self.options.blur_pixels is not None:
            done.blur = self.options.blur_pixels
        else:
            edges = measure_edges(photo)
            done.finest, enlarged = measure_resolution(photo, edges)
            if edges < BLURRED_SIGMA or enlarged:
                return self.upscale_again(photo, done, exact=enlarged) if done.finest > 1 else photo
            done.blur = edges
        undone = excess(done.blur)
        return self.denoise(photo, done, blur=undone) if undone else photo

    def upscale_again(self, photo: Picture, done: Restoration, *, exact: bool) -> Picture:
        name = resolution.MODELS[done.finest]
        if name not in self.upscaling:
            self.upscaling[name] = weights.load(name).on(self.device)
        done.models.append(name)
        return upscale_again(photo, done.finest, self.upscaling[name], done.progress, exact=exact)

    def estimate_tones(self, photo: Picture, done: Restoration) -> ToneCorrection | None:
        if self.tones is None:
            return None
        faded, keep = self.options.fix_fading == "strong", self.options.keep_colour
        tones = ToneCorrection.estimate(photo, self.tones, changed=faded, keep_colour=keep)
        done.tone_change, done.pale = tones.change * self.options.strength, tones.pale
        done.more_tone_change = tones.more * self.options.strength
        return tones

    def translate(self, photo: Picture, done: Restoration) -> Picture:
        """The translation between latent spaces."""
        assert self.restoration is not None
        translation = Translation(self.restoration, (photo.height, photo.width))

        def damage(source: Window) -> Tensor:
            return damage_in(done, source)

        def restore(window: Window, image: Tensor) -> Tensor:
            return translation(window, image, damage(translation.source(window)))

        translation.limit = translation.calm(lambda source: (read_colours(photo, source)[0], damage(source)))
        return map_windows(
            photo,
            restore,
            step="restoring",
            side=translation.side,
            source=translation.source,
            bits=16,
            progress=done.progress,
        )

    def hold_back(self, before: Picture, made: Picture, done: Restoration) -> Picture:
        """Undo harmful changes where nothing is damaged."""
        height, width = made.height, made.width
        windows = [window.grown(HALO, height, width) for window in spread(height, width)]
        guard = Guard.of(
            [
                (read_colours(before, window)[0], read_colours(made, window)[0], damage_in(done, window))
                for window in windows
            ],
            excess(done.blur),
        )
        counts: Counter[str] = Counter()

        def compute(window: Window, image: Tensor) -> Tensor:
            source = window.grown(guard.halo, height, width)
            held = guard(read_colours(before, source)[0], image, damage_in(done, source))
            rows, columns = window.within(source).slices
            for name, places in held.places.items():
                counts[name] += int(places[..., rows, columns].sum())
            return held.image

        kept = map_windows(made, compute, step="comparing", halo=guard.halo, bits=16, progress=done.progress)
        for name, count in counts.items():
            done.take_back(name, count / (height * width))
        return kept

    def correct_tones(
        self, photo: Picture, original: Picture, tones: ToneCorrection | None, done: Restoration
    ) -> Picture:
        bits = original.bits if self.options.strength == 1 else 16
        return map_windows(
            photo,
            (lambda _, image: image) if tones is None else tones,
            step="correcting tones",
            like=original,
            bits=bits,
            progress=done.progress,
        )

    def refine_faces(self, done: Restoration) -> None:
        if self.faces is None:
            return
        refined = self.faces(done.picture, progress=done.progress)
        if refined.refined:
            done.show("before the faces", done.picture)
        # The record is of the whole restoration, not of each part.
        done.picture = refined.picture.saved_with(xmp=done.picture.xmp or b"")
        done.faces, done.face_record = refined.faces, refined.record
        most = max((face.held_back for face in refined.faces if face.fate == "refined"), default=0.0)
        done.take_back("faces", most / 100)

    def apply_strength(self, original: Picture, done: Restoration) -> None:
        """Blend the whole restoration with the original photograph, by `strength`."""
        strength, restored = self.options.strength, done.picture
        if strength == 1:
            return
        done.show("at full strength", restored)

        def mix(window: Window, colours: Tensor) -> Tensor:
            return torch.lerp(colours, restored.read(window), strength)

        done.picture = map_windows(original, mix, step="applying strength", progress=done.progress)


def tint_filled(photo: Picture, done: Restoration) -> Picture:
    """Give what was filled in a print without color the tint of what surrounds it."""
    if done.unfinished is None:
        return photo
    copy, _ = read_reduced(photo, TINT_COPY_SIDE)
    damage, _ = read_reduced(done.unfinished, TINT_COPY_SIDE)
    tint = UsualTint.of(copy, 1 - damage[:, :1])
    if tint is None:
        return photo
    height, width = photo.height, photo.width

    def compute(window: Window, image: Tensor) -> Tensor:
        source = window.grown(tint.halo, height, width)
        damaged = damage_in(done, source)
        if not damaged.any():
            return image
        return tint.given_to(image, damaged)

    return map_windows(photo, compute, step="tinting", halo=tint.halo, bits=16, progress=done.progress)


def damage_in(done: Restoration, window: Window) -> Tensor:
    """Damage in a window, except large holes, which are filled: (1, 1, h, w), 1 or 0."""
    if done.unfinished is None:
        return torch.zeros(1, 1, window.height, window.width)
    return read_damage(done.unfinished, window)


@dataclass(frozen=True)
class Piece:
    """A print of a scan, its position, and its restoration."""

    place: Print
    box: Window
    done: Restoration
    stages: dict[str, Picture]

    @property
    def area(self) -> int:
        return self.box.height * self.box.width


def joined(original: Picture, pieces: list[Piece], on_stage: StageCallback | None) -> Restoration:
    """The restored prints of a scan as one restoration, with the scanner bed unchanged."""
    whole, first = original.height * original.width, pieces[0].done
    if on_stage is not None:
        for stage in STAGES:
            if any(stage in piece.stages for piece in pieces):
                ground = blank_mask(original) if stage == "damage" else original
                on_stage(stage, laid(ground, [(piece, piece.stages.get(stage)) for piece in pieces]))

    def mean(of: Callable[[Restoration], float]) -> float:
        return sum(of(piece.done) * piece.area for piece in pieces) / whole

    taken = {name for piece in pieces for name in piece.done.taken_back}
    masks = [(piece, piece.done.mask) for piece in pieces]
    count = (
        f"{len(pieces)} prints on one scan: --split gives each"
        if len(pieces) > 1
        else "a print on a bed: --crop gives it"
    )
    return Restoration(
        laid(original, [(piece, piece.done.picture) for piece in pieces], like=first.picture),
        list(dict.fromkeys(name for piece in pieces for name in piece.done.models)),
        on_stage,
        first.progress,
        mask=laid(blank_mask(original), masks) if first.mask is not None else None,
        damaged=mean(lambda done: done.damaged),
        patched=mean(lambda done: done.patched),
        stained=mean(lambda done: done.stained),
        tone_change=mean(lambda done: done.tone_change),
        pale=max(piece.done.pale for piece in pieces),
        more_tone_change=max(piece.done.more_tone_change for piece in pieces),
        blur=max(piece.done.blur for piece in pieces),
        finest=max(piece.done.finest for piece in pieces),
        faces=numbered(pieces),
        face_record=joined_faces([piece.done.face_record for piece in pieces]),
        taken_back={name: mean(lambda done, name=name: done.taken_back.get(name, 0.0)) for name in taken},  # type: ignore[misc]
        warnings=[*dict.fromkeys(said for piece in pieces for said in piece.done.warnings), f"{count} on its own"],
    )


def laid(ground: Picture, pieces: list[tuple[Piece, Picture | None]], like: Picture | None = None) -> Picture:
    """Pictures pasted at the prints' positions; elsewhere, and for prints without one, the background shows."""

    def compute(window: Window, colours: Tensor) -> Tensor:
        made = colours.clone()
        for piece, picture in pieces:
            part = common(window, piece.box)
            if picture is None or part.height < 1 or part.width < 1:
                continue
            rows, columns = part.within(window).slices
            new = picture.read(part.within(piece.box))
            made[..., rows, columns] = torch.where(piece.place.inside(part), new, made[..., rows, columns])
        return made

    return map_windows(ground, compute, bits=like.bits if like else None, read=read_exactly)


def blank_mask(like: Picture) -> Picture:
    """An empty mask for a picture."""
    return Canvas(like.height, like.width, grey=True).picture()


def numbered(pieces: list[Piece]) -> tuple[RefinedFace, ...]:
    """The faces of all prints, at their positions in the scan."""
    found = [
        replace(one, face=replace(one.face, left=one.face.left + piece.box.left, top=one.face.top + piece.box.top))
        for piece in pieces
        for one in piece.done.faces
    ]
    return tuple(replace(one, number=number) for number, one in enumerate(found, start=1))


def joined_faces(records: list[Record | None]) -> Record | None:
    """The results of face refinement for all prints."""
    made = [record for record in records if record is not None]
    if not made:
        return None
    measured: dict[str, float] = {}
    for record in made:
        for name, value in record.measured.items():
            measured[name] = max(measured.get(name, 0), value) if "largest" in name else measured.get(name, 0) + value
    return replace(made[0], measured=measured)
