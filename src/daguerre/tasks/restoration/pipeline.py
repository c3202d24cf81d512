"""The two methods of restoration, ours and the published one, behind one call."""

from dataclasses import dataclass, field
from typing import Literal, Protocol, cast

import torch
from torch import Tensor

from daguerre import weights
from daguerre.devices import Device
from daguerre.images import Canvas, Picture
from daguerre.images.filters import BLURRED, excess
from daguerre.images.visible import read_colours
from daguerre.networks.compact_translation import CompactTranslation, LatentRestoration
from daguerre.networks.compact_vae import CompactEncoder, CompactVAE
from daguerre.networks.denoising_unet import TextureUNet
from daguerre.networks.tone_curves import ToneCurves
from daguerre.progress import ProgressCallback
from daguerre.tasks.restoration.bringing_old_photos import Filling, PublishedRestorer
from daguerre.tasks.restoration.bringing_old_photos import models as published_models
from daguerre.tasks.restoration.deblurring import measure_edges
from daguerre.tasks.restoration.denoising import cleaned
from daguerre.tasks.restoration.resolution import MODELS as RESOLUTION
from daguerre.tasks.restoration.resolution import measure_resolution, remade
from daguerre.tasks.restoration.tone_correction import ToneCorrection
from daguerre.tasks.restoration.translation import Mending, fill_coarsely, read_damage
from daguerre.tiling import Window, plan_windows, run_windows

__all__ = ["FixFading", "Made", "Method", "OurMethod", "PublishedMethod"]

FixFading = Literal["auto", "strong", "off"]

OLD, CLEAN, TRANSLATION = "restore-vae-old", "restore-vae-clean", "restore-translation"
TEXTURE, TONE = "texture", "tone"
SIDE = 1024  # pixels of a window in which almost nothing is computed


@dataclass(frozen=True, kw_only=True)
class Made:
    """What a method made of a photograph.

    Args:
        picture: the result.
        models: names of the networks that took part.
        tone_change: mean absolute change of tone, in [0, 1].
        pale: how far the darkest and the lightest tones still are from black and white, in [0, 1]; 0 if nobody looked.
        blur: deviation in pixels of the Gaussian that it was blurred with; 0 if it was sharp, or nobody looked.
        finest: pixels of the finest detail that it held: 2, 3 or 4 if it was enlarged, or as soft as if; else 1.
        stages: the photograph on its way, by name.
    """

    picture: Picture
    models: tuple[str, ...]
    tone_change: float = 0.0
    pale: float = 0.0
    blur: float = 0.0
    finest: int = 1
    stages: dict[str, Picture] = field(default_factory=dict)


class Method(Protocol):
    """Restores photographs whose damage is known."""

    def __call__(self, photo: Picture, mask: Picture | None, *, stages: bool, progress: ProgressCallback) -> Made:
        """Restore a photograph; `mask` is white where it is damaged, nothing if nobody looked."""


class OurMethod:
    """Mends with the networks that ship, and sets the tones right.

    Args:
        strength: how far to go from the photograph to the restored one, in [0, 1].
        blur: deviation in pixels of the Gaussian that photographs are blurred with; unless given it is measured, and
            their resolution with it.
        fix_fading: also set the tones right; strong if they have surely changed.
        keep_colour: of the tones, the lightness alone.

    Raises:
        WeightsNotFound: a network is missing.
    """

    def __init__(
        self, device: Device, *, strength: float, blur: float | None, fix_fading: FixFading, keep_colour: bool
    ) -> None:
        self.device, self.strength, self.blur = device, strength, blur
        self.toning = {"changed": fix_fading == "strong", "keep_colour": keep_colour}
        self.models = (TEXTURE, OLD, CLEAN, TRANSLATION, *([TONE] if fix_fading != "off" else []))
        old = CompactEncoder.of(weights.load(OLD).network)
        clean = cast(CompactVAE, weights.load(CLEAN).network)
        translation = cast(CompactTranslation, weights.load(TRANSLATION).network)
        self.network = cast(LatentRestoration, device.place(LatentRestoration(old, clean, translation)))
        self.texture = cast(TextureUNet, device.place(weights.load(TEXTURE).network))
        self.tone = cast(ToneCurves, device.place(weights.load(TONE).network)) if fix_fading != "off" else None

    def __call__(self, photo: Picture, mask: Picture | None, *, stages: bool, progress: ProgressCallback) -> Made:
        filled = photo if mask is None else fill_coarsely(photo, mask, self.network, self.device, progress)
        begun, blur, finest = self.clean(filled, progress)
        tone = None
        if self.tone is not None:
            tone = ToneCorrection.estimate(photo, self.tone, self.device, self.strength, **self.toning)
        size = (photo.height, photo.width)
        mending = Mending(self.network, self.device, size)
        canvas = Canvas(*size, bits=photo.bits, grey=photo.grey, alpha=photo.alpha)
        between = Canvas(*size, bits=photo.bits, grey=photo.grey) if stages else None

        def look(source: Window) -> tuple[Tensor, Tensor]:
            hurt = torch.zeros(1, 1, source.height, source.width) if mask is None else read_damage(mask, source)
            return read_colours(begun, source)[0], hurt

        def read(window: Window) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
            return *look(mending.source(window)), *read_colours(photo, window)

        def compute(
            window: Window, source: tuple[Tensor, Tensor, Tensor, Tensor | None]
        ) -> tuple[Tensor, Tensor, Tensor | None]:
            image, hurt, before, alpha = source
            mended = torch.lerp(before, mending(window, image, hurt).clamp(0, 1), self.strength)
            return mended, mended if tone is None else tone(window, mended), alpha

        def write(window: Window, made: tuple[Tensor, Tensor, Tensor | None]) -> None:
            mended, toned, alpha = made
            canvas.write(window, toned)
            if alpha is not None:
                canvas.write_alpha(window, alpha)
            if between is not None:
                between.write(window, mended)

        mending.limit = mending.calm(look)
        run_windows(mending.windows(), read=read, compute=compute, write=write, step="restoring", progress=progress)
        way = ({} if filled is photo else {"holes filled": filled}) | {"cleaned": begun}
        if between is not None:
            way["mended"] = between.picture(like=photo)
        picture = canvas.picture(like=photo)
        found = {"tone_change": tone.change, "pale": tone.pale} if tone else {}
        models = (*self.models, *([RESOLUTION[finest]] if finest > 1 else []))
        return Made(picture=picture, models=models, blur=blur, finest=finest, stages=way if stages else {}, **found)

    def clean(self, photo: Picture, progress: ProgressCallback) -> tuple[Picture, float, int]:
        """A photograph without its grain and its blur, how wide that was, and how many pixels its finest detail."""
        begun = cleaned(photo, self.texture, self.device, progress)
        if self.blur is not None:
            return self.unblur(begun, self.blur, progress), self.blur, 1
        edges = measure_edges(begun)
        finest, enlarged = measure_resolution(begun, edges)
        if edges >= BLURRED and not enlarged:
            return self.unblur(begun, edges, progress), edges, 1
        if finest > 1:
            begun = remade(begun, finest, self.device, progress, exact=enlarged)
        return begun, 0.0, finest

    def unblur(self, photo: Picture, blur: float, progress: ProgressCallback) -> Picture:
        undone = excess(blur)
        return cleaned(photo, self.texture, self.device, progress, blur=undone) if undone else photo


class PublishedMethod:
    """Restores with Microsoft's networks, which set the tones as they were trained to.

    Args:
        strength: how far to go from the photograph to the restored one, in [0, 1].
        filling: what fills damage.

    Raises:
        WeightsNotFound: a network is missing.
    """

    def __init__(self, device: Device, *, strength: float, filling: Filling) -> None:
        self.strength = strength
        self.restorer = PublishedRestorer(device, filling=filling)
        self.models = tuple(dict.fromkeys((*published_models(None), *published_models(self.restorer.filling))))

    def __call__(self, photo: Picture, mask: Picture | None, *, stages: bool, progress: ProgressCallback) -> Made:
        made = self.restorer(photo, mask, progress=progress)
        if self.strength == 1:
            return Made(picture=made, models=self.models)
        canvas = Canvas(photo.height, photo.width, bits=photo.bits, grey=photo.grey, alpha=photo.alpha)
        for window in plan_windows(photo.height, photo.width, SIDE):
            before, alpha = read_colours(photo, window)
            canvas.write(window, torch.lerp(before, made.read(window), self.strength))
            if alpha is not None:
                canvas.write_alpha(window, alpha)
        stage = {"restored": made} if stages else {}
        return Made(picture=canvas.picture(like=photo), models=self.models, stages=stage)
