import torch

from daguerre.networks.denoising_unet import TextureUNet


def test_it_begins_by_changing_nothing():
    image = torch.rand(2, 3, 16, 24)
    assert torch.equal(TextureUNet()(image), image)


def test_it_is_small_enough_to_ship():
    assert sum(parameter.numel() for parameter in TextureUNet().parameters()) < 750_000


def test_nothing_beyond_the_halo_matters_and_something_within_does():
    torch.manual_seed(0)
    network = TextureUNet(features=(4, 4), blocks=1).eval()
    torch.nn.init.normal_(network.last.weight)
    image = torch.rand(1, 3, 96, 96)
    changed = image.clone()
    changed[..., 48:, :] = torch.rand(1, 3, 48, 96)
    with torch.inference_mode():
        apart = (network(image) - network(changed)).abs().amax((0, 1, 3))
    first = int(apart.nonzero()[0])
    assert 48 - network.halo <= first < 48
