import numpy as np
import pytest
import torch

from daguerre.images import Canvas
from daguerre.tasks.restoration.damage_detection import ScratchDetector
from daguerre.training.data.damage_pieces import pieces_of


@pytest.fixture
def detector(monkeypatch):
    """It takes what is white for damage."""

    def found(self, picture, **_):
        canvas = Canvas(picture.height, picture.width, grey=True)
        canvas.levels[..., 0] = np.where(
            picture.array().reshape(picture.height, picture.width, -1)[..., 0] > 200, 250, 0
        )
        return canvas

    monkeypatch.setattr(ScratchDetector, "map", found)
    return ScratchDetector()


def photograph(*places):
    picture = torch.full((3, 100, 100), 90, dtype=torch.uint8)
    for row, column in places:
        picture[:, row : row + 4, column : column + 10] = 255
    return picture


def marks(level, *places):
    marked = torch.zeros(1, 100, 100, dtype=torch.uint8)
    for row, column in places:
        marked[:, row : row + 4, column : column + 10] = level
    return marked


def test_a_piece_is_damage_where_damage_is_marked_and_unknown_ones_are_left_out(detector):
    known = marks(255, (10, 10)) + marks(128, (50, 50))
    made = pieces_of(detector, photograph((10, 10), (30, 70), (50, 50)), known)
    assert made.damaged.tolist() == [1, 0]
    assert len(made.views.views) == len(made.weight) == 2


def test_a_piece_half_of_which_is_damage_is_not_used(detector):
    made = pieces_of(detector, photograph((10, 10)), marks(255, (10, 6)).roll(-4, 2))
    assert len(made.damaged) == 0


def test_pieces_of_a_photograph_with_many_count_less(detector):
    places = [(row, column) for row in range(4, 90, 12) for column in range(4, 90, 16)]
    few, many = (pieces_of(detector, photograph(*some), marks(255)) for some in (places[:2], places))
    assert many.weight[0] < few.weight[0]
    assert len(many.damaged) == len(places)


def test_a_photograph_may_count_less(detector):
    full, half = (pieces_of(detector, photograph((10, 10)), marks(255), weight=weight) for weight in (1.0, 0.5))
    assert half.weight.tolist() == pytest.approx((full.weight / 2).tolist())


def test_what_was_seen_to_be_sound_counts_more_than_what_may_have_been_overlooked(detector):
    looked_at, not_looked_at = (pieces_of(detector, photograph((10, 10)), marks(level, (10, 10))) for level in (64, 0))
    assert looked_at.damaged.tolist() == not_looked_at.damaged.tolist() == [0]
    assert not_looked_at.weight[0] < 0.2 * looked_at.weight[0]
