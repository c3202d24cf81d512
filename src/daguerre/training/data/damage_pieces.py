"""Pieces of what a detector takes for damage, in photographs whose damage is known."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from daguerre.tiling.components import Components, keep_pieces
from daguerre.training.data.damaged_photos import DAMAGED, EITHER, SOUND

if TYPE_CHECKING:  # they need libvips, which training does without where it can
    from daguerre.tasks.restoration.damage.piece_views import PieceViews
    from daguerre.tasks.restoration.damage_detection import ScratchDetector

__all__ = ["Pieces", "pieces_of"]

CLOSE = 3  # pixels around marked damage in which a piece still is damage
MIN_DAMAGED, MAX_SOUND = 0.5, 0.2  # fractions of a piece close to damage; between them it is not used
MAX_UNKNOWN = 0.5  # of a piece
PER_PHOTOGRAPH = 12  # pieces that count in full; of more, each counts less
UNSEEN_WEIGHT = 0.1  # of a piece that is not marked, but was not seen to be sound either: one in four is damage
FULL_AREA, LEAST_WEIGHT = 40, 0.4  # pixels from which a piece counts in full; weight of the smallest


@dataclass(frozen=True)
class Pieces:
    """The pieces of a photograph, whether each is damage, and how often each is drawn.

    Args:
        views: of n pieces.
        damaged: (n,), 0 or 1.
        weight: (n,).
    """

    views: "PieceViews"
    damaged: NDArray[np.float32]
    weight: NDArray[np.float32]


def pieces_of(detector: "ScratchDetector", photograph: Tensor, marks: Tensor, *, weight: float = 1.0) -> Pieces:
    """The pieces that a detector finds in a photograph (3, H, W), 8 bits, with marked damage (1, H, W).

    Args:
        marks: as from `load_marks`.
        weight: of the photograph; of one with few pieces, the sum is less.
    """
    from daguerre.images import Picture
    from daguerre.tasks.restoration.damage.piece_views import PieceViews, batches
    from daguerre.tasks.restoration.damage_detection import CONTINUATION_SHARE

    picture = Picture.from_array(photograph.permute(1, 2, 0).contiguous().numpy())
    levels = detector.map(picture).levels[..., 0]
    least = detector.levels_of(CONTINUATION_SHARE)
    seen: list[Components] = []

    def note(pieces: Components) -> NDArray[np.bool_]:
        seen.append(pieces)
        return np.zeros(len(pieces.area), bool)

    keep_pieces(levels.copy(), least, note)
    pieces = seen[0]
    near, unknown, surely_sound = shares(levels >= least, pieces, marks[0].numpy())
    known = (unknown < MAX_UNKNOWN) & ((near > MIN_DAMAGED) | (near < MAX_SOUND))
    candidates = detector.candidates(pieces, levels.size)
    views = PieceViews.joined([views for _, views in batches(picture, levels, pieces, candidates, least)])
    numbers = np.flatnonzero(candidates)
    used = known[numbers]
    size = np.minimum(pieces.area[numbers] / FULL_AREA, 1)
    weights = weight * min(1.0, PER_PHOTOGRAPH / max(used.sum(), 1)) * (LEAST_WEIGHT + (1 - LEAST_WEIGHT) * size)
    damaged = (near > MIN_DAMAGED)[numbers]
    weights *= np.where(damaged | (surely_sound[numbers] > MIN_DAMAGED), 1, UNSEEN_WEIGHT)
    return Pieces(views[used], damaged[used].astype(np.float32), weights[used].astype(np.float32))


def shares(inside: NDArray[np.bool_], pieces: Components, marks: NDArray[np.uint8]) -> tuple[NDArray[np.float64], ...]:
    """Fractions of each piece's pixels that are close to damage, of which nobody knows, and that are surely sound."""
    count, labels = cv2.connectedComponents(inside.astype(np.uint8), connectivity=8)
    away = cv2.distanceTransform((marks != DAMAGED).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    area = np.bincount(labels.ravel(), minlength=count)
    ours = labels.ravel()[pieces.place]
    return tuple(
        np.bincount(labels.ravel(), those.ravel(), minlength=count)[ours] / area[ours]
        for those in ((away <= CLOSE) & (marks == DAMAGED).any(), marks == EITHER, marks == SOUND)
    )
