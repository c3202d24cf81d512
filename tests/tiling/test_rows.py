import pytest
import torch
from torch import nn
from torch.nn import functional as F

from daguerre.tiling.rows import traced_halo


def reach_of(network, multiple, out):
    """Rows and columns around a window in the middle that have a gradient from its output, measured."""
    image = torch.rand(1, 3, 96, 96, dtype=torch.float64, requires_grad=True)
    made = network.double()(image)
    first = 48 // multiple * out
    made[..., first : first + out, first : first + out].sum().backward()
    rows, columns = (image.grad.abs().sum((0, 1, axis)).nonzero() for axis in (3, 2))
    begin = 48 // multiple * multiple
    assert rows.equal(columns)
    return max(begin - int(rows.min()), int(rows.max()) + 1 - begin - multiple)


@pytest.mark.parametrize(
    ("layers", "multiple", "out"),
    [
        ([nn.Conv2d(3, 2, 7, padding=3), nn.Conv2d(2, 2, 3, padding=1)], 1, 1),
        ([nn.Conv2d(3, 2, 3, padding=4, dilation=4)], 1, 1),
        ([nn.Conv2d(3, 2, 4, stride=2, padding=1), nn.Conv2d(2, 2, 4, stride=2, padding=1)], 4, 1),
        ([nn.Conv2d(3, 2, 4, 2, 1), nn.Conv2d(2, 2, 3, 1, 1), nn.ConvTranspose2d(2, 2, 4, 2, 1)], 2, 2),
        ([nn.Conv2d(3, 2, 3, 2, 1), nn.Upsample(scale_factor=2), nn.Conv2d(2, 2, 9, 1, 4)], 2, 2),
        ([nn.Conv2d(3, 2, 3, 2, 1), nn.Upsample(scale_factor=2, mode="bilinear")], 2, 2),
        ([nn.Upsample(scale_factor=4), nn.Conv2d(3, 2, 9, padding=4)], 1, 4),
    ],
)
def test_the_traced_halo_is_the_measured_one(layers, multiple, out):
    network = nn.Sequential(*layers)
    for parameter in network.parameters():
        nn.init.uniform_(parameter, 0.5, 1)  # no cancelling
    assert traced_halo(network, multiple=multiple) == reach_of(network, multiple, out)


def test_the_traced_halo_takes_the_longest_way_and_no_statistics():
    def network(x):
        deep = F.instance_norm(F.conv2d(F.conv2d(x, torch.ones(3, 3, 5, 5), padding=2), torch.ones(3, 3, 3, 3)))
        return F.pad(deep, (1, 1, 1, 1), mode="reflect") + x

    assert traced_halo(network) == 3
