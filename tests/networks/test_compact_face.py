import pytest
import torch
from torch.nn import functional as F

from daguerre.networks.compact_face import KEPT_SIGMA, CompactFace


@pytest.fixture
def network():
    torch.manual_seed(0)
    return CompactFace(side=32, widths=(6, 8, 8), blocks=(1, 1, 2)).eval()


def face(side=32):
    return torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(1))


def test_it_begins_near_the_identity(network):
    assert (network(face()) - face()).abs().mean() < 0.1


def test_the_large_forms_stay_whatever_is_learnt(network):
    with torch.no_grad():
        network.last.weight.mul_(50)
        network.last.bias.fill_(0.3)
    difference = (network(face(64)) - face(64)).detach()
    middle = F.avg_pool2d(difference, 33, stride=1)  # over four times the blur that finds nothing
    assert KEPT_SIGMA * 64 == 4
    assert difference.abs().mean() > 0.1
    assert middle.abs().max() < 0.1 * difference.abs().mean()


def test_every_parameter_learns(network):
    (network(face()) * torch.linspace(0, 1, 32)).square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in network.parameters())


def test_what_ships_is_small():
    assert sum(parameter.numel() for parameter in CompactFace().parameters()) == 1_998_412


def test_sizes_that_do_not_fit_are_refused(network):
    with pytest.raises(ValueError, match="multiples of 8, not 30 x 32"):
        network(torch.rand(1, 3, 30, 32))
