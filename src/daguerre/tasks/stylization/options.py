"""How to paint: the options of `stylize`."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import ClassVar, Literal

import torch
from torch import Tensor

from daguerre.devices import Precision, device_option, precision_option
from daguerre.errors import OptionError
from daguerre.images.pixels import luma
from daguerre.networks.vgg import VGG19_LAYERS, Pooling
from daguerre.options import check_range, option
from daguerre.tasks.stylization.vgg_statistics import Statistics

__all__ = ["StylizeOptions", "composite", "layer_weights", "without_colours"]


@dataclass(frozen=True, kw_only=True)
class StylizeOptions:
    """How to paint."""

    task: ClassVar[str] = "stylize"

    style: tuple[Path, ...] = option(
        (), "the picture whose style to take, or several; in one pass also saved style vectors", metavar="PICTURE ..."
    )
    method: Literal["fast", "optimize"] = option(
        "fast", "how: in one pass (fast), or by optimisation, slowly, step by step (optimize)"
    )
    model: str = option(
        "any-style", "the network that paints in one pass: a name from `daguerre models`, or a file", file=True
    )
    strength: float = option(1.0, "how far to go from the photograph's own look to the style, up to 1")
    style_scale: float = option(1.0, "size of the strokes: 2 makes them twice as large, 0.5 half as large")
    share: tuple[float, ...] = option((), "how much each of several styles counts, in their order; alike unless said")
    mask: tuple[Path, ...] = option(
        (),
        "a black and white picture for each style, in their order: white where that style is wanted; it is stretched "
        "over the photograph",
    )
    colours: Literal["style", "luminance", "match"] = option(
        "style",
        "whose colours: the style's; the photograph's, only light and dark being painted (luminance); or the style's "
        "pictures recoloured to match the photograph (match)",
    )
    protect_faces: float = option(0.0, "how far faces stay as they are in the photograph, from 0 to 1")
    start: Literal["content", "noise", "fast"] = option(
        "content",
        "what to begin with: the photograph; what one pass makes (fast); or noise in the style's colours, for patterns "
        "of the style, in which the photograph is hardly seen",
    )
    steps: int = option(300, "steps in all; more come closer to the style")
    scales: int | None = option(None, "sizes to paint at, one after the other, coarse to fine; 1 only the last")
    content_weight: float = option(1.0, "how much the photograph's arrangement counts")
    style_weight: float = option(4.0, "how much the style counts")
    variation_weight: float = option(10.0, "how much smoothness counts")
    content_layers: tuple[str, ...] = option(
        ("relu4_2",), "layers of VGG-19 that hold the photograph's arrangement, each perhaps with a weight: relu4_2=2"
    )
    style_layers: tuple[str, ...] = option(
        ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"), "layers of VGG-19 that hold the style, the same way"
    )
    statistics: Statistics = option(
        "moments", "what a style is: means and covariances of features (moments), or Gram matrices (gram)"
    )
    pooling: Pooling = option("smooth", "pooling between the layers of VGG-19; smooth is an average with soft edges")
    optimizer: Literal["adam", "lbfgs"] = option(
        "adam", "how steps are found: adam, or lbfgs, whose steps are longer and dearer and need no rate"
    )
    rate: float = option(0.006, "how far a step of adam may change a pixel, of 1; wider areas move further")
    seed: int = option(0, "which noise to start from")
    features: str = option(
        "vgg19-slim", "the VGG-19 to see with: a name from `daguerre models`, or a weights file", file=True
    )
    device: str = device_option()
    precision: Precision = precision_option()

    def __post_init__(self) -> None:
        check_range("strength", self.strength, 0.01, 1)
        check_range("style_scale", self.style_scale, 0.1, 10)
        check_range("protect_faces", self.protect_faces, 0, 1)
        check_range("steps", self.steps, 1, 100_000)
        check_range("scales", self.scales, 1, 20)
        check_range("rate", self.rate, 1e-4, 1)
        for name in ("content_weight", "style_weight", "variation_weight"):
            check_range(name, getattr(self, name), 0, 1e6)
        if self.content_weight == 0 == self.style_weight:
            raise OptionError("content_weight and style_weight are both 0, so there is nothing to paint; raise one")
        for share in self.share:
            check_range("share", share, 0, 1e6)
        if self.share and not any(self.share):
            raise OptionError("every share is 0, so no style would count; raise one")
        for name in ("content_layers", "style_layers"):
            layer_weights(name, getattr(self, name))
        refuse_others(self)


STEP_BY_STEP = (
    "start", "steps", "scales", "content_weight", "style_weight", "variation_weight", "content_layers", "style_layers",
    "statistics", "pooling", "optimizer", "rate", "seed", "features",
)  # fmt: skip
"""Options that only optimisation has a use for."""


def refuse_others(options: StylizeOptions) -> None:
    """Refuse what only the other method has a use for.

    Raises:
        OptionError: names the option.
    """
    for field in fields(options):
        if getattr(options, field.name) == field.default:
            continue
        if options.method == "fast" and field.name in STEP_BY_STEP:
            raise OptionError(f"{field.name} is for painting step by step; leave it out, or set method to optimize")
        if options.method == "optimize" and field.name == "model" and options.start != "fast":
            raise OptionError("model is for painting in one pass; leave it out, or set method or start to fast")


def without_colours(image: Tensor, options: StylizeOptions) -> Tensor:
    """An image (1, 3, H, W) as it is painted: without its colours, if only light and dark are."""
    return luma(image).repeat(1, 3, 1, 1) if options.colours == "luminance" else image


def composite(original: Tensor, painted: Tensor, options: StylizeOptions, coverage: Tensor | None) -> Tensor:
    """A painting in the colours that are wanted, where it is wanted; all (1, C, h, w) in [0, 1].

    Args:
        coverage: where anything is painted, in [0, 1]; None if everywhere.
    """
    if options.colours == "luminance":
        painted = original + luma(painted) - luma(original)
    return painted if coverage is None else torch.lerp(original, painted, coverage)


def layer_weights(option_name: str, layers: Sequence[str]) -> dict[str, float]:
    """Weights by layer from words such as `relu4_2` and `relu4_2=0.5`.

    Raises:
        OptionError: no such layer, no number, or nothing left.
    """
    found = {}
    for word in layers:
        name, _, weight = word.partition("=")
        if name not in VGG19_LAYERS:
            raise OptionError(f"{option_name}: VGG-19 has no layer {name!r}; it has {', '.join(VGG19_LAYERS)}")
        try:
            found[name] = float(weight or 1)
        except ValueError:
            raise OptionError(f"{option_name}: the weight of {name} is {weight!r}, which is no number") from None
        check_range(f"{option_name}: the weight of {name}", found[name], 0, 1e6)
    if not any(found.values()):
        raise OptionError(f"{option_name} names no layer that counts; give at least one, such as relu4_1")
    return found
