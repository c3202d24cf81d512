import pytest
import torch

from daguerre.networks.blocks import ResidualBlock, check_size


def test_a_residual_block_adds_what_normalization_makes_alike():
    torch.manual_seed(0)
    block, x = ResidualBlock(4), torch.rand(2, 4, 9, 11)
    added = block(x) - x
    assert added.shape == x.shape
    torch.testing.assert_close(added.mean((2, 3)), torch.zeros(2, 4), rtol=0, atol=1e-5)
    torch.testing.assert_close(added.var((2, 3), correction=0), torch.ones(2, 4), rtol=0, atol=1e-2)


def test_its_parameters_are_two_convolutions_and_each_has_a_gradient():
    block = ResidualBlock(4)
    assert sum(parameter.numel() for parameter in block.parameters()) == 2 * (4 * 4 * 9 + 4)
    weights = torch.rand(1, 4, 8, 8)
    (block(torch.rand(1, 4, 8, 8)).square() * weights).sum().backward()
    assert [name for name, p in block.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_edges_are_reflected_so_that_an_even_picture_stays_even():
    torch.manual_seed(0)
    x = torch.full((1, 4, 8, 8), 0.3)
    torch.testing.assert_close(ResidualBlock(4)(x), x, rtol=0, atol=1e-3)


@pytest.mark.parametrize(("height", "width"), [(8, 12), (0, 4)])
def test_multiples_pass(height, width):
    check_size(torch.zeros(1, 3, height, width), 4, "Network")


@pytest.mark.parametrize(("height", "width"), [(9, 12), (8, 13)])
def test_other_sizes_are_refused_with_both_numbers(height, width):
    message = f"Network takes heights and widths that are multiples of 4, not {height} x {width}"
    with pytest.raises(ValueError, match=message):
        check_size(torch.zeros(1, 3, height, width), 4, "Network")
