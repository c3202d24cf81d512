import pytest
import torch
from parity.fill import filled_state, fixture, relative_error

from daguerre.networks.discriminators import ESRGANDiscriminator, SRGANDiscriminator, UNetDiscriminatorSN


def test_unet_discriminator_computes_what_the_published_network_computes():
    network = UNetDiscriminatorSN().eval()
    network.load_state_dict(filled_state("realesrgan_unet_discriminator_sn"))
    inputs, output = fixture("realesrgan_unet_discriminator_sn")
    with torch.inference_mode():
        assert relative_error(network(*inputs), output) < 1e-4


def test_unet_discriminator_judges_every_pixel():
    assert UNetDiscriminatorSN(features=4)(torch.rand(2, 3, 8, 24)).shape == (2, 1, 8, 24)


@pytest.mark.parametrize(("kind", "side"), [(SRGANDiscriminator, 32), (ESRGANDiscriminator, 64)])
def test_dense_discriminators_give_one_logit_a_picture(kind, side):
    assert kind(side=side, features=4)(torch.rand(2, 3, side, side)).shape == (2, 1)


@pytest.mark.parametrize(
    ("kind", "layers"), [(SRGANDiscriminator, [64, 64, 128, 128, 256, 256, 512, 512]), (ESRGANDiscriminator, None)]
)
def test_dense_discriminators_have_the_published_layers(kind, layers):
    widths = [layer.out_channels for layer in kind().convs if isinstance(layer, torch.nn.Conv2d)]
    assert widths == (layers or [64, 64, 128, 128, 256, 256, 512, 512, 512, 512])


@pytest.mark.parametrize("kind", [SRGANDiscriminator, ESRGANDiscriminator])
def test_dense_discriminators_refuse_another_size(kind):
    with pytest.raises(ValueError, match="64 x 64 pixels, not 64 x 96"):
        kind(side=64, features=2)(torch.rand(2, 3, 64, 96))


def test_unet_discriminator_refuses_sizes_it_cannot_halve_three_times():
    with pytest.raises(ValueError, match="multiples of 8, not 12 x 16"):
        UNetDiscriminatorSN(features=2)(torch.rand(1, 3, 12, 16))


@pytest.mark.parametrize(
    "network",
    [
        SRGANDiscriminator(side=32, features=4),
        ESRGANDiscriminator(side=64, features=4),
        UNetDiscriminatorSN(features=4),
    ],
    ids=lambda network: type(network).__name__,
)
def test_every_parameter_of_a_discriminator_has_a_gradient(network):
    side = getattr(network, "side", 32)
    network(torch.rand(4, 3, side, side)).square().sum().backward()
    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []
