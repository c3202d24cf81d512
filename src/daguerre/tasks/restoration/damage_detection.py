"""Detect scratches and other damage in a photograph of any size, as a mask that can be edited."""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, Unpack

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from daguerre import weights
from daguerre.devices import Precision, choose_device, device_option, precision_option
from daguerre.errors import OptionError, PictureError
from daguerre.images import Canvas, Picture, PictureLike, as_picture
from daguerre.images.pixels import to_levels
from daguerre.images.resize import read_reduced, resized, strips_resized
from daguerre.images.visible import read_colours
from daguerre.networks.bringing_old_photos.scratch_unet import ScratchUNet
from daguerre.options import check_range, option
from daguerre.progress import ProgressCallback, silent
from daguerre.tasks.kwargs import ScratchKwargs
from daguerre.tasks.provenance import Record
from daguerre.tasks.restoration.bringing_old_photos import PublishedDetector
from daguerre.tasks.restoration.damage.verification import VERIFIER, PieceVerifier
from daguerre.tasks.restoration.deblurring import measure_edges
from daguerre.tasks.restoration.tint import colourfulness
from daguerre.tasks.result import Result, StageCallback, chosen
from daguerre.tasks.scans.borders import clear_borders, find_borders
from daguerre.tiling import Window, plan_windows, run_windows
from daguerre.tiling.components import FAINT, Components, keep_pieces

__all__ = [
    "FoundDamage",
    "ScratchDetector",
    "ScratchFinder",
    "ScratchOptions",
    "Writing",
    "damaged_part",
    "detect_damage",
    "read_mask",
]

Writing = Literal["keep", "remove"]
"""How writing on a photograph is treated."""

AUTO = "scratches-real"
"""The detector that is used by default, each of whose pieces of damage is looked at again."""

# Probability from which a component of damage starts, at the default sensitivity: by default, where it must then be
# damage with the second probability, too; and of another detector.
MIN_CANDIDATE_PROBABILITY = 0.12
MIN_VERIFIED_PROBABILITY = 0.7
MIN_PROBABILITY = 0.5
CONTINUATION_SHARE = 0.5  # of that is enough for it to continue
TRIM = 0.35  # of its highest probability, below which the rim of a component is cut off by default
MAX_GAP = (
    3  # pixels: half the width of a gap inside a component that is damaged even so; with 8, eyes between cracks were
)
# By default, a sharp picture of at most so many pixels is looked at enlarged by the second; a megapixel would take half
# as long again.
MAX_ENLARGED_PIXELS = 700_000
ENLARGEMENT = 1.5
# Pixels of the shorter side down to which damage is also looked for at half the size; of soft pictures, whose sharpest
# edges are wider than a few pixels, further down. From 0.7 pixels on, eyes were marked beside a fold.
MIN_HALVED_SIDE = 450
MIN_HALVED_SOFT_SIDE = 150
SOFT_EDGE = 1.6  # pixels
# What is only seen at half the size of a sharp picture is doubted: its odds are multiplied by this.
HALVED_ODDS = math.exp(-2)
# Colorful photographs are new, or nearly so: 19 of 20 real old ones are less colorful than the first, 24 of 26 new ones
# more. In those the gleams of china and cutlery look like damage; from the second on, all odds of damage are multiplied
# by the third.
COLOURFUL = (0.08, 0.14)
COLOURFUL_ODDS = math.exp(-4)
COPY_SIDE = 256  # pixels; longer side of the copy in which this is measured
TRAINED_SHARE = 0.04  # of the pixels in the network's training were damaged
LEAST_SHARE = 1e-4  # of a picture's pixels; what is certain is damage even if it is alone
PRIOR_ROUNDS = 30
MAX_PIECE_SHARE = 0.5  # of a picture is the most that a piece of damage covers; a blank sheet is none
# A pixel is written upon if this is as likely, and not much less likely than damage.
MIN_WRITING_PROBABILITY, WRITING_SHARE = 0.3, 0.7
WORD_RADIUS = 8  # pixels: gaps of a word that are closed
LETTER_RADIUS = 5  # pixels around writing that are kept, too, so that no letter is half erased
GROWTH = 1  # pixels by which damage extends beyond the mask: its soft rim, which would leave double lines
# Marks that are even along a side are a border. 13 of 274 real old photographs have some, a third of all marks; none of
# 92 aged ones has, including those with torn edges.
MIN_BORDER_COVERAGE = 0.4  # fraction of a side that must be marked for a border
MAX_BORDER_DEPTH = 0.15  # maximum depth of a border, relative to the picture
BORDER_UNEVENNESS = 0.15  # of its depth: maximum deviation of half of it
BORDER_SWAY = 0.0014  # ... or of the picture
MIN_SIDE = 100  # pixels of the shorter side, below which nothing is detected
SKIPPED_EDGE = 2  # pixels at the very edge that need not be marked
CHEAP_WINDOW_SIDE = 1024  # pixels of a window, for cheap functions
LARGEST_PROCESSOR_SIDE = 1024  # pixels; in smaller windows most of the time is spent on the halo


@dataclass(frozen=True, kw_only=True)
class ScratchOptions:
    """What counts as damage."""

    task: ClassVar[str] = "scratches"

    model: str = option("auto", "damage detector: a name from `daguerre models`, or a weights file")
    sensitivity: float = option(0.5, "how much counts as damage: 0 hardly anything, 1 anything that might be")
    min_length: int = option(1, "ignore damage shorter than this many pixels")
    min_area: int = option(3, "ignore damage that covers fewer pixels than this")
    writing: Writing = option(
        "keep", "writing on the photograph: keep leaves captions, names and notes alone, remove treats them as damage"
    )
    device: str = device_option()
    precision: Precision = precision_option()

    def __post_init__(self) -> None:
        check_range("sensitivity", self.sensitivity, 0, 1)
        check_range("min_length", self.min_length, 0, 1_000_000)
        check_range("min_area", self.min_area, 0, 1_000_000_000)

    def threshold(self, usual: float) -> float:
        """Probability, in [0, 1], from which a component starts; `usual` at sensitivity 0.5."""
        odds = usual / (1 - usual) * math.exp(6 * (0.5 - self.sensitivity))
        return odds / (1 + odds)

    def wanted(self, pieces: Components, least: int) -> NDArray[np.bool_]:
        """Which components are certain, with a peak of `least` or more, and large enough."""
        length = np.maximum(pieces.bottom - pieces.top, pieces.right - pieces.left)
        large = (length >= self.min_length) & (pieces.area >= self.min_area)
        kept: NDArray[np.bool_] = large & (pieces.peak >= least)
        return kept


class ScratchDetector:
    """Detects damage, keeping its network loaded.

    A component starts where the network is certain and continues where it is nearly so (hysteresis, Canny 1986).

    Args:
        options: the options; single ones may also be given by name.

    Raises:
        WeightsNotFound: no model of that name.
        OptionError: the model does not detect scratches.
    """

    def __init__(self, options: ScratchOptions | None = None, **changes: Unpack[ScratchKwargs]) -> None:
        self.options = replace(options or ScratchOptions(), **changes)
        self.device = choose_device(self.options.device, self.options.precision)
        self.verified = self.options.model == "auto"
        self.name = AUTO if self.verified else self.options.model
        self.model = weights.load(self.name).on(self.device)
        if self.model.header.task != "scratches":
            raise OptionError(f"{self.options.model} is for {self.model.header.task}, not for finding scratches")
        network = self.model.network
        self.published = PublishedDetector(self.device, network) if isinstance(network, ScratchUNet) else None

    def __call__(self, source: PictureLike, *, progress: ProgressCallback = silent) -> Picture:
        """Detect a mask of a picture's size: 8-bit gray, 255 = damaged, 0 = undamaged."""
        picture = as_picture(source)
        canvas = self.map(picture, progress=progress)
        levels = canvas.levels[..., 0]
        least = self.levels_of(CONTINUATION_SHARE)

        def wanted(pieces: Components) -> NDArray[np.bool_]:
            candidates = self.candidates(pieces, levels.size)
            if not self.verified:
                return candidates
            probability = self.verifier(picture, levels, pieces, candidates, least, progress=progress)
            kept: NDArray[np.bool_] = probability >= self.options.threshold(MIN_VERIFIED_PROBABILITY)
            return kept & candidates

        keep_pieces(levels, least, wanted, trim=TRIM * self.verified)
        grow(levels, GROWTH)
        return canvas.picture()

    @cached_property
    def verifier(self) -> PieceVerifier:
        """The second look at each piece; its own training does without."""
        return PieceVerifier(self.device)

    @property
    def every_name(self) -> tuple[str, ...]:
        """Names of all weights that take part."""
        return (self.name, VERIFIER) if self.verified else (self.name,)

    @property
    def usual(self) -> float:
        """Probability from which a component of damage starts, at the default sensitivity."""
        if self.published:
            return self.published.threshold
        return MIN_CANDIDATE_PROBABILITY if self.verified else MIN_PROBABILITY

    def levels_of(self, share: float) -> int:
        """Level of a map that is a share of the probability from which a component starts."""
        return math.ceil(255 * share * self.options.threshold(self.usual))

    def candidates(self, pieces: Components, pixels: int) -> NDArray[np.bool_]:
        """Which components of a map with so many pixels are certain enough, and of a size that damage has."""
        kept: NDArray[np.bool_] = self.options.wanted(pieces, self.levels_of(1)) & (
            pieces.area <= MAX_PIECE_SHARE * pixels
        )
        return kept

    def map(self, picture: Picture, *, progress: ProgressCallback = silent) -> Canvas:
        """Likelihoods of damage from which components are taken: gray, 255 = certain, without borders."""
        canvas = self.likelihood(picture, progress=progress)
        levels = canvas.levels[..., 0]
        leave_borders(levels, math.ceil(255 * CONTINUATION_SHARE * self.usual))
        clear_borders(levels, find_borders(picture))
        if self.verified:
            adapt_to_prior(levels, odds_of_colour(picture))
        return canvas

    def likelihood(self, picture: Picture, *, progress: ProgressCallback = silent) -> Canvas:
        """Probability that each pixel is damaged: gray, 255 = certain.

        Detected at the picture's size, or enlarged in a small, sharp one, whose scratches are as fine as its pixels;
        then, for damage too large for the receptive field or too soft, at half of its size, and so on.
        """
        if self.published is not None:
            return self.published(picture, progress=progress)
        soft = is_soft(picture)
        if self.verified and not soft and picture.height * picture.width <= MAX_ENLARGED_PIXELS:
            height, width = (round(ENLARGEMENT * length) for length in (picture.height, picture.width))
            canvas = Canvas(picture.height, picture.width, grey=True)
            fine = self.likelihood_at_size(resized(picture, height, width), progress=progress).picture()
            for window, strip in strips_resized(fine, picture.height, picture.width):
                canvas.write(window, strip[:, :1])
        else:
            canvas = self.likelihood_at_size(picture, progress=progress)
        self.add_halves(canvas, picture, soft=soft, progress=progress)
        return canvas

    def add_halves(self, canvas: Canvas, picture: Picture, *, soft: bool, progress: ProgressCallback) -> None:
        """Add to the likelihoods of a picture those at half of its size, at a quarter, and so on."""
        height, width = picture.height // 2, picture.width // 2
        if min(height, width) < (MIN_HALVED_SOFT_SIDE if soft else MIN_HALVED_SIDE):
            return
        half = resized(picture, height, width)
        coarse = self.likelihood_at_size(half, progress=progress)
        self.add_halves(coarse, half, soft=is_soft(half), progress=progress)
        odds = HALVED_ODDS if self.verified and not soft else 1.0
        for window, strip in strips_resized(coarse.picture(), picture.height, picture.width):
            likely = strip[:, :1]
            doubted = likely * odds / (likely * odds + 1 - likely)
            found = canvas.levels[window.slices]
            np.maximum(found, to_levels(doubted, 8), out=found)

    def likelihood_at_size(self, picture: Picture, *, progress: ProgressCallback = silent) -> Canvas:
        """Probability that each pixel is damaged, at the picture's own size."""
        canvas = Canvas(picture.height, picture.width, grey=True)
        multiple = self.model.multiple
        # On the network's grid.
        halo = -(-self.model.grid_halo // multiple) * multiple
        halo += -(-(LETTER_RADIUS + 2 * WORD_RADIUS) // multiple) * multiple

        def read(window: Window) -> Tensor:
            return read_colours(picture, window.grown(halo, picture.height, picture.width))[0]

        def compute(window: Window, colours: Tensor) -> Tensor:
            rows, columns = window.within(window.grown(halo, picture.height, picture.width)).slices
            return self.tensor(colours)[..., rows, columns].cpu()

        side = self.model.window_side(largest=LARGEST_PROCESSOR_SIDE) // multiple * multiple
        windows = plan_windows(picture.height, picture.width, side)
        run_windows(
            windows, read=read, compute=compute, write=canvas.write, step="finding scratches", progress=progress
        )
        return canvas

    def tensor(self, image: Tensor) -> Tensor:
        """Probability of damage for `image` (1, 3, H, W) in [0, 1]: (1, 1, H, W) in [0, 1], on the device."""
        damaged, written = self.model(image, border="replicate").sigmoid().chunk(2, 1)
        if self.options.writing == "remove":
            return torch.maximum(damaged, written)
        letters = (written >= MIN_WRITING_PROBABILITY) & (written > WRITING_SHARE * damaged)
        return damaged * (1 - dilate(close(letters.to(damaged), WORD_RADIUS), LETTER_RADIUS))


@dataclass(frozen=True, kw_only=True)
class FoundDamage(Result):
    """A mask of the damage in a photograph.

    Args:
        damaged: fraction of it that is damaged, in [0, 1].
    """

    damaged: float

    def findings(self) -> dict[str, Any]:
        return {"damaged_percent": round(100 * self.damaged, 2)}


class ScratchFinder:
    """Damage detection as a task whose result is the mask.

    Args and errors: as in `ScratchDetector`.
    """

    def __init__(self, options: ScratchOptions | None = None) -> None:
        self.detector = ScratchDetector(options)
        self.options = self.detector.options

    def __call__(
        self, source: PictureLike, *, on_stage: StageCallback | None = None, progress: ProgressCallback = silent
    ) -> FoundDamage:
        mask = self.detector(source, progress=progress)
        record = Record(
            task=self.options.task,
            options=chosen(self.options),
            models={Path(name).name: weights.checksum(name) for name in self.detector.every_name},
        )
        return FoundDamage(picture=mask, record=record, damaged=damaged_part(mask))


def is_soft(picture: Picture) -> bool:
    """Whether even the sharpest edges of a picture that can be halved are wider than a few pixels."""
    return min(picture.height, picture.width) // 2 >= MIN_HALVED_SOFT_SIDE and measure_edges(picture) > SOFT_EDGE


def odds_of_colour(picture: Picture) -> float:
    """Factor for the odds that anything in a photograph is damage, in (0, 1]: small for a colorful, new one."""
    low, high = COLOURFUL
    share = (colourfulness(*read_reduced(picture, COPY_SIDE)) - low) / (high - low)
    return float(COLOURFUL_ODDS ** min(max(share, 0.0), 1.0))


def adapt_to_prior(levels: NDArray[np.uint8], odds: float = 1.0) -> None:
    """Doubt damage more in a photograph that seems to have little of it: likelihoods (H, W), in place.

    The network's likelihoods hold for a picture with as much damage as those in its training had. How much this one has
    is found from the likelihoods themselves, by expectation maximization (Saerens et al. 2002, "Adjusting the outputs
    of a classifier to new a priori probabilities", sec. 2.2).

    Differs from the paper: a picture is never taken to have more damage than those in the training, because where
    everything is a little doubtful everything would become certain; and its share is moved only halfway, to the
    geometric mean of both: all the way, the few specks of a good photograph are lost.

    Args:
        odds: factor by which the odds of all likelihoods are multiplied first.
    """
    likely = np.arange(256) / 255
    likely = likely * odds / (likely * odds + 1 - likely)
    strips = (levels[top : top + CHEAP_WINDOW_SIDE] for top in range(0, len(levels), CHEAP_WINDOW_SIDE))
    counts = sum(np.bincount(strip.ravel(), minlength=256) for strip in strips)
    share = TRAINED_SHARE
    for _ in range(PRIOR_ROUNDS):
        share = float(np.clip((counts * with_prior(likely, share)).sum() / levels.size, LEAST_SHARE, TRAINED_SHARE))
    table = np.round(255 * with_prior(likely, math.sqrt(share * TRAINED_SHARE))).astype(np.uint8)
    for top in range(0, len(levels), CHEAP_WINDOW_SIDE):
        strip = levels[top : top + CHEAP_WINDOW_SIDE]
        strip[:] = table[strip]


def with_prior(likely: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """Likelihoods of damage in [0, 1] where `share` of the pixels are damaged, instead of TRAINED_SHARE."""
    ratio = share / (1 - share) * (1 - TRAINED_SHARE) / TRAINED_SHARE
    return likely * ratio / (likely * ratio + 1 - likely)


def dilate(mask: Tensor, radius: int) -> Tensor:
    """Maximum of a mask (1, 1, H, W) over the square of `radius` pixels around each pixel."""
    return F.max_pool2d(mask, 2 * radius + 1, stride=1, padding=radius)


def close(mask: Tensor, radius: int) -> Tensor:
    """A mask (1, 1, H, W) of 0 and 1 with gaps of up to twice `radius` pixels closed."""
    return 1 - dilate(1 - dilate(mask, radius), radius)


def grow(mask: NDArray[np.uint8], pixels: int) -> None:
    """Dilate a mask (H, W), as from `keep_pieces`, by this many pixels, in place, a strip at a time.

    What was trimmed stays damaged in the gaps of a component only.
    """
    margin = pixels + 2 * MAX_GAP
    above = mask[:0].copy()
    for top in range(0, len(mask), CHEAP_WINDOW_SIDE):
        rows = np.concatenate([above, mask[top : top + CHEAP_WINDOW_SIDE + margin]])
        above = mask[max(top + CHEAP_WINDOW_SIDE - margin, 0) : top + CHEAP_WINDOW_SIDE].copy()
        first = len(rows) - len(mask[top : top + CHEAP_WINDOW_SIDE + margin])
        certain = (rows == 255).astype(np.uint8) * np.uint8(255)
        if (rows == FAINT).any():
            closed = cv2.morphologyEx(certain, cv2.MORPH_CLOSE, disc(MAX_GAP))
            certain = np.where(rows > 0, closed, 0).astype(np.uint8)
        grown = cv2.dilate(certain, disc(pixels))
        mask[top : top + CHEAP_WINDOW_SIDE] = grown[first : first + len(mask[top : top + CHEAP_WINDOW_SIDE])]


def disc(radius: int) -> NDArray[np.uint8]:
    away = np.arange(-radius, radius + 1)
    return (np.hypot(away[:, None], away) < radius + 0.5).astype(np.uint8)


def leave_borders(levels: NDArray[np.uint8], least: int) -> None:
    """Set marks of `least` or more that are even along much of a side of (H, W) to 0: a border, not a torn edge."""
    if min(levels.shape) < MIN_SIDE:
        return
    for side in (levels, levels[::-1], levels.T, levels.T[::-1]):
        edge = side[SKIPPED_EDGE : SKIPPED_EDGE + math.ceil(MAX_BORDER_DEPTH * len(side))]
        starts = range(0, edge.shape[1], CHEAP_WINDOW_SIDE)
        # Depth of continuous marks from the edge inwards, for each place along it.
        depth = np.concatenate(
            [np.logical_and.accumulate(edge[:, at : at + CHEAP_WINDOW_SIDE] >= least, axis=0).sum(0) for at in starts]
        )
        border = (depth > 0) & (depth < len(edge))
        if border.mean() <= MIN_BORDER_COVERAGE:
            continue
        shallow, usual, deep = np.quantile(depth[border], [0.25, 0.5, 0.75])
        if deep - shallow <= BORDER_UNEVENNESS * usual + max(BORDER_SWAY * len(side), 1):
            for row in range(SKIPPED_EDGE + depth[border].max()):
                side[row][border & (row < SKIPPED_EDGE + depth)] = 0


def read_mask(source: PictureLike, like: Picture) -> Picture:
    """Read a mask made by hand: any picture of the size of `like`.

    Returns:
        8-bit gray, 255 where the brightest channel of `source` is at half or more and not transparent, 0 elsewhere.

    Raises:
        UnreadablePicture: it is not a picture.
        PictureError: it has another size.
    """
    made = as_picture(source)
    if (made.height, made.width) != (like.height, like.width):
        raise PictureError(
            f"{made.path or 'the mask'} is {made.width} x {made.height} pixels, but the picture {like.width} x "
            f"{like.height}; a mask must have the size of its picture"
        )
    canvas = Canvas(made.height, made.width, grey=True)
    for window in plan_windows(made.height, made.width, CHEAP_WINDOW_SIDE):
        bright = made.read(window).amax(1, keepdim=True) * made.read_alpha(window)
        canvas.write(window, (bright >= 0.5).float())
    return canvas.picture()


def damaged_part(mask: Picture) -> float:
    """Fraction of a mask's pixels that are damaged, in [0, 1]."""
    windows = plan_windows(mask.height, mask.width, CHEAP_WINDOW_SIDE)
    found = sum(float((mask.read(window)[:, :1] >= 0.5).sum()) for window in windows)
    return found / (mask.height * mask.width)


def detect_damage(source: PictureLike, **options: Unpack[ScratchKwargs]) -> Picture:
    """Detect scratches, dust, folds, tears and writing: `detect_damage("old.jpg").save("mask.png")`.

    Args:
        source: a picture in any form.
        options: fields of `ScratchOptions`.

    Returns:
        A mask of the picture's size: gray, white = damaged.
    """
    return ScratchDetector(**options)(source)
