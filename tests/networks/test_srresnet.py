import pytest
import torch
from parity.fill import filled_state, fixture, relative_error

from daguerre.networks.srresnet import MSRResNet, SRResNet


@pytest.mark.parametrize("scale", [2, 4])
def test_msrresnet_computes_what_the_published_network_computes(scale):
    network = MSRResNet(scale=scale).eval()
    network.load_state_dict(filled_state(f"basicsr_msrresnet_x{scale}"))
    inputs, output = fixture(f"basicsr_msrresnet_x{scale}")
    with torch.inference_mode():
        assert relative_error(network(*inputs), output) < 1e-4


@pytest.mark.parametrize(
    ("network", "count"),
    [
        (MSRResNet(scale=2), 1_369_859),
        (MSRResNet(scale=4), 1_517_571),
        # 9x9 in and out, 33 3x3 convolutions with batch norm, two sub-pixel steps, 19 PReLUs
        (SRResNet(), 15_616 + 15_555 + 33 * (36_864 + 128) + 2 * 147_712 + 19),
        (SRResNet(norm=False), 15_616 + 15_555 + 33 * (36_864 + 64) + 2 * 147_712 + 19),
    ],
    ids=["MSRResNet-x2", "MSRResNet-x4", "SRResNet", "SRResNet without norms"],
)
def test_srresnets_have_the_published_layers(network, count):
    assert sum(parameter.numel() for parameter in network.parameters()) == count


@pytest.mark.parametrize("kind", [SRResNet, MSRResNet])
@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (5, 7)])
def test_srresnets_enlarge_odd_sizes(kind, scale, size):
    network = kind(scale=scale, features=4, blocks=1).eval()
    assert network(torch.rand(2, 3, *size)).shape == (2, 3, scale * size[0], scale * size[1])


@pytest.mark.parametrize("kind", [SRResNet, MSRResNet])
def test_srresnets_refuse_a_scale_they_have_no_layout_for(kind):
    with pytest.raises(ValueError, match="scale is 5"):
        kind(scale=5)


@pytest.mark.parametrize("kind", [SRResNet, MSRResNet])
def test_every_parameter_of_srresnets_has_a_gradient(kind):
    network = kind(features=4, blocks=2)
    network(torch.rand(2, 3, 8, 8)).square().sum().backward()
    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []
