import torch

from daguerre.tiling.moments import Moments


def gathered(values, sizes):
    moments = Moments()
    for piece in torch.split(values, sizes, dim=2):
        moments.add(piece)
    return moments


def test_moments_of_pieces_are_those_of_the_whole():
    torch.manual_seed(0)
    values = torch.randn(1, 3, 40, 17) * torch.tensor([1.0, 5.0, 0.01])[:, None, None] + 2
    moments = gathered(values, [1, 30, 9])
    variance, mean = torch.var_mean(values.double(), (0, 2, 3), correction=0)
    assert moments.count == 40 * 17
    torch.testing.assert_close(moments.mean, mean, rtol=1e-6, atol=0)
    torch.testing.assert_close(moments.variance, variance, rtol=1e-6, atol=0)


def test_a_large_mean_costs_the_variance_no_digits():
    torch.manual_seed(0)
    values = torch.randn(1, 2, 64, 64) + 1000
    variance = torch.var_mean(values.double(), (0, 2, 3), correction=0)[0]
    torch.testing.assert_close(gathered(values, 4).variance, variance, rtol=1e-6, atol=0)


def test_moments_by_hand():
    # 1, 3 and then 5, 7: mean 4, squared distances 9 + 1 + 1 + 9 over 4.
    moments = gathered(torch.tensor([1.0, 3.0, 5.0, 7.0]).reshape(1, 1, 2, 2), 1)
    assert moments.mean.tolist() == [4]
    assert moments.variance.tolist() == [5]
