import math

import pytest
import torch
from parity.fill import filled_state, fixture, relative_error

from daguerre.networks.rrdbnet import RRDB, DenseBlock, RRDBNet


def small(**arguments):
    return RRDBNet(**{"features": 8, "blocks": 1, "growth": 4} | arguments)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("realesrgan_rrdbnet_x4plus", {}),
        ("realesrgan_rrdbnet_x2plus", {"scale": 2}),
        ("realesrgan_rrdbnet_x4plus_anime_6b", {"blocks": 6}),
    ],
)
def test_rrdbnet_computes_what_the_published_network_computes(name, arguments):
    network = RRDBNet(**arguments).eval()
    network.load_state_dict(filled_state(name))
    inputs, output = fixture(name)
    with torch.inference_mode():
        assert relative_error(network(*inputs), output) < 1e-4


@pytest.mark.parametrize(
    ("arguments", "count"),
    [({}, 16_697_987), ({"scale": 2}, 16_703_171), ({"scale": 1}, 16_723_907), ({"blocks": 6}, 4_467_779)],
)
def test_rrdbnet_has_the_published_number_of_parameters(arguments, count):
    assert sum(parameter.numel() for parameter in RRDBNet(**arguments).parameters()) == count


@pytest.mark.parametrize(("scale", "size"), [(4, (1, 1)), (4, (5, 7)), (2, (2, 6)), (1, (4, 12))])
def test_rrdbnet_enlarges_odd_sizes_that_are_its_multiples(scale, size):
    result = small(scale=scale)(torch.rand(2, 3, *size))
    assert result.shape == (2, 3, scale * size[0], scale * size[1])


def test_rrdbnet_refuses_sizes_that_are_not_its_multiples():
    with pytest.raises(ValueError, match="multiples of 2, not 4 x 5"):
        small(scale=2)(torch.rand(1, 3, 4, 5))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"scale": 3}, "scale is 3"), ({"channels": 4}, "4 channels"), ({"unshuffle": 3}, "unshuffle is 3")],
)
def test_rrdbnet_refuses_what_it_has_no_layout_for(arguments, message):
    with pytest.raises(ValueError, match=message):
        RRDBNet(**arguments)


@pytest.mark.parametrize("scale", [1, 2, 4, 8])
def test_without_unshuffling_rrdbnet_takes_any_size(scale):
    network = small(scale=scale, unshuffle=1)
    assert network.multiple == 1
    assert network(torch.rand(2, 3, 5, 7)).shape == (2, 3, 5 * scale, 7 * scale)


@pytest.mark.parametrize("arguments", [{}, {"scale": 2}, {"scale": 2, "unshuffle": 1}])
def test_a_network_of_one_channel_enlarges_each_colour_by_itself(arguments):
    torch.manual_seed(0)
    network = small(channels=1, **arguments)
    image = torch.rand(2, 3, 4, 6)
    made = network(image)
    assert made.shape == (2, 3, 4 * network.scale, 6 * network.scale)
    for colour in range(3):
        alone = network(image[:, colour : colour + 1].expand(-1, 3, -1, -1))
        torch.testing.assert_close(alone, made[:, colour : colour + 1].expand(-1, 3, -1, -1))


@pytest.mark.parametrize(("scale", "unshuffle"), [(1, 1), (2, 1), (8, 1), (1, None), (2, None), (4, None)])
def test_the_halo_of_rrdbnet_is_exact(scale, unshuffle):
    torch.manual_seed(0)
    network = small(scale=scale, unshuffle=unshuffle, blocks=1, scaling=1.0).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    middle = -(-network.halo // network.multiple) * network.multiple
    image = torch.rand(1, 3, 1, 2 * middle + network.multiple).expand(-1, -1, 4 * network.multiple, -1).contiguous()
    image.requires_grad_()
    made = network(image)[..., middle * scale : (middle + network.multiple) * scale]
    made.sum().backward()
    reached = image.grad.abs().sum((0, 1, 2)).nonzero().flatten()
    assert (middle - int(reached[0])) <= network.halo
    assert int(reached[-1]) - (middle + network.multiple - 1) <= network.halo
    assert (
        max(middle - int(reached[0]), int(reached[-1]) - (middle + network.multiple - 1))
        >= network.halo - network.multiple
    )


def test_scaling_multiplies_what_a_block_adds():
    image = torch.rand(1, 8, 6, 6)
    inner, outer = DenseBlock(8, 4, 1.0), RRDB(8, 4, 0.0)
    added = inner(image) - image
    inner.scaling = 0.2
    torch.testing.assert_close(inner(image) - image, 0.2 * added)
    assert torch.equal(outer(image), image)


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_a_fresh_rrdbnet_nearly_enlarges_bilinearly(scale):
    torch.manual_seed(0)
    slope = torch.linspace(0.2, 0.8, 32).view(1, 1, 1, 32)
    image = slope * torch.tensor([1.0, 0.7, 0.4]).view(1, 3, 1, 1).expand(1, 3, 32, 32)
    wanted = torch.nn.functional.interpolate(image, scale_factor=scale, mode="bilinear")
    made = small(scale=scale, features=16)(image)
    assert (made - wanted)[..., 8:-8, 8:-8].abs().mean() < 0.02


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_every_parameter_of_rrdbnet_has_a_gradient(scale):
    network = small(scale=scale)
    network(torch.rand(1, 3, 8, 8)).square().sum().backward()
    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_effective_halo_of_a_deep_rrdbnet_leaves_an_error_below_one_in_a_hundred_thousand():
    torch.manual_seed(0)
    network = small(blocks=23).eval()
    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.normal_(layer.weight, std=2 / math.sqrt(layer.weight[0].numel()))
    halo, kept, beyond = network.effective_halo, 4, 16
    image = torch.rand(1, 3, 2 * (halo + beyond) + kept, 2 * (halo + beyond) + kept)
    with torch.inference_mode():
        whole = network(image)[..., 4 * (halo + beyond) :, 4 * (halo + beyond) :][..., : 4 * kept, : 4 * kept]
        window = network(image[..., beyond:-beyond, beyond:-beyond])[..., 4 * halo : 4 * (halo + kept), 4 * halo :]
    assert (window[..., : 4 * kept] - whole).abs().max() < 1e-5 * whole.abs().max()
