"""Optimize a stylized picture from coarse to fine: the sizes, the objective at each, and the result."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from daguerre.images import Canvas, Picture
from daguerre.images.colour_transfer import axes_of, match_colours, visible
from daguerre.images.pixels import luma
from daguerre.images.resample import resize_bicubic
from daguerre.images.resize import read_resized
from daguerre.images.visible import read_colours
from daguerre.progress import Progress, ProgressCallback
from daguerre.tasks.stylization.objective import BestIterate, Losses, Objective, Target
from daguerre.tasks.stylization.optimizers import optimize_adam, optimize_lbfgs
from daguerre.tasks.stylization.options import StylizeOptions, composite, layer_weights, without_colours
from daguerre.tasks.stylization.vgg_statistics import Descriptor, FeatureExtractor, blend, gather
from daguerre.tiling import plan_windows

__all__ = ["SMALLEST_SIDE", "HistoryEntry", "Scale", "Style", "StyleOptimization", "plan_scales"]

SMALLEST_SIDE = 32  # pixels; what VGG-19's deepest layer needs
COARSEST_SIDE = 128  # pixels; mean side of the first size
NOISE_BLOBS = (1, 2, 4, 8, 16, 32)  # pixels; sizes of the blobs that the initial noise is made of
PALETTE_SIDE = 256  # pixels; mean side at which colors are compared
FINE_STEP_SCALE = 0.5  # step_scale at all sizes but the first, which has already settled the wide areas
FRAME_SIDE = 480  # pixels of the longer side of a film's frames


@dataclass(frozen=True, kw_only=True)
class HistoryEntry:
    """The losses before one step, and the size optimized; see `objective.Losses`."""

    step: int
    height: int
    width: int
    content: float
    style: float
    variation: float
    total: float

    @property
    def summary(self) -> str:
        return f"content {self.content:.3f}, style {self.style:.4f}, variation {self.variation:.4f}"


@dataclass(frozen=True)
class Style:
    """A style picture, its weight, and where to apply it: white in the mask, or everywhere."""

    picture: Picture
    share: float = 1.0
    mask: Picture | None = None


@dataclass(frozen=True)
class Scale:
    """One of the sizes, in pixels, and the number of steps at it."""

    height: int
    width: int
    steps: int


def plan_scales(height: int, width: int, steps: int, scales: int | None = None) -> list[Scale]:
    """Sizes from coarse to fine, each about twice the one before, the last that of the picture.

    Unless their number is given, the mean side of the first is about 128 pixels. No side is shorter than 32. As steps
    become more expensive, their number falls by the square root of a half from one size to the next.
    """
    mean = math.sqrt(height * width)
    count = scales or max(round(math.log2(mean / COARSEST_SIDE)) + 1, 1)
    count = min(count, int(math.log2(min(height, width) / SMALLEST_SIDE)) + 1)
    parts = [2 ** (-number / 2) for number in range(count)]
    ends = [round(steps * sum(parts[: number + 1]) / sum(parts)) for number in range(count)]
    begins = [0, *ends[:-1]]
    return [
        Scale(max(round(height * share), SMALLEST_SIDE), max(round(width * share), SMALLEST_SIDE), end - begin)
        for share, begin, end in zip((2.0 ** (n + 1 - count) for n in range(count)), begins, ends, strict=True)
    ]


class StyleOptimization:
    """The optimization of one photograph: take the steps, then ask for the picture.

    Args:
        content: the photograph.
        styles: all with a mask, or none.
        extractor: extracts the layers that the options name.
        initial: makes the initial picture from a small photograph (1, 3, H, W), unless that is itself or noise.
    """

    def __init__(
        self,
        content: Picture,
        styles: Sequence[Style],
        options: StylizeOptions,
        extractor: FeatureExtractor,
        initial: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self.content, self.styles, self.options, self.extractor, self.initial = (
            content,
            styles,
            options,
            extractor,
            initial,
        )
        self.device = extractor.device.torch_device
        self.history: list[HistoryEntry] = []
        self.image, _ = self.photograph(plan_scales(content.height, content.width, 1, options.scales)[0])
        self.recolour = [self.palette(style.picture) for style in styles]
        self.axes = self.palette_axes().to(self.device)

    def steps(self, progress: ProgressCallback) -> Iterator[HistoryEntry]:
        """Take the steps one by one, yielding the losses before each."""
        scales = plan_scales(self.content.height, self.content.width, self.options.steps, self.options.scales)
        total = sum(scale.steps * scale.height * scale.width for scale in scales)
        done = 0
        progress(Progress(step="painting", done=0, total=total))
        for scale in scales:
            photograph, alpha = self.photograph(scale)
            step_scale = FINE_STEP_SCALE if self.history else 1.0
            self.image = self.upsampled(photograph) if self.history else self.initial_image(photograph)
            self.best = BestIterate(self.objective(photograph, alpha))
            for losses in self.iterate(self.best, scale.steps, step_scale):
                row = HistoryEntry(
                    step=len(self.history) + 1,
                    height=scale.height,
                    width=scale.width,
                    content=losses.content,
                    style=losses.style,
                    variation=losses.variation,
                    total=losses.total,
                )
                self.history.append(row)
                done += scale.height * scale.width
                note = f"step {row.step} of {self.options.steps}, {row.width} x {row.height} pixels: {row.summary}"
                progress(Progress(step="painting", done=done, total=total, note=note))
                yield row

    def iterate(self, objective: BestIterate, steps: int, step_scale: float) -> Iterator[Losses]:
        if self.options.optimizer == "lbfgs":
            return optimize_lbfgs(self.image, objective, steps, axes=self.axes)
        return optimize_adam(
            self.image, objective, steps, rate=self.options.rate, axes=self.axes, step_scale=step_scale
        )

    def finish(self) -> Losses:
        """Return to the best picture at the last size, and yield its losses."""
        losses, self.image = self.best.best_with(self.image)
        return losses

    def picture(self) -> Picture:
        """The current picture at the photograph's size, in the requested colors and regions."""
        content, options = self.content, self.options
        painted = self.at_full_size().cpu()
        coverage = self.coverage(content.height, content.width)
        grey = options.colours != "style" and content.grey
        canvas = Canvas(content.height, content.width, bits=content.bits, grey=grey, alpha=content.alpha)
        for window in plan_windows(content.height, content.width, 1024):
            original, alpha = read_colours(content, window)
            where = None if coverage is None else coverage[(..., *window.slices)]
            canvas.write(window, composite(original, painted[(..., *window.slices)], options, where))
            if alpha is not None:
                canvas.write_alpha(window, alpha)
        return canvas.picture(like=content)

    def frame(self) -> Tensor:
        """The same, small, (1, 3, h, w) in [0, 1], for an animation."""
        share = min(FRAME_SIDE / max(self.content.height, self.content.width), 1.0)
        height, width = (max(round(side * share), 1) for side in (self.content.height, self.content.width))
        painted = self.image if self.image.shape[-2:] == (height, width) else resize_bicubic(self.image, height, width)
        original, _ = read_resized(self.content, height, width)
        coverage = self.coverage(height, width)
        return composite(original, painted.clamp(0, 1).cpu(), self.options, coverage).clamp_(0, 1)

    def photograph(self, scale: Scale) -> tuple[Tensor, Tensor | None]:
        """The photograph at the size for comparing colors, and its alpha."""
        photograph, alpha = read_resized(self.content, scale.height, scale.width)
        return without_colours(photograph, self.options).to(self.device), None if alpha is None else alpha.to(
            self.device
        )

    def palette(self, style: Picture) -> Callable[[Tensor], Tensor]:
        """How a style's colors are changed before its statistics are computed."""
        if self.options.colours == "style":
            return lambda image: image
        return match_colours(self.colours_of(style), self.colours_of(self.content))

    def palette_axes(self) -> Tensor:
        """The axes of all styles' colors, and of the photograph's where strength keeps some of them."""
        parts = [
            change(self.colours_of(style.picture)) for style, change in zip(self.styles, self.recolour, strict=True)
        ]
        if self.options.strength < 1:
            parts.append(self.colours_of(self.content))
        return axes_of(torch.cat(parts, dim=3))

    def colours_of(self, picture: Picture) -> Tensor:
        """Colors (1, 3, 1, N) of a picture's visible pixels, from a small copy."""
        image, alpha = read_resized(picture, *mean_side(picture, PALETTE_SIDE))
        return visible(without_colours(image, self.options), alpha)

    def initial_image(self, photograph: Tensor) -> Tensor:
        """The initial picture."""
        if self.initial is not None:
            return self.initial(photograph).to(self.device)
        if self.options.start == "content":
            return self.in_style_colours(photograph)
        generator = torch.Generator().manual_seed(self.options.seed)
        # Both fine and coarse, like pictures: blobs of a single size, or in other colors, mostly outlast all steps.
        height, width = photograph.shape[-2:]
        noise = torch.zeros(1, 3, height, width)
        for side in NOISE_BLOBS:
            blobs = torch.randn(1, 3, -(-height // side), -(-width // side), generator=generator)
            noise += resize_bicubic(blobs, height, width)
        noise = without_colours(noise.mul_(0.08).add_(0.5), self.options)
        return self.in_style_colours(noise, noise)

    def in_style_colours(self, image: Tensor, colours: Tensor | None = None) -> Tensor:
        """An image with its colors moved towards the styles', according to strength and masks.

        Args:
            colours: its present colors; the photograph's by default.

        Colors that a style lacks, such as a red sleeve among its blues, would otherwise outlast all steps.
        """
        own, before = self.colours_of(self.content) if colours is None else colours, image.cpu()
        changes = []
        for style, recolour in zip(self.styles, self.recolour, strict=True):
            change = match_colours(own, recolour(self.colours_of(style.picture)))(before) - before
            changes.append(change * (style.share if style.mask is None else self.mask(style, *before.shape[-2:])))
        total = sum(style.share for style in self.styles) if self.styles[0].mask is None else 1
        change = torch.stack(changes).sum(0) * (self.options.strength / total)
        return (before + change).clamp_(0, 1).to(self.device)

    def upsampled(self, photograph: Tensor) -> Tensor:
        """The picture of the last size, enlarged; finer detail comes from the photograph, in the styles' palette.

        Without that detail it would be blurred, which would cost more steps than were saved.
        """
        height, width = photograph.shape[-2:]
        initial = self.in_style_colours(photograph)
        coarse = resize_bicubic(initial, *self.image.shape[-2:])
        return (resize_bicubic(self.image, height, width) + initial - resize_bicubic(coarse, height, width)).clamp_(
            0, 1
        )

    def at_full_size(self) -> Tensor:
        """The current picture (1, 3, H, W) at the photograph's size, even if the last size was smaller."""
        size = Scale(self.content.height, self.content.width, 0)
        if self.image.shape[-2:] == (size.height, size.width):
            return self.image
        photograph, _ = self.photograph(size)
        return self.upsampled(photograph)

    def objective(self, photograph: Tensor, alpha: Tensor | None) -> Objective:
        """The objective at one size."""
        options = self.options
        height, width = photograph.shape[-2:]
        regions = self.regions(height, width, alpha)
        styles = [self.descriptor(style, number, height * width) for number, style in enumerate(self.styles)]
        shares = [style.share for style in self.styles]
        if not self.styles[0].mask:
            styles, shares = [blend(styles, shares)], [1.0]
        if options.strength < 1:
            found = gather(self.extractor, photograph, regions)
            own = [{layer: sums.descriptor(options.statistics) for layer, sums in region.items()} for region in found]
            parts = [1 - options.strength, options.strength]
            styles = [blend(pair, parts) for pair in zip(own, styles, strict=True)]
        mean = sum(shares) / len(shares)
        wanted = [
            Target(
                descriptors=descriptors,
                region=region,
                share=share / mean * (1.0 if region is None else float(region.mean())),
            )
            for descriptors, region, share in zip(styles, regions, shares, strict=True)
        ]
        return Objective(
            self.extractor,
            photograph,
            wanted,
            content_layers=layer_weights("content_layers", options.content_layers),
            style_layers=layer_weights("style_layers", options.style_layers),
            weights=(options.content_weight, options.style_weight, options.variation_weight),
            statistics=options.statistics,
        )

    def regions(self, height: int, width: int, alpha: Tensor | None) -> list[Tensor | None]:
        """Weight of each pixel, for every style if they have masks, else for their mixture."""
        if not self.styles[0].mask:
            return [alpha]
        masks = [self.mask(style, height, width).to(self.device) for style in self.styles]
        return [mask if alpha is None else mask * alpha for mask in masks]

    def mask(self, style: Style, height: int, width: int) -> Tensor:
        assert style.mask is not None
        return luma(read_resized(style.mask, height, width)[0])

    def coverage(self, height: int, width: int) -> Tensor | None:
        """Mask of the stylized area, (1, 1, height, width) in [0, 1]; None if everywhere."""
        if not self.styles[0].mask:
            return None
        return torch.stack([self.mask(style, height, width) for style in self.styles]).sum(0).clamp_(0, 1)

    def descriptor(self, style: Style, number: int, pixels: int) -> dict[str, Descriptor]:
        """Statistics of a style, at a size that gives the requested stroke size; it is never enlarged."""
        size = mean_side(style.picture, self.options.style_scale * math.sqrt(pixels))
        image, alpha = read_resized(style.picture, *size)
        image = self.recolour[number](without_colours(image, self.options)).to(self.device)
        (found,) = gather(self.extractor, image, [None if alpha is None else alpha.to(self.device)])
        return {layer: sums.descriptor(self.options.statistics) for layer, sums in found.items()}


def mean_side(picture: Picture, side: float) -> tuple[int, int]:
    """Size (height, width) of a picture whose area is `side` squared; at most its own, at least 32 pixels a side."""
    share = min(side / math.sqrt(picture.height * picture.width), 1.0)
    return max(round(picture.height * share), SMALLEST_SIDE), max(round(picture.width * share), SMALLEST_SIDE)
