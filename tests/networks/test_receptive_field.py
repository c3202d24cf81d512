import math

import pytest
import torch
from torch import Tensor, nn

from daguerre.networks.compact_resnet import CompactResNet
from daguerre.networks.receptive_field import bicubic, conv, enlarge, halo_of, unshuffle
from daguerre.networks.rrdbnet import RRDBNet
from daguerre.networks.srcnn import SRCNN
from daguerre.networks.srresnet import MSRResNet, SRResNet
from daguerre.networks.srvgg import SRVGGNetCompact

SMALL: list[nn.Module] = [
    *(SRCNN(scale=scale, features=4, mapped=4, channels=channels) for scale, channels in [(2, 1), (3, 3), (4, 1)]),
    SRCNN(scale=4, features=4, mapped=4, middle=5),
    *(SRResNet(scale=scale, features=4, blocks=1) for scale in (2, 3, 4)),
    *(MSRResNet(scale=scale, features=4, blocks=1) for scale in (2, 3, 4)),
    *(RRDBNet(scale=scale, features=4, blocks=1, growth=2) for scale in (1, 2, 4)),
    *(SRVGGNetCompact(scale=scale, features=4, convs=2) for scale in (2, 4)),
    *(CompactResNet(scale=scale, features=4, blocks=1) for scale in (1, 2, 3, 4)),
]


def test_halo_of_one_convolution_is_half_its_kernel():
    assert halo_of(conv(9), scale=1) == 4
    assert halo_of(conv(3, 5), scale=1) == 5


def test_halo_after_enlargement_counts_in_input_pixels():
    # Output pixel 0 reads pixels -3..3 of the picture four times as large: input pixels -1 to 0.
    assert halo_of(enlarge(4), conv(3, 3), scale=4) == 1
    # Half of that enlargement first: -3 is pixel -2 at twice the size, then -3, then input pixel -2.
    assert halo_of(enlarge(2), conv(3), enlarge(2), conv(3, 3), scale=4) == 2


def test_halo_of_bicubic_enlargement_is_two():
    assert halo_of(bicubic(4), scale=4) == 2


def test_halo_before_unshuffling_counts_whole_cells():
    assert halo_of(unshuffle(2), conv(3), enlarge(2), scale=1, period=2) == 3


@pytest.mark.parametrize(
    ("network", "halo"),
    [
        (SRCNN(), 3),
        (SRResNet(features=4), 40),
        (MSRResNet(features=4), 35),
        (RRDBNet(features=4, growth=2), 349),
        (RRDBNet(features=4, growth=2, scale=2), 698),
        (SRVGGNetCompact(features=4, convs=16), 18),
        (SRVGGNetCompact(features=4, convs=32), 34),
        (CompactResNet(features=4), 20),
    ],
    ids=lambda value: type(value).__name__,
)
def test_halo_at_published_depth(network, halo):
    assert network.halo == halo


@pytest.mark.parametrize("network", SMALL, ids=lambda network: f"{type(network).__name__}-x{network.scale}")
def test_no_pixel_beyond_the_halo_counts_and_one_at_its_rim_does(network):
    change = response(network)
    assert change[network.halo] > 0
    assert not any(change[network.halo + 1 :])


def response(network: nn.Module) -> list[float]:
    """How much output pixels change, by their distance in input pixels from the one changed, over all alignments."""
    torch.manual_seed(0)
    for kernel in network.parameters():
        if kernel.ndim > 1:  # positive, so that nothing cancels; averages, so that nothing grows
            nn.init.uniform_(kernel, 0.5, 1.5).data.div_(kernel[0].numel())
    network = network.double().eval()
    cells = 2 * math.ceil(network.halo / network.multiple) + 5
    length, width = cells * network.multiple, 4
    image = torch.rand(1, 3, length, width, dtype=torch.float64)
    before = run(network, image)
    change = [0.0] * length
    for place in range(cells // 2 * network.multiple, (cells // 2 + 1) * network.multiple):
        other = image.clone()
        other[..., place, :] += 1e15  # the rim of a deep network's halo sees little of it
        difference = (run(network, other) - before).abs().amax(dim=(0, 1, 3))
        for row, amount in enumerate(difference.view(length, network.scale).amax(dim=1).tolist()):
            change[abs(row - place)] = max(change[abs(row - place)], amount)
    return change


def run(network: nn.Module, image: Tensor) -> Tensor:
    with torch.inference_mode():
        return network(image)
