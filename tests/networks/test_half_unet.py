import pytest
import torch

from daguerre.networks.half_unet import HalfUNet


def network(**changes):
    torch.manual_seed(0)
    return HalfUNet(**{"inputs": 2, "outputs": 5, "features": (4, 6, 8), "blocks": 1} | changes)


@pytest.mark.parametrize("size", [(8, 8), (16, 40)])
def test_every_pixel_is_seen_and_drawn(size):
    assert network()(torch.rand(3, 2, *size)).shape == (3, 5, *size)


def test_parameters_by_hand():
    first, last = 2 * 4 * 36 + 4, 4 * 5 * 36 + 5
    down, up = 4 * 6 * 4 + 6 + 6 * 8 * 4 + 8, 6 * 4 + 4 + 8 * 6 + 6
    block = {width: 2 * (width * width * 9 + width) for width in (4, 6, 8)}
    blocks = 2 * (2 * block[4] + 2 * block[6] + block[8])  # two a level, on both ways but for the lowest
    counted = sum(parameter.numel() for parameter in network(blocks=2).parameters())
    assert counted == first + last + down + up + blocks


def test_every_parameter_has_a_gradient():
    made = network()
    made(torch.rand(1, 2, 16, 16)).square().sum().backward()
    assert [name for name, p in made.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize("size", [(8, 12), (20, 16)])
def test_sizes_that_cannot_be_halved_as_often_are_refused(size):
    with pytest.raises(ValueError, match=f"HalfUNet takes .* multiples of 8, not {size[0]} x {size[1]}"):
        network()(torch.rand(1, 2, *size))


def test_a_line_one_pixel_wide_is_seen_wherever_it_lies():
    made, plain = network(inputs=3), torch.full((1, 3, 16, 16), 0.5)
    answers = []
    for row in (6, 7):
        lined = plain.clone()
        lined[..., row, :] = 1
        answers.append(made(lined) - made(plain))
    assert min(answer.abs().max() for answer in answers) > 1e-3
    assert not torch.allclose(answers[0], answers[1])


def test_deeper_networks_see_further():
    halos = [network(inputs=3, features=features).halo for features in ((4,), (4, 4), (4, 4, 4))]
    assert halos == sorted(set(halos))
    assert network(inputs=3, blocks=2).halo > network(inputs=3).halo
