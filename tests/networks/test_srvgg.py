import pytest
import torch
from parity.fill import filled_state, fixture, relative_error

from daguerre.networks.srvgg import SRVGGNetCompact


@pytest.mark.parametrize(
    ("name", "convs"), [("realesrgan_srvgg_general_x4v3", 32), ("realesrgan_srvgg_anime_x4v3", 16)]
)
def test_srvgg_computes_what_the_published_network_computes(name, convs):
    network = SRVGGNetCompact(convs=convs).eval()
    network.load_state_dict(filled_state(name))
    inputs, output = fixture(name)
    with torch.inference_mode():
        assert relative_error(network(*inputs), output) < 1e-4


@pytest.mark.parametrize(("convs", "count"), [(32, 1_213_296), (16, 621_424)])
def test_srvgg_has_the_published_number_of_parameters(convs, count):
    assert sum(parameter.numel() for parameter in SRVGGNetCompact(convs=convs).parameters()) == count


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (5, 7)])
def test_srvgg_enlarges_odd_sizes(scale, size):
    result = SRVGGNetCompact(scale=scale, features=4, convs=1)(torch.rand(2, 3, *size))
    assert result.shape == (2, 3, scale * size[0], scale * size[1])


def test_every_parameter_of_srvgg_has_a_gradient():
    network = SRVGGNetCompact(features=4, convs=2)
    network(torch.rand(1, 3, 8, 8)).square().sum().backward()
    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []
