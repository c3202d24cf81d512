import numpy as np
import pytest
import torch

from daguerre import weights
from daguerre.devices import choose_device
from daguerre.images import Picture
from daguerre.networks.damage_verifier import MEASURES, DamageVerifier
from daguerre.tasks.restoration.damage.piece_views import BATCH
from daguerre.tasks.restoration.damage.verification import VERIFIER, PieceVerifier
from daguerre.tiling.components import keep_pieces
from daguerre.weights.checkpoint import write


@pytest.fixture
def desk(desk):
    """A network for which a piece is damage as likely as the detectors said."""
    arguments = {"width": 0.1, "layers": ["relu1_1"], "hidden": 2}
    network = DamageVerifier(**arguments)
    for parameter in network.deciding.parameters():
        parameter.data.zero_()
    network.deciding[1].weight.data[0, MEASURES] = 1
    network.deciding[4].weight.data[0, 0] = 10
    network.deciding[4].bias.data.fill_(-5)
    header = weights.WeightsHeader(name=VERIFIER, task="check-damage", network="DamageVerifier", arguments=arguments)
    write(weights.weights_folder() / f"{VERIFIER}.safetensors", network.state_dict(), header, half=False)


@pytest.fixture
def verifier(desk):
    return PieceVerifier(choose_device("cpu", "float32"))


def looked_at(verifier, levels, chosen, progress=None):
    made = []

    def look(pieces):
        keywords = {} if progress is None else {"progress": progress}
        made.append(verifier(picture, levels, pieces, chosen(pieces), 100, **keywords))
        return np.zeros(len(pieces.area), bool)

    picture = Picture.from_array(np.full((*levels.shape, 3), 90, np.uint8))
    keep_pieces(levels.copy(), 100, look)
    return made[0]


def test_each_chosen_piece_has_a_probability_of_its_own(verifier):
    levels = np.zeros((40, 90), np.uint8)
    for column, level in ((5, 255), (35, 102), (65, 255)):
        levels[10:14, column : column + 4] = level
    probability = looked_at(verifier, levels, lambda pieces: pieces.left != 65)
    expected = torch.sigmoid(10 * torch.tensor([1.0, 0.4]) - 5).tolist()
    assert probability.tolist() == pytest.approx([*expected, 0.0], abs=1e-4)


def test_many_pieces_are_counted_and_none_is_fine(verifier):
    told = []
    levels = np.zeros((100, 100), np.uint8)
    levels[::10, ::10] = 255
    looked_at(verifier, levels, lambda pieces: pieces.area > 0, told.append)
    assert [(one.done, one.total) for one in told] == [(BATCH, 100), (100, 100)]
    assert looked_at(verifier, np.zeros((20, 20), np.uint8), lambda pieces: pieces.area > 0).tolist() == []
