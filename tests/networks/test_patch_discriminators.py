import pytest
import torch

from daguerre.networks.patch_discriminators import LatentDiscriminator, MultiScaleDiscriminator


def test_every_scale_gives_its_features_and_its_logits():
    discriminator = MultiScaleDiscriminator(features=4, layers=2, scales=3)
    made = discriminator(torch.rand(2, 3, 33, 50))
    assert [len(features) for features in made] == [4, 4, 4]
    assert [features[-1].shape for features in made] == [(2, 1, 11, 16), (2, 1, 7, 9), (2, 1, 5, 6)]
    assert [feature.shape[1] for feature in made[0]] == [4, 8, 16, 1]


def test_channels_stop_doubling_at_eight_times():
    made = MultiScaleDiscriminator(features=2, layers=5, scales=1)(torch.rand(1, 3, 64, 64))
    assert [feature.shape[1] for feature in made[0]] == [2, 4, 8, 16, 16, 16, 1]


def test_the_published_discriminator_has_this_number_of_parameters():
    # By hand: 4x4 convolutions 3-64-128-256-512-1, with biases.
    convolutions = [(3, 64), (64, 128), (128, 256), (256, 512), (512, 1)]
    one = sum(16 * inputs * outputs + outputs for inputs, outputs in convolutions)
    assert sum(parameter.numel() for parameter in MultiScaleDiscriminator(scales=2).parameters()) == 2 * one


@pytest.mark.parametrize("spectral", [False, True])
def test_every_weight_of_the_discriminator_has_a_gradient(spectral):
    torch.manual_seed(0)
    discriminator = MultiScaleDiscriminator(features=4, spectral=spectral)
    sum((features[-1] - 1).square().mean() for features in discriminator(torch.rand(1, 3, 64, 64))).backward()
    assert all(parameter.grad is not None for parameter in discriminator.parameters())
    weights = {n: p for n, p in discriminator.named_parameters() if "weight" in n}
    assert [name for name, weight in weights.items() if not weight.grad.any()] == []


def test_spectral_normalisation_bounds_every_convolution():
    torch.manual_seed(0)
    discriminator = MultiScaleDiscriminator(features=4, scales=1, spectral=True)
    for _ in range(30):
        discriminator(torch.rand(1, 3, 64, 64))
    for stage in discriminator.eval().scales[0].stages:
        assert torch.linalg.matrix_norm(stage[0].weight.flatten(1), 2) < 1.01


def test_the_latent_discriminator_judges_latent_maps_at_one_scale():
    made = LatentDiscriminator(latent=6, features=4)(torch.rand(2, 6, 16, 16))
    assert len(made) == 1
    assert made[0][-1].shape[:2] == (2, 1)
