import pytest
import torch
from torch.nn import functional as F

from daguerre.networks.compact_resnet import CompactResNet, enlarge_bicubic


def test_compact_has_the_parameters_of_its_layers():
    layer = 48 * 48 * 9 + 48
    count = sum(parameter.numel() for parameter in CompactResNet().parameters())
    assert count == (3 * 48 * 9 + 48) + 18 * layer + (48 * 48 * 9 + 48)


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (5, 7)])
def test_compact_enlarges_odd_sizes(scale, size):
    result = CompactResNet(scale=scale, features=4, blocks=1)(torch.rand(2, 3, *size))
    assert result.shape == (2, 3, scale * size[0], scale * size[1])


def test_compact_starts_near_bicubic_enlargement():
    torch.manual_seed(0)
    image = torch.rand(1, 3, 8, 8)
    assert (CompactResNet()(image) - F.interpolate(image, scale_factor=4, mode="bicubic")).abs().mean() < 0.02


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_bicubic_as_a_convolution_is_bicubic_even_under_autocast(scale):
    image = torch.rand(2, 3, 6, 9)
    with torch.autocast("cpu", torch.bfloat16):
        enlarged = F.pixel_shuffle(enlarge_bicubic(image, scale), scale)
    assert (enlarged - F.interpolate(image, scale_factor=scale, mode="bicubic")).abs().max() < 1e-6


def test_every_parameter_of_compact_has_a_gradient():
    network = CompactResNet(features=4, blocks=2)
    network(torch.rand(1, 3, 8, 8)).square().sum().backward()
    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []
