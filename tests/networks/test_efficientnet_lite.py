import pytest
import torch
from torch.nn import functional as F

from daguerre.networks.efficientnet_lite import EfficientNetLite0, SameConv2d


def test_it_has_the_published_number_of_parameters():
    assert sum(parameter.numel() for parameter in EfficientNetLite0().parameters()) == 4_652_008


def test_odd_sizes_have_logits_and_every_parameter_a_gradient():
    network = EfficientNetLite0(classes=5)
    logits = network(torch.rand(2, 3, 65, 47))
    assert logits.shape == (2, 5)
    logits.square().sum().backward()
    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize(("side", "before", "after"), [(8, 0, 1), (9, 1, 1)])
def test_padding_is_tensorflows(side, before, after):
    conv = SameConv2d(1, 1, 3, stride=2)
    image = torch.rand(1, 1, side, 9)
    expected = F.conv2d(F.pad(image, (1, 1, before, after)), conv.weight, stride=2)
    torch.testing.assert_close(conv(image), expected)


def test_pictures_of_any_size_are_brought_to_its_own_first():
    network = EfficientNetLite0(classes=3).eval()
    image = torch.rand(1, 3, 32, 48)
    larger = F.interpolate(image, (224, 336), mode="bicubic", antialias=True)
    with torch.inference_mode():
        torch.testing.assert_close(network.classify(image), network(larger))
