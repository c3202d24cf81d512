"""Options of stylization."""

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

__all__ = ["FEATURES", "StylizeOptions", "composite", "layer_weights", "without_colours"]

FEATURES = "vgg19-taught"
"""The network that ships for comparing features; it has no labels."""


@dataclass(frozen=True, kw_only=True)
class StylizeOptions:
    """How to stylize."""

    task: ClassVar[str] = "stylize"

    style: tuple[Path, ...] = option(
        (), "one or more style pictures; with --method fast also saved style vectors", metavar="PICTURE ..."
    )
    method: Literal["fast", "optimize"] = option(
        "fast", "fast: one pass of a network; optimize: iterative optimization, much slower"
    )
    model: str = option(
        "any-style", "network of the fast method: a name from `daguerre models`, or a weights file", file=True
    )
    strength: float = option(1.0, "strength of the style, up to 1")
    style_scale: float = option(1.0, "stroke size: 2 is twice as large, 0.5 half as large")
    share: tuple[float, ...] = option((), "weight of each style, in their order (default: equal)")
    mask: tuple[Path, ...] = option(
        (),
        "a black-and-white mask for each style, in their order: white where to apply it; resized to the photograph",
    )
    colours: Literal["style", "luminance", "match"] = option(
        "style",
        "style: the style's colors; luminance: the photograph's colors, only its lightness is stylized; match: the "
        "style pictures are first recolored to match the photograph",
    )
    protect_faces: float = option(0.0, "how much of the original to keep in faces, from 0 to 1")
    start: Literal["content", "noise", "fast"] = option(
        "content",
        "initial picture: the photograph (content), the result of the fast method (fast), or noise in the style's "
        "colors (noise), which gives patterns in which the photograph is hardly visible",
    )
    steps: int = option(300, "total iterations; more come closer to the style")
    scales: int | None = option(None, "number of sizes, coarse to fine; 1: full size only (default: by size)")
    content_weight: float = option(1.0, "weight of the content loss")
    style_weight: float = option(4.0, "weight of the style loss")
    variation_weight: float = option(10.0, "weight of the total variation loss (smoothness)")
    content_layers: tuple[str, ...] = option(
        ("relu4_2",), "VGG-19 layers of the content loss, optionally with weights: relu4_2=2"
    )
    style_layers: tuple[str, ...] = option(
        ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"),
        "VGG-19 layers of the style loss, optionally with weights",
    )
    statistics: Statistics = option(
        "moments", "style statistics: means and covariances of features (moments), or Gram matrices (gram)"
    )
    pooling: Pooling = option("smooth", "pooling in VGG-19; smooth is average pooling with a soft-edged kernel")
    optimizer: Literal["adam", "lbfgs"] = option(
        "adam", "adam, or lbfgs (fewer, more expensive steps; no learning rate)"
    )
    rate: float = option(0.006, "Adam's learning rate; coarser pyramid levels use a larger one")
    seed: int = option(0, "random seed of the initial noise")
    features: str = option(
        FEATURES, "feature extractor, a VGG-19: a name from `daguerre models`, or a weights file", file=True
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
"""Options of `--method optimize` only."""


def refuse_others(options: StylizeOptions) -> None:
    """Refuse options that apply only to the other method.

    Raises:
        OptionError: names the option.
    """
    for field in fields(options):
        if getattr(options, field.name) == field.default:
            continue
        if options.method == "fast" and field.name in STEP_BY_STEP:
            raise OptionError(f"{field.name} applies only to optimization; leave it out, or set method to optimize")
        if options.method == "optimize" and field.name == "model" and options.start != "fast":
            raise OptionError("model applies only to the fast method; leave it out, or set method or start to fast")


def without_colours(image: Tensor, options: StylizeOptions) -> Tensor:
    """The image (1, 3, H, W) to stylize: gray if only the luminance is stylized."""
    return luma(image).repeat(1, 3, 1, 1) if options.colours == "luminance" else image


def composite(original: Tensor, painted: Tensor, options: StylizeOptions, coverage: Tensor | None) -> Tensor:
    """Composite a stylized image over the original, in the requested colors; all (1, C, h, w) in [0, 1].

    Args:
        coverage: mask of the stylized area, in [0, 1]; None for everywhere.
    """
    if options.colours == "luminance":
        painted = original + luma(painted) - luma(original)
    return painted if coverage is None else torch.lerp(original, painted, coverage)


def layer_weights(option_name: str, layers: Sequence[str]) -> dict[str, float]:
    """Weights by layer from words such as `relu4_2` and `relu4_2=0.5`.

    Raises:
        OptionError: an unknown layer, a weight that is not a number, or only weights of 0.
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
