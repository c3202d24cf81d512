import torch
from torch import nn

from daguerre.training.batchnorm_folding import fold, normalize


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), nn.ReLU(), nn.Sequential(nn.Conv2d(5, 4, 1, bias=False)))


def test_folded_weights_compute_what_the_normalised_network_does():
    torch.manual_seed(0)
    normalised = normalize(network())
    for _ in range(3):
        normalised(torch.randn(8, 3, 6, 6) * 2 + 1)  # gather statistics
    for parameter in normalised.parameters():
        parameter.data += 0.1 * torch.randn(parameter.shape)
    plain = nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), nn.ReLU(), nn.Sequential(nn.Conv2d(5, 4, 1)))
    plain.load_state_dict(fold(normalised))
    image = torch.randn(2, 3, 7, 9)
    torch.testing.assert_close(plain(image), normalised.eval()(image), atol=1e-5, rtol=1e-5)
