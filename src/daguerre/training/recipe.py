"""A training recipe: a TOML file that says everything about one training run, read into frozen dataclasses."""

import dataclasses
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from daguerre.config import build, read_table
from daguerre.degradation.real_esrgan import Degradation
from daguerre.devices import Precision
from daguerre.errors import RecipeError
from daguerre.options import check_range, check_span, nearest

__all__ = [
    "AgingPlan",
    "AutoencodersPlan",
    "DataPlan",
    "DiscriminatorPlan",
    "FindingPlan",
    "HeaderPlan",
    "InitPlan",
    "NetworkPlan",
    "OptimizerPlan",
    "PerceptualPlan",
    "Recipe",
    "SchedulePlan",
    "StylePlan",
    "TeachersPlan",
    "ValidationPlan",
    "parse_recipe",
    "read_recipe",
]


SMALLEST_MEASURED = 20  # pixels of a crop from which a border of 4 can be cut and SSIM measured
STEP_ALIASES = {
    "autoencoding": "autoencoder",
    "faces": "face_restoration",
    "regression": "super_resolution",
    "scratches": "damage_detection",
    "stains": "stain_removal",
    "stylising": "stylization",
    "texture": "denoising",
    "tone": "tone_correction",
}
LOSS_ALIASES = {"sound": "log_mse"}
"""Names in earlier recipes, which headers of weights hold, and what they are called now."""


@dataclass(frozen=True, kw_only=True)
class NetworkPlan:
    """A network by its class name in `daguerre.networks`, and its constructor's arguments."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class DataPlan:
    """Which pictures are used.

    Args:
        parts: folders or tar files below the data folder; folders are searched to the bottom.
        sizes: for super-resolution, each picture is used at each of these sizes, as parts of its own.
        shares: for distillation, how often each part is drawn from; alike unless given.
    """

    parts: tuple[str, ...]
    shares: dict[str, float] = field(default_factory=dict)
    sizes: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        check_parts("data.parts", self.parts)
        for part, share in self.shares.items():
            if part not in self.parts:
                raise RecipeError(f"data.shares names {part!r}, which is not in data.parts{nearest(part, self.parts)}")
            check_range("data.shares", share, 0, 10**6)
        for size in self.sizes:
            check_range("data.sizes", size, 0.01, 1)


@dataclass(frozen=True, kw_only=True)
class AgingPlan:
    """How clean pictures are aged, and where real old ones lie.

    Args:
        strength: least and greatest strength of `daguerre.degradation.aging.age`.
        untouched: part of the examples that are left as they are, so that clean pictures are left alone.
        unharmed: part of the others that change in tone and texture alone, without scratches, tears and the like.
        shares: how often each of the data's parts is drawn from; alike unless given.
        half: part of the examples that are cropped from pictures of half the size.
        real: parts with real old photographs; nobody knows what they looked like when new.
        worn: file names of those of them with damage of their own, of which there is no mask; a part names all in it.
        textures: parts with scans of damage alone, on black or white or transparent, which are laid over pictures.
        marks: parts with masks of real old photographs, PNG files of their names: white is damaged, black is not, grey
            may be either. These photographs are drawn as these parts, not as their own.
        replay: part of the examples that are repeated because the network takes much in them for damage that is none.
        exclude: names of files that are never used, as those that something is measured with.
        pool: examples made once, for trainers that draw the same ones again and again.
    """

    strength: tuple[float, float] = (0.2, 1.5)
    untouched: float = 0.1
    unharmed: float = 0.0
    shares: dict[str, float] = field(default_factory=dict)
    half: float = 0.3
    real: tuple[str, ...] = ()
    worn: tuple[str, ...] = ()
    textures: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    replay: float = 0.0
    exclude: tuple[str, ...] = ()
    pool: int = 4000

    def __post_init__(self) -> None:
        check_span("aging.strength", self.strength, 0, 10)
        for name in ("untouched", "unharmed", "half", "replay"):
            check_range(f"aging.{name}", getattr(self, name), 0, 1)
        check_range("aging.pool", self.pool, 1, 10**9)
        check_parts("aging.real", self.real)
        check_parts("aging.textures", self.textures)
        check_parts("aging.marks", self.marks)


@dataclass(frozen=True, kw_only=True)
class FindingPlan:
    """What the crops show on which a network learns to find faces.

    Args:
        portraits: parts of the data whose pictures show one face each, filling them; they are put into other pictures.
        around: part of the crops that lie around a face which the teacher sees in a picture.
        composed: part into which portraits are put.
    """

    portraits: tuple[str, ...] = ()
    around: float = 0.45
    composed: float = 0.3

    def __post_init__(self) -> None:
        check_parts("finding.portraits", self.portraits)
        check_range("finding.around", self.around, 0, 1)
        check_range("finding.composed", self.composed, 0, 1 - self.around)


@dataclass(frozen=True, kw_only=True)
class OptimizerPlan:
    """Parameters of AdamW; `lr` is the peak that the schedule scales."""

    lr: float
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        check_range("optimizer.lr", self.lr, 0, 10)
        for beta in self.betas:
            check_range("optimizer.betas", beta, 0, 0.99999)
        check_range("optimizer.weight_decay", self.weight_decay, 0, 10)


@dataclass(frozen=True, kw_only=True)
class SchedulePlan:
    """The learning-rate schedule: linearly up for `warmup` steps, then down.

    Args:
        kind: `cosine` falls to `floor` at the last step; `step` multiplies by `factor` at every milestone.
        warmup: steps until the full rate.
        floor: the cosine's lowest value, as a fraction of the full rate.
        milestones: fractions of the run, between 0 and 1.
        factor: what a milestone multiplies the rate by.
    """

    kind: Literal["cosine", "step"] = "cosine"
    warmup: int = 0
    floor: float = 0.001
    milestones: tuple[float, ...] = (0.5, 0.75, 0.9)
    factor: float = 0.5

    def __post_init__(self) -> None:
        check_range("schedule.warmup", self.warmup, 0, 10**9)
        for name, values in {"floor": [self.floor], "milestones": self.milestones, "factor": [self.factor]}.items():
            for value in values:
                check_range(f"schedule.{name}", value, 0, 1)


@dataclass(frozen=True, kw_only=True)
class ValidationPlan:
    """When and on what the network is validated.

    Args:
        every: steps between two validations; a checkpoint is written with each.
        fraction: of the pictures that is held out, chosen by their names; one in a whole number.
        crop: side of the central crop of each picture that is used, in pixels of the network's result.
    """

    every: int = 1000
    fraction: float = 1 / 23
    crop: int = 320

    def __post_init__(self) -> None:
        check_range("validation.every", self.every, 1, 10**9)
        check_range("validation.fraction", self.fraction, 1e-9, 1)
        check_range("validation.crop", self.crop, SMALLEST_MEASURED, 10**5)


@dataclass(frozen=True, kw_only=True)
class PerceptualPlan:
    """The network of the perceptual loss, by name or file of its weights, and the weights of its layers in the loss."""

    weights: str = "vgg19-slim"
    layers: dict[str, float] = field(default_factory=lambda: {"conv5_4": 1.0})


@dataclass(frozen=True, kw_only=True)
class StylePlan:
    """Which styles are learnt, and which features are a picture's content and which its style.

    The features are those of the perceptual plan's network.

    Args:
        parts: parts of the data with styles.
        shares: how often each part, of styles or of photographs, is drawn from; alike unless given.
        fraction: of the styles that is held out, chosen by their names; one in a whole number.
        crop: side in pixels of a style's crop.
        content_layers, style_layers: of VGG-19, and their weights in the loss.
        own: part of the photographs that are given their own style.
        weakened: part that are given a style halfway, from their own.
        mixed: part that are given two styles.
        recoloured: part of the styles whose colours are changed.
        first_own: steps at the beginning in which all photographs are given their own style.
    """

    parts: tuple[str, ...]
    shares: dict[str, float] = field(default_factory=dict)
    fraction: float = 1 / 12
    crop: int = 160
    content_layers: dict[str, float] = field(default_factory=lambda: {"relu4_2": 1.0})
    style_layers: dict[str, float] = field(default_factory=lambda: {f"relu{block}_1": 1.0 for block in range(1, 6)})
    own: float = 0.08
    weakened: float = 0.12
    mixed: float = 0.1
    recoloured: float = 0.5
    first_own: int = 0

    def __post_init__(self) -> None:
        check_range("style.fraction", self.fraction, 1e-9, 1)


@dataclass(frozen=True, kw_only=True)
class DiscriminatorPlan:
    """The discriminator, its optimizer, and the adversarial loss of both networks."""

    network: NetworkPlan
    optimizer: OptimizerPlan
    loss: Literal["vanilla", "relativistic", "least_squares", "hinge"] = "relativistic"


@dataclass(frozen=True, kw_only=True)
class AutoencodersPlan:
    """The trained autoencoders between whose latent spaces a translation goes, by name or file."""

    old: str
    clean: str


@dataclass(frozen=True, kw_only=True)
class InitPlan:
    """Pretrained weights, by name or file; parameters whose names begin with one of `skip` start fresh."""

    weights: str
    skip: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TeachersPlan:
    """Trained networks whose outputs are learnt, by name or file.

    For face detection `weights` names one that finds faces.

    Args:
        weights: for super-resolution; their outputs take the place of the large pictures. They run once for every
            picture, in eight orientations, before the first step.
        share: of the distillation target that is their output; the rest is the large picture itself.
        features: a VGG, whose features are distilled.
        labels: a classifier, whose labels are.
        pool: pairs of crops for which these two run at a time.
        named: further crops in a pool, for which the classifier alone runs; half of every batch is of them.
        fresh: steps after which the pool is made anew.
        positions: of each layer's map, drawn at random, at which its features are kept.
    """

    weights: tuple[str, ...] = ()
    share: float = 1.0
    features: str = ""
    labels: str = ""
    pool: int = 750
    named: int = 0
    fresh: int = 2000
    positions: int = 96

    def __post_init__(self) -> None:
        if not self.weights and not self.features:
            raise RecipeError("[teachers] names none; give weights or features, or leave it out")
        check_range("teachers.share", self.share, 0, 1)
        for name in ("pool", "fresh", "positions"):
            check_range(f"teachers.{name}", getattr(self, name), 1, 10**9)
        check_range("teachers.named", self.named, 0, 10**9)
        if self.named and not self.labels:
            raise RecipeError("teachers.named pictures need teachers.labels, who name them")


@dataclass(frozen=True, kw_only=True)
class HeaderPlan:
    """What the weights file says about itself besides the recipe and the scores."""

    data: str = ""
    cleans: bool = False
    licence: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything about one training run.

    Args:
        name: name of the weights.
        step: what one iteration does; a name in `daguerre.training.trainers.TRAINERS`.
        steps, batch: iterations, and examples in each on every process.
        crop: side of a training example in pixels of the network's result.
        ema: decay of the moving average of the weights, which is what is validated and kept.
        clip: largest norm of the gradient; 0 leaves it as it is.
        losses: the weight of each loss, by name.
        keep: what of an autoencoder's weights is kept in the end; the encoder is all that a translation from its latent
            space needs.
        degradation: what makes the low-resolution pictures; MATLAB's bicubic unless given.
        aging: how pictures are aged, for restoration.
        finding: what shows the faces that are to be found.
        teachers: networks to distil, for super-resolution, distillation and face detection alone.
    """

    name: str
    step: str
    network: NetworkPlan
    data: DataPlan
    optimizer: OptimizerPlan
    steps: int
    batch: int = 16
    crop: int = 128
    seed: int = 0
    precision: Precision = "auto"
    ema: float = 0.999
    clip: float = 0.0
    losses: dict[str, float] = field(default_factory=dict)
    keep: Literal["all", "encoder"] = "all"
    schedule: SchedulePlan = field(default_factory=SchedulePlan)
    validation: ValidationPlan = field(default_factory=ValidationPlan)
    perceptual: PerceptualPlan = field(default_factory=PerceptualPlan)
    discriminator: DiscriminatorPlan | None = None
    degradation: Degradation | None = None
    aging: AgingPlan = field(default_factory=AgingPlan)
    finding: FindingPlan = field(default_factory=FindingPlan)
    autoencoders: AutoencodersPlan | None = None
    style: StylePlan | None = None
    teachers: TeachersPlan | None = None
    init: InitPlan | None = None
    header: HeaderPlan = field(default_factory=HeaderPlan)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._+-]*", self.name):
            raise RecipeError(f"name is {self.name!r}; use letters, digits and . _ + -")
        for name in ("steps", "batch", "crop"):
            check_range(name, getattr(self, name), 1, 10**9)
        check_range("seed", self.seed, 0, 2**63 - 1)
        check_range("ema", self.ema, 0, 0.99999)
        check_range("clip", self.clip, 0, 10**9)
        if self.keep != "all" and self.step != "autoencoder":
            raise RecipeError(f"keep is {self.keep!r}, which the step {self.step!r} cannot heed; leave it out")
        super_resolution = self.step == "super_resolution"
        if self.data.sizes != (1.0,) and not super_resolution:
            raise RecipeError(f"data.sizes go with the step 'super_resolution', not with {self.step!r}; leave them out")
        if self.data.shares and self.step != "distillation":
            raise RecipeError(f"data.shares go with the step 'distillation', not with {self.step!r}; leave them out")
        if self.teachers is not None:
            self.check_teachers(self.teachers)

    def check_teachers(self, plan: TeachersPlan) -> None:
        """Refuse teachers that the step has no use for."""
        alone = self.step == "super_resolution" and not (self.discriminator or self.degradation)
        if plan.weights and not alone and self.step != "face_detection":
            raise RecipeError(
                "teachers.weights go with the steps 'face_detection' and 'super_resolution', without discriminator and "
                "degradation"
            )
        if plan.features and self.step != "distillation":
            raise RecipeError("teachers.features go with the step 'distillation'; leave them out")

    def as_dict(self) -> dict[str, Any]:
        """The resolved recipe, every default written out, in types that JSON knows."""
        return json_types(dataclasses.asdict(self))  # type: ignore[no-any-return]


def check_parts(name: str, parts: tuple[str, ...]) -> None:
    """Refuse parts of the data that do not lie below its folder."""
    for part in parts:
        if Path(part).is_absolute() or ".." in Path(part).parts:
            raise RecipeError(f"{name} holds {part!r}; name folders or tar files below the data folder")


def read_recipe(path: Path) -> Recipe:
    """Read a recipe from a TOML file.

    Raises:
        RecipeError: the file is missing or not TOML, a key is unknown or missing, or a value makes no sense.
    """
    table = read_table(path)
    try:
        return parse_recipe(table)
    except RecipeError as error:
        raise RecipeError(f"{path.name}: {error}") from error


def parse_recipe(table: dict[str, Any]) -> Recipe:
    """Make a recipe from nested dictionaries, as TOML or the header of any version's weights gives them.

    Raises:
        RecipeError: a key is unknown or missing, or a value makes no sense.
    """
    return build(Recipe, with_current_names(table), "")


def with_current_names(table: dict[str, Any]) -> dict[str, Any]:
    """A recipe's table with the names of earlier versions replaced by those of today."""
    table = dict(table)
    if isinstance(step := table.get("step"), str):
        table["step"] = STEP_ALIASES.get(step, step)
    if isinstance(losses := table.get("losses"), dict):
        table["losses"] = {LOSS_ALIASES.get(name, name): weight for name, weight in losses.items()}
    for name in ("validation", "style"):
        plan = table.get(name)
        if isinstance(plan, dict) and isinstance(one_in := plan.get("one_in"), int) and one_in > 0:
            others = {key: value for key, value in plan.items() if key != "one_in"}
            table[name] = {"fraction": 1 / one_in} | others
    return table


def json_types(value: Any) -> Any:
    """`value` with every tuple as a list, all the way down."""
    if isinstance(value, dict):
        return {key: json_types(item) for key, item in value.items()}
    return [json_types(item) for item in value] if isinstance(value, list | tuple) else value
