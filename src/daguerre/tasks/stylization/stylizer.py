"""Stylize a photograph in the style of other pictures."""

import functools
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Unpack

from torch import Tensor

from daguerre import weights
from daguerre.devices import choose_device
from daguerre.errors import OptionError, PictureError
from daguerre.images import Picture, PictureLike, as_picture
from daguerre.images.colour_transfer import visible
from daguerre.images.pixels import luma
from daguerre.images.resize import read_resized
from daguerre.networks.vgg import VGG
from daguerre.progress import ProgressCallback, silent
from daguerre.tasks.kwargs import StylizeKwargs
from daguerre.tasks.provenance import COMPOSITE, TRAINED, Record
from daguerre.tasks.result import Result, StageCallback, checksums, chosen, recorded
from daguerre.tasks.stylization.face_protection import FaceProtection
from daguerre.tasks.stylization.feed_forward import (
    FeedForwardNetworks,
    FeedForwardStylization,
    StyleSource,
    style_vector_of,
)
from daguerre.tasks.stylization.optimization import SMALLEST_SIDE, HistoryEntry, Style, StyleOptimization, mean_side
from daguerre.tasks.stylization.options import StylizeOptions, layer_weights
from daguerre.tasks.stylization.style_vector import SUFFIX, StyleVector, mixed
from daguerre.tasks.stylization.vgg_statistics import FeatureExtractor

__all__ = ["StylizeOptions", "StylizeResult", "Stylizer", "stylize"]

StyleLike = PictureLike | StyleVector


@dataclass(frozen=True, kw_only=True)
class StylizeResult(Result):
    """A stylized photograph, and how it was made.

    Args:
        history: the losses of every step; empty after one pass.
        frames: small images (1, 3, h, w) of the optimization, from beginning to end, if requested.
    """

    history: list[HistoryEntry]
    frames: list[Tensor]


def never() -> bool:
    return False


class Stylizer:
    """Stylizes photographs in one style, or one mixture of styles.

    Args:
        options: the options; single ones may also be given by name.
        style: one or several styles, as pictures in any form or as vectors, instead of those in the options.

    Raises:
        PictureError: a style that cannot be read, or is empty.
        OptionError: options that contradict each other or the number of styles.
        WeightsError: the weights of the features are missing, damaged, or not those of a VGG-19.
    """

    def __init__(
        self,
        options: StylizeOptions | None = None,
        *,
        style: StyleLike | Sequence[StyleLike] = (),
        **changes: Unpack[StylizeKwargs],
    ) -> None:
        self.options = replace(options or StylizeOptions(), **changes)
        several: Sequence[StyleLike] = style if isinstance(style, list | tuple) else [style]  # type: ignore[list-item]
        sources = several or self.options.style
        looks = [look_of(style) for style in sources]
        if not looks:
            raise OptionError("name at least one picture whose style to take, for example: --style painting.jpg")
        for name in ("share", "mask"):
            if (given := len(getattr(self.options, name))) not in (0, len(looks)):
                raise OptionError(f"{name} has {given} values for {len(looks)} styles; give one for each")
        shares = self.options.share or (1.0,) * len(looks)
        masks: Sequence[Picture | None] = [Picture.open(mask) for mask in self.options.mask] or [None] * len(looks)
        self.names = [name_of(source, look) for source, look in zip(sources, looks, strict=True)]
        wanted = [StyleSource(*parts) for parts in zip(looks, self.names, shares, masks, strict=True)]
        for one in wanted:
            check_style(one)
        self.styles = [one for one in wanted if one.share > 0]
        self.check_method()

    def check_method(self) -> None:
        """Refuse styles that the method does not support, before any picture is processed.

        Raises:
            OptionError: says which style.
        """
        for style in self.styles:
            if not isinstance(style.look, StyleVector):
                continue
            if self.options.method == "optimize":
                raise OptionError(f"{style.name} is a style vector, which serves one pass only; give a picture")
            if self.options.colours == "match":
                raise OptionError(f"{style.name} is a style vector, which cannot be recoloured; use luminance instead")
            self.networks.check(style.look, style.name)
        pictures = any(isinstance(style.look, Picture) for style in self.styles)
        if self.options.method == "fast" and (pictures or self.options.strength < 1):
            self.networks.check_predictor()

    @functools.cached_property
    def networks(self) -> FeedForwardNetworks:
        return FeedForwardNetworks(self.options.model, choose_device(self.options.device, self.options.precision))

    def vector(self) -> StyleVector:
        """The vector of the style, or of the mixture of styles.

        Raises:
            OptionError: there are several vectors, for regions or for each photograph; or the model cannot compute one.
        """
        if self.options.mask or self.options.colours == "match":
            raise OptionError("with --mask or --colours match there is no one style vector to save; leave them out")
        looks = [style_vector_of(style, self.options, self.networks, None) for style in self.styles]
        return mixed(looks, [style.share for style in self.styles])

    @functools.cached_property
    def extractor(self) -> FeatureExtractor:
        loaded = weights.load(self.options.features)
        if not isinstance(loaded.network, VGG):
            raise OptionError(f"{self.options.features} is a {loaded.header.network}; stylising needs a VGG19 or VGG16")
        layers = layer_weights("", [*self.options.content_layers, *self.options.style_layers])
        if missing := [layer for layer in layers if layer not in loaded.network.layers]:
            raise OptionError(f"{self.options.features} is a {loaded.header.network} and has no layer {missing[0]!r}")
        device = choose_device(self.options.device, self.options.precision)
        return FeatureExtractor(loaded.network, device, list(layers), pooling=self.options.pooling)

    def __call__(
        self,
        source: PictureLike,
        *,
        stages: Collection[int] = (),
        frames: int = 0,
        enough: Callable[[], bool] = never,
        on_stage: StageCallback | None = None,
        progress: ProgressCallback = silent,
    ) -> StylizeResult:
        """Stylize a photograph.

        Args:
            source: a picture in any form.
            stages: steps after which `on_stage` receives the picture.
            frames: number of small images of the optimization to keep.
            enough: polled after every step; once it returns True, the best picture so far at the last size is the
                result.
            on_stage: receives the picture after each of the `stages`, as "step 10".

        Raises:
            PictureError: too small, or unreadable.
            OptionError: a stage after the last step, or with a method that has no steps.
            ValueError: `stages` without `on_stage`.
        """
        if stages and on_stage is None:
            raise ValueError("stages are given to on_stage; name both")
        content = as_picture(source)
        check_content(content)
        protection = FaceProtection(content, self.options.protect_faces)
        if self.options.method == "fast":
            if stages or frames:
                raise OptionError("one pass has no stages to show; leave them out, or set method to optimize")
            painted = FeedForwardStylization(content, self.styles, self.options, self.networks).picture(progress)
            made = recorded(protection(painted), self.record({}, protection), content, progress)
            return StylizeResult(**vars(made), history=[], frames=[])
        if late := [stage for stage in stages if not 1 <= stage <= self.options.steps]:
            raise OptionError(
                f"stage {late[0]} is not among the {self.options.steps} steps; ask for others, or for more steps"
            )
        initial = None
        if self.options.start == "fast":
            initial = FeedForwardStylization(content, self.styles, self.options, self.networks).initial
        styles = [Style(picture_of(style), style.share, style.mask) for style in self.styles]
        painting = StyleOptimization(content, styles, self.options, self.extractor, initial)
        film: list[Tensor] = []
        shots = film_steps(self.options.steps, frames)
        for row in painting.steps(progress):
            if on_stage and row.step in stages:
                record = self.record({"steps": float(row.step)}, protection)
                on_stage(f"step {row.step}", recorded(protection(painting.picture()), record, content).picture)
            if row.step in shots:
                film.append(protection.blend_small(painting.frame()))
            if enough():
                break
        losses = painting.finish()
        measured = {
            "steps": float(len(painting.history)),
            "content_loss": round(losses.content, 4),
            "style_loss": round(losses.style, 4),
        }
        made = recorded(protection(painting.picture()), self.record(measured, protection), content, progress)
        return StylizeResult(**vars(made), history=painting.history, frames=film)

    def record(self, measured: dict[str, float], protection: FaceProtection) -> Record:
        """The record of a result."""
        fast = self.options.method == "fast"
        networks = [self.options.model] if fast or self.options.start == "fast" else []
        networks += [] if fast else [self.options.features]
        models = {Path(name).name: weights.checksum(name) for name in networks}
        # The whole picture is generated, unless a part of the photograph is left in it.
        kept = protection.faces or self.options.colours == "luminance" or self.options.mask
        return Record(
            task=self.options.task,
            options=chosen(self.options) | {"style": self.names},
            models=models,
            measured=measured,
            source_type=COMPOSITE if kept else TRAINED,
            files=checksums(self.options, models),
        )


def film_steps(steps: int, frames: int) -> set[int]:
    """At most `frames` of the steps, including the last; denser at the beginning, where more happens."""
    return {max(round(steps * ((number + 1) / frames) ** 2), 1) for number in range(frames)}


def look_of(style: StyleLike) -> Picture | StyleVector:
    """A style's picture, or its vector."""
    if isinstance(style, StyleVector):
        return style
    if isinstance(style, Path | str) and Path(style).suffix.lower() == SUFFIX:
        return StyleVector.read(Path(style))
    return as_picture(style)


def name_of(source: StyleLike, look: Picture | StyleVector) -> str:
    """The name of a style: that of its file."""
    if isinstance(source, Path | str):
        return Path(source).name
    if isinstance(look, StyleVector):
        return look.name or "a style vector without a name"
    return look.path.name if look.path else "a picture without a name"


def picture_of(style: StyleSource) -> Picture:
    assert isinstance(style.look, Picture)  # optimization takes no others
    return style.look


def check_content(content: Picture) -> None:
    """Refuse a photograph without anything to stylize."""
    name = name_of(content, content)
    if min(content.height, content.width) < SMALLEST_SIDE:
        size = f"{content.width} x {content.height}"
        raise PictureError(f"{name} has {size} pixels, too few to paint; each side needs {SMALLEST_SIDE}")
    if not visible(*read_resized(content, *mean_side(content, 512))).numel():
        raise PictureError(f"{name} is fully transparent, so there is nothing to paint")


def check_style(style: StyleSource) -> None:
    """Refuse a picture without a style, and a mask that hides it."""
    if isinstance(style.look, Picture):
        check_look(style.look, style.name)
    if style.mask is not None and luma(read_resized(style.mask, *mean_side(style.mask, 512))[0]).max() < 1 / 255:
        raise OptionError(
            f"the mask {name_of(style.mask, style.mask)} is black all over, so {style.name} would be nowhere"
        )


def check_look(picture: Picture, name: str) -> None:
    """Refuse a picture without a style."""
    if min(picture.height, picture.width) < SMALLEST_SIDE:
        size = f"{picture.width} x {picture.height}"
        raise PictureError(f"{name} has {size} pixels, too few for a style; each side needs {SMALLEST_SIDE}")
    seen = visible(*read_resized(picture, *mean_side(picture, 512)))
    if not seen.numel():
        raise PictureError(f"{name} is fully transparent, so there is no style in it; take another picture")
    if seen.flatten(2).std(dim=2, correction=0).max() < 1 / 255:
        raise PictureError(f"{name} has one colour all over, so there is no style in it; take another picture")


def stylize(source: PictureLike, style: StyleLike | Sequence[StyleLike], **options: Unpack[StylizeKwargs]) -> Picture:
    """Stylize a photograph: `stylize("photo.jpg", "painting.jpg", strength=0.7).save("painted.jpg")`.

    Args:
        source: a picture in any form.
        style: one or several style pictures or vectors.
        options: fields of `StylizeOptions`.
    """
    return Stylizer(style=style, **options)(source).picture
