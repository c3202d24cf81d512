"""Upscale a picture of any size by any factor."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Unpack

from torch import Tensor

from daguerre import weights
from daguerre.devices import Precision, choose_device, device_option, precision_option
from daguerre.errors import OptionError
from daguerre.images import Canvas, Picture, PictureLike, as_picture
from daguerre.images.visible import read_colours, read_exactly
from daguerre.images.window_map import map_windows
from daguerre.options import check_range, option
from daguerre.progress import ProgressCallback, silent
from daguerre.tasks.kwargs import UpscaleKwargs
from daguerre.tasks.provenance import COMPOSITE, ENHANCED, Record
from daguerre.tasks.result import Result, StageCallback, chosen, percent, recorded
from daguerre.tasks.upscaling.back_projection import Enlargement
from daguerre.tasks.upscaling.consistency import measure_agreement
from daguerre.tasks.upscaling.content import Content, recognize
from daguerre.tasks.upscaling.pixels import enlarge_pixels
from daguerre.tiling import Window
from daguerre.weights import Model

__all__ = ["UpscaleOptions", "UpscaleResult", "Upscaler", "upscale"]

AUTO = {2: "compact-x2", 4: "compact-x4"}  # by scale, the distortion-oriented models that ship
CLEANING = {4: "compact-x4-clean"}  # by scale, the models that also denoise
DRAWING = {4: "compact-x4-drawing"}  # by scale, the models for drawings
VIVID = {False: ("compact-x4", "compact-x4-vivid"), True: ("compact-x4-clean", "compact-x4-photo")}
"""The ends of `vivid`'s network interpolation, by `clean`: a model trained for PSNR, and a GAN fine-tuned from it."""
INVENTED_WHITE = 64 / 255  # difference that is white in a map of hallucinated detail
INVENTED = 0.02  # difference from which a pixel counts as invented


@dataclass(frozen=True, kw_only=True)
class UpscaleOptions:
    """How to upscale. Give at most one of `scale`, `width`, `height` and `long_side`; without any, the scale is 4."""

    task: ClassVar[str] = "upscale"

    model: str = option("auto", "a name from `daguerre models`, or a weights file; auto: by scale", file=True)
    clean: bool = option(False, "also remove JPEG artifacts and noise, for pictures from phones and the web")
    vivid: float = option(0.0, "add likely detail: 0 none, 1 the most; interpolates between two models")
    scale: float | None = option(None, "upscaling factor: 2, 4, 1.5, 8, ...")
    width: int | None = option(None, "width of the result in pixels")
    height: int | None = option(None, "height of the result in pixels")
    long_side: int | None = option(None, "longer side of the result in pixels")
    agree: Literal["auto", "on", "off"] = option(
        "auto", "make the result, downscaled again, match the original; auto: unless the model denoises"
    )
    content: Literal["auto", "photo", "drawing", "pixels"] = option(
        "auto", "kind of picture: a drawing (or letters) gets clean edges, pixels (pixel art) stay squares"
    )
    ensemble: bool = option(False, "self-ensemble of eight flips and rotations: slightly better, eight times slower")
    towards: str | None = option(
        None, "network interpolation: blend with this model of the same architecture", file=True
    )
    amount: float = option(0.5, "weight of that other model, from 0 to 1")
    device: str = device_option()
    precision: Precision = precision_option()

    def __post_init__(self) -> None:
        if self.clean and self.model != "auto":
            raise OptionError("--clean chooses the model; leave --model out, or --clean")
        if self.vivid and (self.model != "auto" or self.towards):
            raise OptionError("--vivid chooses the models; leave --model and --towards out, or --vivid")
        if self.content != "auto" and not self.chooses_models:
            raise OptionError(
                f"--content {self.content} chooses the model; leave it out, or --model, --clean and --vivid"
            )
        given = [name for name in ("scale", "width", "height", "long_side") if getattr(self, name) is not None]
        if len(given) > 1:
            flags = " and ".join("--" + name.replace("_", "-") for name in given)
            raise OptionError(f"{flags} cannot both decide the size; give one of them")
        check_range("scale", self.scale, 1, 64)
        check_range("amount", self.amount, 0, 1)
        check_range("vivid", self.vivid, 0, 1)
        if self.towards is None and self.amount != 0.5:
            raise OptionError(f"amount {self.amount:g} of what? name the other model with --towards")
        for name in ("width", "height", "long_side"):
            check_range(name, getattr(self, name), 1, 1_000_000)

    @property
    def chooses_models(self) -> bool:
        """Whether the networks are chosen automatically."""
        return self.model == "auto" and not (self.clean or self.vivid or self.towards)

    def out_size(self, height: int, width: int) -> tuple[int, int]:
        """Size (height, width) of the result for a picture of the given size.

        Raises:
            OptionError: the result would be smaller than the picture.
        """
        if self.width:
            factor = self.width / width
        elif self.height:
            factor = self.height / height
        elif self.long_side:
            factor = self.long_side / max(height, width)
        else:
            factor = self.scale or 4.0
        if factor < 1:
            raise OptionError(
                f"the picture is {width} x {height} pixels already, larger than the size asked for; "
                "upscaling only enlarges"
            )
        return max(round(height * factor), 1), max(round(width * factor), 1)


@dataclass(frozen=True, kw_only=True)
class Pass:
    """One pass of one network."""

    model: str
    out_size: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class UpscaleResult(Result):
    """An upscaled picture and its measurements.

    Args:
        agreement: its agreement with the original after downscaling, in dB; infinite if exact.
        invented: fraction of its pixels whose lightness is more than 2 % away from what the original determines; with
            several passes, the largest.
        models: names of the networks used, in order.
        content: the kind of picture that it was taken for.
    """

    agreement: float
    invented: float
    models: tuple[str, ...]
    content: Content

    def findings(self) -> dict[str, Any]:
        agreement = None if math.isinf(self.agreement) else round(self.agreement, 2)
        return {"agreement_db": agreement, "models": list(self.models), "content": self.content}


class Upscaler:
    """Upscales pictures, keeping its networks loaded.

    Args:
        options: the options; single ones may also be given by name.

    Raises:
        WeightsNotFound: no model of that name.
        OptionError: options that contradict each other, or a model for another task.
    """

    def __init__(self, options: UpscaleOptions | None = None, **changes: Unpack[UpscaleKwargs]) -> None:
        self.options = replace(options or UpscaleOptions(), **changes)
        self.device = choose_device(self.options.device, self.options.precision)
        self.models: dict[str, Model] = {}
        self.adversarial: dict[str, bool] = {}
        self.towards, self.amount = self.options.towards, self.options.amount
        if self.options.vivid:
            self.towards, self.amount = VIVID[self.options.clean][1], self.options.vivid
        for model in (*self.scales().values(), *([self.towards] if self.towards else [])):
            weights.find(model)  # a wrong name is reported at once, not for each picture

    def __call__(
        self, source: PictureLike, *, on_stage: StageCallback | None = None, progress: ProgressCallback = silent
    ) -> UpscaleResult:
        """Upscale a picture.

        Args:
            source: a picture in any form.
            on_stage: receives "invented", a map of detail that the original does not determine, made only if this is
                given; black is none, white 64 levels of 255.
        """
        original = as_picture(source)
        content = self.content_of(original)
        if content == "pixels":
            return self.enlarge_pixels(original, on_stage, progress)
        stages = self.plan(original.height, original.width, content)
        picture, invention, invented = original, None, 0.0
        for number, stage in enumerate(stages, start=1):
            last = number == len(stages)
            step = "upscaling" if len(stages) == 1 else f"upscaling, pass {number} of {len(stages)}"
            mapped = last and on_stage is not None
            picture, invention, share = self.enlarge(picture, original, stage, content, last, mapped, step, progress)
            invented = max(invented, share)
        if on_stage and invention:
            on_stage("invented", invention)
        return self.result(picture, original, content, tuple(stage.model for stage in stages), invented, progress)

    def enlarge_pixels(
        self, original: Picture, on_stage: StageCallback | None, progress: ProgressCallback
    ) -> UpscaleResult:
        """Upscale pixel art, without a network and without inventing anything."""
        size = self.options.out_size(original.height, original.width)
        picture = enlarge_pixels(original, size, progress)
        if on_stage:
            on_stage("invented", Canvas(*size, grey=True).picture())
        return self.result(picture, original, "pixels", (), 0.0, progress)

    def result(
        self,
        picture: Picture,
        original: Picture,
        content: Content,
        models: tuple[str, ...],
        invented: float,
        progress: ProgressCallback,
    ) -> UpscaleResult:
        exact = content == "pixels" and not (picture.height % original.height or picture.width % original.width)
        agreement = math.inf if exact else measure_agreement(picture, original, progress=progress)
        made = recorded(picture, self.record(models, agreement, invented, content), original, progress)
        return UpscaleResult(**vars(made), agreement=agreement, invented=invented, models=models, content=content)

    def content_of(self, picture: Picture) -> Content:
        """Kind of a picture, as specified or recognized; a photo if networks are named."""
        if self.options.content != "auto":
            return self.options.content
        return recognize(picture) if self.options.chooses_models else "photo"

    def tensor(self, low: Tensor) -> Tensor:
        """Upscale (1, 3, H, W) in [0, 1] held in memory, as a photograph unless specified."""
        content: Content = "drawing" if self.options.content == "drawing" else "photo"
        height, width = low.shape[-2:]
        for stage in self.plan(height, width, content):
            height, width = low.shape[-2:]
            enlargement = self.enlargement(stage, (height, width), content)
            whole = Window(0, 0, *stage.out_size)
            low = enlargement(whole, low).cpu()
        return low

    def record(self, models: tuple[str, ...], agreement: float, invented: float, content: Content) -> Record:
        """The record of a result."""
        used = {*models, *([self.towards] if self.towards else [])}
        measured = {} if math.isinf(agreement) else {"agreement_db": round(agreement, 2)}
        return Record(
            task=self.options.task,
            options=chosen(self.options) | ({} if content == "photo" else {"content": content}),
            models={Path(name).name: weights.checksum(name) for name in sorted(used)},
            measured=measured | {"invented_percent": percent(invented)},
            source_type=COMPOSITE if any(map(self.is_adversarial, used)) else ENHANCED,
        )

    def is_adversarial(self, name: str) -> bool:
        """Whether a model was trained with an adversarial loss; for a blend, whether either was."""
        if name not in self.adversarial:
            loaded = weights.load(name) if self.towards else self.model(name)
            self.adversarial[name] = loaded.header.adversarial
        return self.adversarial[name]

    def plan(self, height: int, width: int, content: Content = "photo") -> list[Pass]:
        """The passes from (height, width) to the requested size: whole steps of a network, and a remainder."""
        out_size = self.options.out_size(height, width)
        scales = DRAWING if content == "drawing" else self.scales()
        factor = max(out_size[0] / height, out_size[1] / width)
        if max(scales) == 1 and factor > 1:
            raise OptionError(f"{self.options.model} does not enlarge; give --scale 1, or another --model")
        stages = []
        while factor > max(scales):
            height, width, factor = height * max(scales), width * max(scales), factor / max(scales)
            stages.append(Pass(model=scales[max(scales)], out_size=(height, width)))
        enough = min(scale for scale in scales if scale >= factor)
        return [*stages, Pass(model=scales[enough], out_size=out_size)]

    def scales(self) -> dict[int, str]:
        """The model to use for each scale."""
        if self.options.model != "auto":
            header = self.model(self.options.model).header
            if header.task != "upscale":
                wanted = "`daguerre models` lists those that enlarge"
                raise OptionError(f"{self.options.model} is for another task ({header.task}); {wanted}")
            return {header.scale: self.options.model}
        if self.options.vivid:
            return {4: VIVID[self.options.clean][0]}
        return CLEANING if self.options.clean else AUTO

    def model(self, name: str) -> Model:
        """A model ready to run, loaded once."""
        if name not in self.models:
            towards = self.towards
            model = weights.interpolate(name, towards, self.amount) if towards else weights.load(name)
            self.models[name] = model.on(self.device)
        return self.models[name]

    def enlargement(self, stage: Pass, size: tuple[int, int], content: Content) -> Enlargement:
        model = self.model(stage.model)
        return Enlargement(
            model,
            size=size,
            out_size=stage.out_size,
            # Enforcing consistency would bring back what a network removes on purpose.
            project=self.options.agree == "on" or (self.options.agree == "auto" and not model.header.cleans),
            ensemble=self.options.ensemble,
            within_range=content == "drawing",
        )

    def enlarge(
        self,
        low: Picture,
        original: Picture,
        stage: Pass,
        content: Content,
        last: bool,
        mapped: bool,
        step: str,
        progress: ProgressCallback,
    ) -> tuple[Picture, Picture | None, float]:
        """One pass over a picture, window by window; also a map of invented detail, and its fraction."""
        enlargement = self.enlargement(stage, (low.height, low.width), content)
        map_of_invented = Canvas(*stage.out_size, grey=True) if mapped else None
        invented = 0

        def enlarge(window: Window, colours: Tensor) -> Tensor:
            nonlocal invented
            made = enlargement(window, colours)
            strange = enlargement.invented(window, colours, made).cpu()
            invented += int((strange > INVENTED).sum())
            if map_of_invented is not None:
                map_of_invented.write(window, (strange / INVENTED_WHITE).clamp(0, 1).expand(-1, 3, -1, -1))
            return made

        factor = max(stage.out_size[0] / low.height, stage.out_size[1] / low.width)
        made = map_windows(
            low,
            enlarge,
            step=step,
            side=max(int(enlargement.model.window_side(halo=enlargement.model.halo) * factor), 1),
            source=enlargement.source,
            size=stage.out_size,
            # Between passes the picture is kept at 16 bits, so that rounding happens once, at the end.
            bits=original.bits if last else 16,
            alpha=enlargement.plain,
            # Colors under transparency in the result of a pass are our own.
            read=read_colours if low is original else read_exactly,
            progress=progress,
        )
        share = invented / (stage.out_size[0] * stage.out_size[1])
        return made, map_of_invented.picture() if map_of_invented else None, share


def upscale(source: PictureLike, **options: Unpack[UpscaleKwargs]) -> Picture:
    """Enlarge a picture: `upscale("photo.jpg", scale=2).save("large.jpg")`.

    Args:
        source: a picture in any form.
        options: fields of `UpscaleOptions`.
    """
    return Upscaler(**options)(source).picture
