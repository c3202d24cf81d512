import numpy as np
import pytest

from daguerre.images import Picture
from daguerre.networks.damage_verifier import CHANNELS, MEASURES, SIDE
from daguerre.tasks.restoration.damage.piece_views import BATCH, PieceViews, batches
from daguerre.tiling.components import keep_pieces


def pieces_in(levels, least=100):
    seen = []
    keep_pieces(levels.copy(), least, lambda pieces: seen.append(pieces) or np.zeros(len(pieces.area), bool))
    return seen[0]


def views(array, levels, least=100):
    pieces = pieces_in(levels, least)
    every = np.ones(len(pieces.area), bool)
    made = [some for _, some in batches(Picture.from_array(array), levels, pieces, every, least)]
    return pieces, PieceViews.joined(made)


@pytest.fixture
def scratched():
    """A gray picture with a white scratch at its right border and a speck, and where a detector sees them."""
    array = np.full((150, 120, 3), 90, np.uint8)
    levels = np.full((150, 120), 10, np.uint8)
    array[40:100, 117], levels[40:100, 117] = 255, 200
    array[20:22, 30:32], levels[20:22, 30:32] = 255, 120
    return array, levels


def test_each_piece_is_seen_by_itself_in_its_place(scratched):
    pieces, made = views(*scratched)
    assert made.views.shape == (2, CHANNELS, SIDE, SIDE)
    assert made.measures.shape == (2, MEASURES)
    speck, scratch = np.argsort(pieces.area)
    assert (made.views[speck, 4] > 0).sum() == 4, "the speck alone"
    assert (made.views[scratch, 4] > 0).sum() == SIDE // 2, "down from its first pixel, to the border of the view"
    for number in (speck, scratch):
        inside = made.views[number, 4] > 0
        assert (made.views[number, :3, inside] == 255).all()
    assert (made.views[speck, :3, ~(made.views[speck, 4] > 0)] == 90).all()


def test_measurements_tell_sizes_and_certainty(scratched):
    pieces, made = views(*scratched)
    speck, scratch = np.argsort(pieces.area)
    assert np.exp(made.measures[:, 0])[[speck, scratch]].tolist() == pytest.approx([4, 60])
    assert made.measures[[speck, scratch], 6].tolist() == pytest.approx([120 / 255, 200 / 255])


def test_many_pieces_come_in_batches():
    levels = np.zeros((100, 100), np.uint8)
    levels[::4, ::4] = 255
    pieces = pieces_in(levels)
    picture = Picture.from_array(np.zeros((100, 100, 3), np.uint8))
    sizes = [len(numbers) for numbers, _ in batches(picture, levels, pieces, pieces.top < 50, 100)]
    assert sum(sizes) == (pieces.top < 50).sum()
    assert max(sizes) == BATCH
