"""Evaluate restoration on synthetically aged photographs, against what a perfect restoration could achieve."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from daguerre.degradation.aging import DAMAGES, Aged, AgeOptions, age, size_error
from daguerre.devices import Precision, device_option, precision_option
from daguerre.errors import DaguerreError, DataError, OptionError
from daguerre.evaluation.comparison import (
    Evaluation,
    Look,
    Scores,
    describe_distances,
    eight_bits,
    load_distances,
    means,
    pictures_in,
)
from daguerre.evaluation.metrics import (
    affine_tone_match,
    area_under_curve,
    count_finds,
    decibels,
    dilate,
    find_rates,
    mask_scores,
    psnr,
    ssim,
)
from daguerre.evaluation.perceptual import Distance
from daguerre.images import Picture
from daguerre.options import check_range, option
from daguerre.progress import Progress, ProgressCallback, silent
from daguerre.tasks.restoration.restorer import Restorer

__all__ = ["Answer", "EvaluateRestoreOptions", "Example", "Restore", "evaluate_restore", "examples"]

Model = Literal["auto", "microsoft", "microsoft-patches"]

TOLERANCE = 1  # pixels by which a detection may be off
AGED, CLEAN = "aged", "clean"  # names of the input and the reference
DETECTION = ("precision", "recall", "f1", "auc")


@dataclass(frozen=True, kw_only=True)
class EvaluateRestoreOptions:
    """What to measure."""

    high: Path | None = option(None, "folder of clean photographs, which are aged, restored and compared")
    versions: int = option(1, "times each photograph is aged, each time differently")
    models: tuple[Model, ...] = option(("auto",), "models, as for `daguerre restore --model`")
    scratches: Literal["auto", "off", "known"] = option(
        "auto", "auto: find and fill scratches, tears and holes; off: leave them; known: use the true mask"
    )
    lpips: bool = option(False, "also measure LPIPS, if its package and weights are installed")
    device: str = device_option()
    precision: Precision = precision_option()

    def __post_init__(self) -> None:
        if self.high is None:
            raise OptionError("say with --high FOLDER which clean photographs to measure on")
        check_range("versions", self.versions, 1, 1000)


@dataclass(frozen=True)
class Example:
    """A photograph aged on purpose.

    Args:
        name: what to call it in tables.
        seed: reproduces its aging with `age`.
        photo: the aged photograph as a file of 8 bits would hold it.
        aged: the same with its ground truth, which a restorer may use only to measure an oracle.
    """

    name: str
    seed: int
    photo: Picture
    aged: Aged


@dataclass(frozen=True)
class Answer:
    """The restoration of an example.

    Args:
        image: (1, 3, H, W) in [0, 1].
        found: mask of the detected damage, (1, 1, H, W), 1 = damaged; None without detection.
        likely: probability of damage per pixel, (1, 1, H, W); by default `found`.
    """

    image: Tensor
    found: Tensor | None = None
    likely: Tensor | None = None


Restore = Callable[[Example], Answer]


def evaluate_restore(
    options: EvaluateRestoreOptions,
    ageing: AgeOptions | None = None,
    *,
    restorers: Mapping[str, Restore] | None = None,
    look: Look | None = None,
    progress: ProgressCallback = silent,
) -> Evaluation:
    """Age photographs, restore them, and score them before and after, by kind of photograph and of damage.

    Pictures that cannot be read or measured are listed in the result.

    Args:
        ageing: kind of photograph, amount, and seed.
        restorers: functions to evaluate instead of `Restorer`, by the name to show.
        look: called with each picture, for example `ContactSheet.look`.

    Raises:
        DataError: the folder does not exist, or holds no pictures.
        WeightsNotFound: a network of our own is missing.
        MissingExtra: LPIPS was requested and is not installed.
    """
    ageing = ageing or AgeOptions()
    restorers = restorers or load_restorers(options)
    distances = load_distances(lpips=options.lpips)
    evaluation = Evaluation(protocol=protocol(options, ageing, distances))
    damages = Damages()
    for example in examples(options, ageing, evaluation.failures, progress):
        try:
            answers = {AGED: Answer(example.aged.image)} | {n: run(r, example) for n, r in restorers.items()}
        except DaguerreError as error:
            evaluation.failures[example.name] = str(error)
            continue
        evaluation.scores[example.name] = {n: measure(a, example.aged, distances) for n, a in answers.items()}
        evaluation.made[example.name] = {"seed": example.seed, **example.aged.record}
        damages.add(example.aged, answers)
        if look:
            look(example.name, sights(example.aged, answers), evaluation.scores[example.name])
    evaluation.breakdowns["kind of photograph"] = by_kind(evaluation)
    evaluation.breakdowns["kind of damage"] = damages.scores()
    if found := damages.found():
        evaluation.breakdowns["damage found in"] = found
    return evaluation


def examples(
    options: EvaluateRestoreOptions,
    ageing: AgeOptions,
    failures: dict[str, str],
    progress: ProgressCallback = silent,
) -> Iterator[Example]:
    """Age every photograph, each with its own seed, which depends only on its name.

    Args:
        failures: receives error messages, by picture.
    """
    assert options.high  # checked by the options
    tasks = [(path, version) for path in pictures_in(options.high) for version in range(options.versions)]
    for done, (path, version) in enumerate(tasks):
        name = path.name if options.versions == 1 else f"{path.name}, {version + 1}"
        progress(Progress(step="measuring", done=done, total=len(tasks), note=name))
        try:
            yield make_example(path, name, version, ageing)
        except DaguerreError as error:
            failures[name] = str(error)
    progress(Progress(step="measuring", done=len(tasks), total=len(tasks)))


def make_example(path: Path, name: str, version: int, ageing: AgeOptions) -> Example:
    picture = Picture.open(path)
    if refused := size_error(picture.height, picture.width):
        raise DataError(f"{path}: {refused}")
    seed = ageing.seed_of(f"{version} {path.stem}")
    aged = age(picture.read(), seed=seed, kind=ageing.kind, strength=ageing.strength)
    aged = replace(aged, image=eight_bits(aged.image), clean=eight_bits(aged.clean))
    return Example(name, seed, Picture.from_tensor(aged.image), aged)


def load_restorers(options: EvaluateRestoreOptions) -> dict[str, Restore]:
    """The restorers that the options name, with weights loaded, so that missing ones fail at once."""
    return {model: load_restorer(model, options) for model in options.models}


def load_restorer(model: Model, options: EvaluateRestoreOptions) -> Restore:
    known = options.scratches == "known"
    restorer = Restorer(
        model=model,
        scratches="off" if known else options.scratches,
        device=options.device,
        precision=options.precision,
    )

    def restore(example: Example) -> Answer:
        mask = Picture.from_array(example.aged.lost[0, 0].mul(255).byte().numpy()) if known else None
        seen: dict[str, Picture] = {}
        restored = restorer(example.photo, mask=mask, on_stage=seen.__setitem__)
        detector = restorer.stages.damage
        if restored.mask is None or detector is None:
            return Answer(restored.picture.read())
        likely = detector.likelihood(seen.get("stains removed", example.photo)).picture()
        return Answer(restored.picture.read(), restored.mask.read()[:, :1], likely.read()[:, :1])

    return restore


def run(restore: Restore, example: Example) -> Answer:
    """The result as a file would hold it: 8 bits, the size of the photograph.

    Raises:
        ValueError: the result, or its mask, has another size; both are named.
    """
    with torch.inference_mode():
        answer = restore(example)
    wanted = example.aged.image.shape[-2:]
    for made in (answer.image, answer.found, answer.likely):
        if made is not None and made.shape[-2:] != wanted:
            raise ValueError(f"the result has the size {tuple(made.shape[-2:])}, the photograph {tuple(wanted)}")
    return replace(answer, image=eight_bits(answer.image.float().cpu()))


@torch.inference_mode()
def measure(answer: Answer, aged: Aged, distances: Mapping[str, Distance]) -> dict[str, float]:
    """All metrics of one result, by name; NaN for detection metrics without detection."""
    plain, matched = answer.image, tone_matched(answer.image, aged.clean)
    scores: dict[str, float] = {}
    for ending, image in (("", plain), ("_tone", matched)):
        scores[f"psnr_rgb{ending}"] = psnr(image, aged.clean, channel="rgb").item()
        scores[f"ssim_y{ending}"] = ssim(image, aged.clean).item()
        scores |= {f"{name}{ending}": distance(image, aged.clean).item() for name, distance in distances.items()}
    return scores | measure_finds(answer, aged)


def measure_finds(answer: Answer, aged: Aged) -> dict[str, float]:
    """Detection of damage that leaves nothing of the picture; detections on stains are ignored."""
    if answer.found is None:
        return dict.fromkeys(DETECTION, math.nan)
    stained = aged.mask > aged.lost
    found = mask_scores(unstained(answer.found, aged), aged.lost, tolerance=TOLERANCE)
    likely = answer.found if answer.likely is None else answer.likely
    auc = area_under_curve(likely[~stained], aged.lost[~stained] > 0)
    return {"precision": found.precision, "recall": found.recall, "f1": found.f1, "auc": auc}


def unstained(found: Tensor, aged: Aged) -> Tensor:
    """The detected damage outside stains, which count neither way."""
    return found.masked_fill(aged.mask > aged.lost, 0)


def tone_matched(image: Tensor, clean: Tensor) -> Tensor:
    return affine_tone_match(image.double(), clean.double()).float().clamp(0, 1)


def by_kind(evaluation: Evaluation) -> dict[str, Scores]:
    """Means over the pictures of each kind of photograph."""
    groups: dict[str, list[Scores]] = {}
    for name, scores in evaluation.scores.items():
        groups.setdefault(evaluation.made[name]["kind"], []).append(scores)
    return {f"{kind} ({len(group)})": means(group) for kind, group in sorted(groups.items())}


class Damages:
    """Sums over the pixels of each kind of damage, over all pictures."""

    def __init__(self) -> None:
        self.pictures = [0] * (len(DAMAGES) + 1)
        self.sums: dict[str, Tensor] = {}  # by model: for each kind of damage, pixels, squared errors, detected pixels
        self.finds: dict[str, Tensor] = {}  # by model: from `count_finds`

    def add(self, aged: Aged, answers: Mapping[str, Answer]) -> None:
        kinds = aged.kinds.flatten().long()
        for kind in set(kinds.tolist()):
            self.pictures[kind] += 1
        for name, answer in answers.items():
            images = (answer.image, tone_matched(answer.image, aged.clean))
            errors = [(image.double() - aged.clean).square().mean(dim=1).flatten() for image in images]
            columns = torch.stack([torch.ones_like(errors[0]), *errors, reached(answer, aged).flatten().double()], 1)
            sums = columns.new_zeros(len(DAMAGES) + 1, columns.shape[1]).index_add_(0, kinds, columns)
            self.sums[name] = self.sums[name] + sums if name in self.sums else sums
            if answer.found is not None:
                finds = count_finds(unstained(answer.found, aged) > 0, aged.lost > 0, tolerance=TOLERANCE)
                self.finds[name] = self.finds[name] + finds if name in self.finds else finds

    def found(self) -> dict[str, Scores]:
        """Detection of lost pixels, pooled over all pictures; empty without detection."""
        return {"all pixels": {model: find_rates(finds) for model, finds in self.finds.items()}} if self.finds else {}

    def scores(self) -> dict[str, Scores]:
        """PSNR of the pixels of each kind of damage, plain and tone-matched, and their recall."""
        groups = {f"{name} ({self.pictures[kind]})": kind for kind, name in enumerate(("none", *DAMAGES))}
        return {
            name: {model: rates(sums[kind], kind > 0) for model, sums in self.sums.items()}
            for name, kind in groups.items()
            if self.pictures[kind]
        }


def reached(answer: Answer, aged: Aged) -> Tensor:
    """Where damage was detected, within the tolerance: (1, 1, H, W); NaN without detection."""
    if answer.found is None:
        return torch.full_like(aged.mask, math.nan)
    return dilate(answer.found > 0, TOLERANCE)


def rates(sums: Tensor, damaged: bool) -> dict[str, float]:
    pixels, error, matched_error, found = sums.tolist()
    plain, matched = (decibels(torch.tensor(e / pixels), peak=1).item() for e in (error, matched_error))
    return {"psnr_rgb": plain, "psnr_rgb_tone": matched, "recall": found / pixels if damaged else math.nan}


def sights(aged: Aged, answers: Mapping[str, Answer]) -> dict[str, Tensor]:
    """Images to show: the aged photograph, every result, the detected damage if any, the clean one."""
    found = [answer.found for answer in answers.values() if answer.found is not None]
    shown = {name: answer.image for name, answer in answers.items()}
    if found:
        shown["damage"] = compare_masks(found[0] > 0, aged.lost > 0)
    return shown | {CLEAN: aged.clean}


def compare_masks(found: Tensor, damaged: Tensor) -> Tensor:
    """A picture (1, 3, H, W) of two masks: detected damage white, missed damage red, false positives blue."""
    return torch.cat([damaged, damaged & found, found], dim=1).float()


def protocol(options: EvaluateRestoreOptions, ageing: AgeOptions, distances: Mapping[str, Distance]) -> list[str]:
    """How it was measured, in sentences."""
    times = "" if options.versions == 1 else f" in {options.versions} ways"
    scratches = {
        "auto": "Damage was found by the restoring.",
        "off": "Damage was not looked for.",
        "known": "The restoring was told where the damage is.",
    }
    return [
        f"Photographs were aged{times} with `daguerre age`: kind {ageing.kind}, strength {ageing.strength:g}, seeds "
        f"made from {ageing.seed} and the names (JSON lists them); rounded to 8 bits.",
        "They are compared with what a perfect restoration could know: the original as its emulsion saw it, in colour "
        "where some is left, else neutral or toned as it was when new.",
        scratches[options.scratches],
        "PSNR in dB over red, green and blue on [0, 255]; SSIM of Y of BT.601 in studio swing (16 to 235) under an "
        "11 x 11 Gaussian, sigma 1.5, where it fits; results rounded to 8 bits, no border left out.",
        "tone: after the gain and offset of each channel that bring the result nearest to the original; it leaves out "
        "what is only lighter, paler or yellower.",
        *describe_distances(distances),
        f"precision, recall, F1: of the pixels found, and of those lost, by damage that leaves nothing of the picture; "
        f"{TOLERANCE} px apart at most; stains, water lines and tape count neither way. AUC: the chance that a lost "
        "pixel was thought more likely damaged than a sound one. The means are of the pictures' own scores; in all "
        "pixels a torn picture counts more than one with a few specks.",
        "By kind of damage: the pixels under it alone, of all pictures; in brackets in how many pictures it is.",
    ]
