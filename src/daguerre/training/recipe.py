"""Training recipes: TOML files that fully describe a training run, read into frozen dataclasses."""

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
"""Former names, still in headers of weights, and the current ones."""


@dataclass(frozen=True, kw_only=True)
class NetworkPlan:
    """A network by its class name in `daguerre.networks`, and its constructor's arguments."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class DataPlan:
    """The pictures to use.

    Args:
        parts: folders or tar files below the data folder; folders are searched recursively.
        sizes: for super-resolution, each picture is used at each of these sizes, given as fractions of its own.
        shares: for distillation, how often each part is drawn from; equal by default.
        drawings: for super-resolution, how many drawings are made up besides, each as large as a crop.
    """

    parts: tuple[str, ...]
    shares: dict[str, float] = field(default_factory=dict)
    sizes: tuple[float, ...] = (1.0,)
    drawings: int = 0

    def __post_init__(self) -> None:
        check_parts("data.parts", self.parts)
        check_range("data.drawings", self.drawings, 0, 10**6)
        for part, share in self.shares.items():
            if part not in self.parts:
                raise RecipeError(f"data.shares names {part!r}, which is not in data.parts{nearest(part, self.parts)}")
            check_range("data.shares", share, 0, 10**6)
        for size in self.sizes:
            check_range("data.sizes", size, 0.01, 1)


@dataclass(frozen=True, kw_only=True)
class AgingPlan:
    """How clean pictures are aged, and where the real old ones are.

    Args:
        strength: range of the strength of `daguerre.degradation.aging.age`.
        untouched: fraction of the examples left as they are, so that the network learns to leave clean pictures alone.
        unharmed: fraction of the others that change only in tone and texture, without scratches, tears and the like.
        shares: how often each of the data's parts is drawn from; equal by default.
        half: fraction of the examples that are cropped from pictures at half size.
        real: parts with real old photographs, whose original appearance is unknown.
        worn: file names of those with damage of their own but without a mask; a part stands for all its files.
        textures: parts with scans of damage alone, on black, white or transparent, which are laid over pictures.
        marks: parts with masks of real old photographs, PNG files of the same names: white is damaged, black is not,
            gray (128) is unknown, dark gray (64) only looks like damage. These photographs are drawn as members of
            these parts, not of their own.
        replay: fraction of the examples that are repeated because the network detects much false damage in them.
        exclude: names of files that are never used, such as test pictures.
        pool: number of examples made once, for trainers that reuse them.
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
    """Contents of the crops for training face detection.

    Args:
        portraits: parts of the data whose pictures are each filled by one face; they are pasted into other pictures.
        around: fraction of the crops that are around a face detected by the teacher.
        composed: fraction into which portraits are pasted.
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
    """Parameters of AdamW.

    Args:
        lr: the peak that the schedule scales.
        slower: fractions of it, by how the names of the parameters begin that have them.
    """

    lr: float
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    slower: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_range("optimizer.lr", self.lr, 0, 10)
        for beta in self.betas:
            check_range("optimizer.betas", beta, 0, 0.99999)
        check_range("optimizer.weight_decay", self.weight_decay, 0, 10)
        for fraction in self.slower.values():
            check_range("optimizer.slower", fraction, 0, 1)


@dataclass(frozen=True, kw_only=True)
class SchedulePlan:
    """The learning-rate schedule: linearly up for `warmup` steps, then down.

    Args:
        kind: `cosine` falls to `floor` at the last step; `step` multiplies by `factor` at every milestone.
        warmup: steps until the full rate.
        floor: the cosine's lowest value, as a fraction of the full rate.
        milestones: fractions of the run, between 0 and 1.
        factor: factor on the rate at a milestone.
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
        fraction: fraction of the pictures held out, chosen by name; one in an integer.
        crop: side of the central crop used of each picture, in pixels of the network's result.
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
    """The perceptual loss.

    Args:
        weights: its network, by name or file.
        layers: the weight of each layer in the loss.
        directions: whether the directions of the features at each position are compared, instead of the features.
    """

    weights: str = "vgg19-slim"
    layers: dict[str, float] = field(default_factory=lambda: {"conv5_4": 1.0})
    directions: bool = False


@dataclass(frozen=True, kw_only=True)
class StylePlan:
    """The styles to learn, and which features are content and which are style.

    The features are those of the perceptual plan's network.

    Args:
        parts: parts of the data with styles.
        eye: VGG-19 that the predictor looks at styles with, by name or file; that of the losses by default.
        painted: part of the data with the outputs of another network: folders `photographs`, `styles` and `painted`,
            whose pictures have the same names.
        shares: how often each part, of styles or of photographs, is drawn from; equal by default.
        fraction: fraction of the styles held out, chosen by name; one in an integer.
        crop: side in pixels of a style's crop.
        enlarged: how much larger than the predictor sees it a style is when its Gram matrices are taken; from 1 on.
        content_layers, style_layers: of the features, and their weights in the loss.
        own: fraction of the photographs stylized in their own style.
        weakened: fraction stylized halfway between their own style and another.
        mixed: fraction stylized in a mixture of two styles.
        recoloured: fraction of the styles whose colors are changed.
        first_own: initial steps in which all photographs are stylized in their own style.
    """

    parts: tuple[str, ...]
    eye: str = ""
    painted: str = ""
    shares: dict[str, float] = field(default_factory=dict)
    fraction: float = 1 / 12
    crop: int = 160
    enlarged: float = 1.0
    content_layers: dict[str, float] = field(default_factory=lambda: {"relu4_2": 1.0})
    style_layers: dict[str, float] = field(default_factory=lambda: {f"relu{block}_1": 1.0 for block in range(1, 6)})
    own: float = 0.08
    weakened: float = 0.12
    mixed: float = 0.1
    recoloured: float = 0.5
    first_own: int = 0

    def __post_init__(self) -> None:
        check_range("style.fraction", self.fraction, 1e-9, 1)
        check_range("style.enlarged", self.enlarged, 1, 4)


@dataclass(frozen=True, kw_only=True)
class DiscriminatorPlan:
    """The discriminator, its optimizer, and the adversarial loss of both networks."""

    network: NetworkPlan
    optimizer: OptimizerPlan
    loss: Literal["vanilla", "relativistic", "least_squares", "hinge"] = "relativistic"


@dataclass(frozen=True, kw_only=True)
class AutoencodersPlan:
    """The trained autoencoders between whose latent spaces to translate, by name or file."""

    old: str
    clean: str


@dataclass(frozen=True, kw_only=True)
class InitPlan:
    """Pretrained weights, by name or file; parameters whose names begin with one of `skip` start fresh.

    `parts` names weights for networks inside the network, by attribute; `weights` may then be empty.
    """

    weights: str = ""
    skip: tuple[str, ...] = ()
    parts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TeachersPlan:
    """Trained networks whose outputs are distilled, by name or file.

    For face detection `weights` names a face detector.

    Args:
        weights: for super-resolution; their outputs replace the large pictures. They run once for every picture before
            the first step, or with a degradation for a pool of degraded crops.
        share: weight of their output in the distillation target; the rest is the large picture itself.
        truth: losses of super-resolution that have the large picture as their target even so.
        ensemble: whether their output is the mean over eight orientations of a picture.
        side: side of the crops in a pool for super-resolution, in pixels of the network's result.
        features: a VGG, whose features are distilled.
        labels: a classifier, whose labels are distilled.
        pool: number of pairs of crops in a pool of their targets, or of degraded crops.
        named: further crops in a pool, with the classifier's labels only; they make up half of every batch.
        fresh: steps after which the pool is replaced.
        positions: number of random positions in each layer's map at which features are kept.
    """

    weights: tuple[str, ...] = ()
    share: float = 1.0
    truth: tuple[str, ...] = ()
    ensemble: bool = True
    side: int = 192
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
        for name in ("side", "pool", "fresh", "positions"):
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
        step: the trainer; a name in `daguerre.training.trainers.TRAINERS`.
        steps, batch: iterations, and examples in each on every process.
        crop: side of a training example in pixels of the network's result.
        surround: for super-resolution, how much larger the network's result is than the crop, which is cut from it at
            random, so that the losses see neither its border nor how its grid of pixels lies.
        ema: decay of the moving average of the weights, which is validated and exported.
        clip: maximum norm of the gradient; 0 for no clipping.
        losses: the weight of each loss, by name.
        keep: the part of an autoencoder to export; a translation from its latent space needs only the encoder.
        degradation: how low-resolution pictures are made; MATLAB's bicubic by default.
        aging: how pictures are aged, for restoration.
        finding: contents of the crops for face detection.
        teachers: networks to distill, only for super-resolution, distillation and face detection.
    """

    name: str
    step: str
    network: NetworkPlan
    data: DataPlan
    optimizer: OptimizerPlan
    steps: int
    batch: int = 16
    crop: int = 128
    surround: int = 0
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
        check_range("surround", self.surround, 0, 10**9)
        check_range("ema", self.ema, 0, 0.99999)
        check_range("clip", self.clip, 0, 10**9)
        if self.keep != "all" and self.step != "autoencoder":
            raise RecipeError(f"keep is {self.keep!r}, which the step {self.step!r} cannot heed; leave it out")
        super_resolution = self.step == "super_resolution"
        if self.data.sizes != (1.0,) and not super_resolution:
            raise RecipeError(f"data.sizes go with the step 'super_resolution', not with {self.step!r}; leave them out")
        if self.surround and not super_resolution:
            raise RecipeError(f"surround goes with the step 'super_resolution', not with {self.step!r}; leave it out")
        if self.data.shares and self.step != "distillation":
            raise RecipeError(f"data.shares go with the step 'distillation', not with {self.step!r}; leave them out")
        if self.teachers is not None:
            self.check_teachers(self.teachers)

    def check_teachers(self, plan: TeachersPlan) -> None:
        """Refuse teachers that the step does not use."""
        if plan.weights and self.step not in ("face_detection", "super_resolution"):
            raise RecipeError("teachers.weights go with the steps 'face_detection' and 'super_resolution' alone")
        least = self.crop + self.surround
        if self.step == "super_resolution" and self.degradation and plan.side < least:
            raise RecipeError(f"teachers.side is {plan.side}; it must be at least crop and surround, {least}")
        for name in plan.truth:
            if name not in self.losses:
                raise RecipeError(f"teachers.truth names {name!r}, which is not in losses{nearest(name, self.losses)}")
        if plan.truth and not (self.step == "super_resolution" and self.degradation):
            raise RecipeError("teachers.truth goes with a degradation and the step 'super_resolution' alone")
        if plan.features and self.step != "distillation":
            raise RecipeError("teachers.features go with the step 'distillation'; leave them out")

    def as_dict(self) -> dict[str, Any]:
        """The resolved recipe, including every default, in JSON's types."""
        return json_types(dataclasses.asdict(self))  # type: ignore[no-any-return]


def check_parts(name: str, parts: tuple[str, ...]) -> None:
    """Refuse parts of the data outside its folder."""
    for part in parts:
        if Path(part).is_absolute() or ".." in Path(part).parts:
            raise RecipeError(f"{name} holds {part!r}; name folders or tar files below the data folder")


def read_recipe(path: Path) -> Recipe:
    """Read a recipe from a TOML file.

    Raises:
        RecipeError: the file is missing or not TOML, a key is unknown or missing, or a value is invalid.
    """
    table = read_table(path)
    try:
        return parse_recipe(table)
    except RecipeError as error:
        raise RecipeError(f"{path.name}: {error}") from error


def parse_recipe(table: dict[str, Any]) -> Recipe:
    """Make a recipe from nested dictionaries, from TOML or from the header of weights of any version.

    Raises:
        RecipeError: a key is unknown or missing, or a value is invalid.
    """
    return build(Recipe, with_current_names(table), "")


def with_current_names(table: dict[str, Any]) -> dict[str, Any]:
    """A recipe's table with names of earlier versions replaced by the current ones."""
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
