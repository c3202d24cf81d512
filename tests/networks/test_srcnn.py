import pytest
import torch
from torch import nn

from daguerre.images.resample import resize_bicubic
from daguerre.networks.srcnn import SRCNN, luma


@pytest.mark.parametrize(("middle", "weights"), [(1, 8_032), (5, 57_184)])
def test_srcnn_has_the_published_number_of_weights(middle, weights):
    biases = 64 + 32 + 1
    assert sum(parameter.numel() for parameter in SRCNN(middle=middle).parameters()) == weights + biases


@pytest.mark.parametrize("channels", [1, 3])
def test_srcnn_starts_as_bicubic_enlargement(channels):
    image = 0.2 + 0.6 * torch.rand(1, 3, 6, 5)
    assert torch.allclose(SRCNN(channels=channels)(image), resize_bicubic(image, 24, 20), atol=1e-6)


def test_srcnn_on_luma_leaves_chroma_to_bicubic_enlargement():
    torch.manual_seed(0)
    network = SRCNN(features=8, mapped=4)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.1)
    image = torch.rand(1, 3, 6, 5)
    result, enlarged = network(image), resize_bicubic(image, 24, 20)
    assert (result - enlarged).abs().max() > 0.01
    assert torch.allclose(result - luma(result), enlarged - luma(enlarged), atol=1e-5)


def test_srcnn_luma_of_red_is_0_299():
    assert luma(torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1)).item() == pytest.approx(0.299)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (5, 7)])
def test_srcnn_enlarges_odd_sizes(scale, size):
    result = SRCNN(scale=scale, features=4, mapped=4)(torch.rand(2, 3, *size))
    assert result.shape == (2, 3, scale * size[0], scale * size[1])


def test_srcnn_refuses_a_number_of_channels_it_has_no_picture_for():
    with pytest.raises(ValueError, match="not 2"):
        SRCNN(channels=2)


@pytest.mark.parametrize("channels", [1, 3])
def test_every_parameter_of_srcnn_has_a_gradient(channels):
    network = SRCNN(channels=channels)
    network(torch.rand(1, 3, 4, 4)).square().sum().backward()
    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []
