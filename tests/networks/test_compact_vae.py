import pytest
import torch

from daguerre.networks.compact_vae import CompactEncoder, CompactVAE


@pytest.fixture
def network():
    torch.manual_seed(0)
    return CompactVAE(features=8, blocks=1).eval()


def image(height, width):
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(1))


def test_it_begins_almost_as_the_identity(network):
    assert (network(image(32, 24)) - image(32, 24)).abs().mean() < 0.02


def test_without_what_it_learns_it_is_the_identity(network):
    for trunk in (network.encoder, network.decoder):
        torch.nn.init.zeros_(trunk[-1].weight)
    assert torch.allclose(network(image(16, 20)), image(16, 20), atol=1e-6)


def test_the_latent_map_is_a_mean_and_a_log_variance_at_a_quarter_of_the_size(network):
    mean, log_variance = network.encode(image(16, 20))
    assert mean.shape == log_variance.shape == (1, 64, 4, 5)
    drawn = network.sample(mean, log_variance)
    assert 0 < (drawn - mean).abs().mean() < 0.2


def test_drawn_maps_have_the_deviation_that_was_predicted(network):
    mean, log_variance = torch.zeros(1, 64, 40, 40), torch.full((1, 64, 40, 40), 2.0).log()
    assert abs(network.sample(mean, log_variance).var().item() - 2) < 0.05


def test_the_halo_is_what_can_be_measured(network):
    for trunk in (network.encoder, network.decoder):
        trunk[-1].weight.data.mul_(50)  # else the farthest is lost in rounding
    clean, reach = image(160, 4), 0
    for row in range(80, 84):
        changed = clean.clone()
        changed[:, :, row] += 0.5
        rows = (network(changed) - network(clean)).abs().amax((0, 1, 3)).nonzero()[:, 0]
        reach = max(reach, row - int(rows.min()), int(rows.max()) - row)
    assert reach == network.halo


def test_every_parameter_learns(network):
    decoded, (mean, log_variance) = network(image(16, 16)), network.encode(image(16, 16))
    (decoded.sum() + mean.sum() + log_variance.sum()).backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in network.parameters())


def test_sizes_that_do_not_fit_are_refused(network):
    with pytest.raises(ValueError, match="multiples of 4, not 18 x 16"):
        network.encode(image(18, 16))


def test_too_few_channels_are_refused():
    with pytest.raises(ValueError, match="40 latent channels do not hold the 48"):
        CompactVAE(latent=40)


def test_the_encoder_alone_gives_the_mean(network):
    alone = CompactEncoder.of(network)
    assert torch.equal(alone(image(16, 20)), network.encode(image(16, 20))[0])
    assert CompactEncoder.of(alone) is alone
    with pytest.raises(TypeError, match="a Conv2d has no encoder"):
        CompactEncoder.of(torch.nn.Conv2d(1, 1, 1))
